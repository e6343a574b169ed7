//! Reads a partition's state back from the compacted topics before its first record is processed.
//!
//! Promises that everything committed before the assignment has been handed to the stage. It first waits until no transaction
//! hides records behind the last stable offset, and ends by the fetch position at the end of the partition, never by the last
//! record seen: control records and compaction leave gaps at the end of a log. Bounded in time without progress.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Offset, TopicPartitionList};

use super::{Stage, StageConfig};
use crate::client::QuietContext;
use crate::error::KafkaError;
use crate::metrics;
use crate::native::FetchingConsumer;
use crate::reader::Transience as _;
use crate::record::TopicPartition;
use crate::settings::{Isolation, KafkaSettings};
use crate::topics::{cluster_info, inspector, watermarks};

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Restored {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
}

/// How often the caller's membership is kept alive while reading.
const HEARTBEAT: Duration = Duration::from_millis(50);

/// The questions and limits of one restore.
pub(super) struct Restore<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) config: &'a StageConfig,
    /// Polls the group consumer and says whether to give up: another rebalance, or shutdown.
    pub(super) interrupted: &'a mut dyn FnMut() -> bool,
}

impl Restore<'_> {
    /// Reads the changelogs of these partition numbers, topic after topic. `None` when interrupted.
    pub(super) fn run(
        mut self,
        numbers: &[i32],
        stage: &mut dyn Stage,
    ) -> Result<Option<Restored>, KafkaError> {
        let started = Instant::now();
        let mut restored = Restored::default();
        let (settings, config) = (self.settings, self.config);
        let ends = inspector(settings, Isolation::ReadUncommitted)?;
        verify_co_partitioned(&ends, settings, config)?;
        if !config.changelogs.is_empty() && !numbers.is_empty() {
            let mut reader = config_of_reader(settings, config)?;
            let stable = inspector(settings, Isolation::ReadCommitted)?;
            for topic in &config.changelogs {
                let Some(held) = self.wait_until_stable(&ends, &stable, topic, numbers)? else {
                    return Ok(None);
                };
                if !self.read_topic(&mut reader, topic, &held, stage, &mut restored)? {
                    return Ok(None);
                }
            }
        }
        restored.elapsed = started.elapsed();
        metrics::observe_seconds(metrics::RESTORE_SECONDS, &config.group, restored.elapsed);
        metrics::count(metrics::RESTORED_TOTAL, &config.group, restored.records);
        Ok(Some(restored))
    }

    /// A predecessor's transaction may still be open or half written. What it holds back is not readable yet, so wait
    /// until everything up to the present end is decided. Gives the partitions that hold anything; `None` when
    /// interrupted.
    fn wait_until_stable(
        &mut self,
        ends: &BaseConsumer<QuietContext>,
        stable: &BaseConsumer<QuietContext>,
        topic: &str,
        numbers: &[i32],
    ) -> Result<Option<Vec<i32>>, KafkaError> {
        let asked: Vec<TopicPartition> =
            numbers.iter().map(|&number| TopicPartition::new(topic, number)).collect();
        let targets = watermarks(ends, self.settings, &asked)?;
        let held =
            numbers.iter().zip(&targets).filter(|(_, (low, end))| low < end).map(|(&number, _)| number);
        let held = held.collect();
        let deadline = Instant::now() + self.config.restore_stable_timeout;
        loop {
            let reached = watermarks(stable, self.settings, &asked)?;
            let behind =
                reached.iter().zip(&targets).position(|((_, reached), (_, target))| reached < target);
            let Some(behind) = behind else { return Ok(Some(held)) };
            if (self.interrupted)() {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::Restore {
                    topic: topic.to_owned(),
                    partition: numbers[behind],
                    reason: format!(
                        "a transaction is still open at offset {} of {} after {:?}. Its writer hangs: stop it, or abort it \
                         with kafka-transactions",
                        reached[behind].1, targets[behind].1, self.config.restore_stable_timeout
                    ),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One topic at a time, because the client reports the end of a partition by its number alone.
    fn read_topic(
        &mut self,
        reader: &mut FetchingConsumer<QuietContext>,
        topic: &str,
        numbers: &[i32],
        stage: &mut dyn Stage,
        restored: &mut Restored,
    ) -> Result<bool, KafkaError> {
        let mut open = numbers.to_vec();
        let mut list = TopicPartitionList::new();
        for &number in numbers {
            list.add_partition_offset(topic, number, Offset::Beginning)
                .map_err(KafkaError::client("assigning"))?;
        }
        let partitions: Vec<TopicPartition> =
            numbers.iter().map(|&number| TopicPartition::new(topic, number)).collect();
        reader.join_queues(&partitions)?;
        reader.assign(&list).map_err(KafkaError::client("assigning"))?;
        let (mut progress, mut beat) = (Instant::now(), Instant::now());
        while !open.is_empty() {
            match reader.next_within(HEARTBEAT) {
                Some(Ok(record)) => {
                    // The end of the previous topic's partitions may still have been on its way.
                    if record.topic == topic {
                        restored.records += 1;
                        restored.bytes += record.payload_bytes() as u64;
                        stage.restore(record.partition, record)?;
                        fail::fail_point!("stage.during_restore");
                    }
                    if !restored.records.is_multiple_of(256) {
                        continue;
                    }
                    progress = Instant::now();
                }
                Some(Err(ClientError::PartitionEOF(number))) => {
                    progress = Instant::now();
                    open.retain(|&waiting| waiting != number);
                }
                Some(Err(error)) if error.is_transient() => {}
                Some(Err(error)) => return Err(KafkaError::Client { operation: "restoring", source: error }),
                None => {}
            }
            if beat.elapsed() >= HEARTBEAT {
                beat = Instant::now();
                if (self.interrupted)() {
                    return Ok(false);
                }
            }
            if progress.elapsed() >= self.config.restore_stall_timeout {
                return Err(KafkaError::Restore {
                    topic: topic.to_owned(),
                    partition: open[0],
                    reason: format!(
                        "no progress for {:?} after {} records",
                        progress.elapsed(),
                        restored.records
                    ),
                });
            }
        }
        reader.discard();
        reader.unassign().map_err(KafkaError::client("unassigning"))?;
        Ok(true)
    }
}

fn config_of_reader(
    settings: &KafkaSettings,
    config: &StageConfig,
) -> Result<FetchingConsumer<QuietContext>, KafkaError> {
    let client =
        settings.assigned_consumer(&config.group, Isolation::ReadCommitted, config.prefetch_bytes)?;
    BaseConsumer::from_config_and_context(&client, QuietContext)
        .map(FetchingConsumer::new)
        .map_err(KafkaError::client("consumer"))
}

/// The state of partition p serves partition p of every input, so all of them must have the same count.
fn verify_co_partitioned(
    client: &BaseConsumer<QuietContext>,
    settings: &KafkaSettings,
    config: &StageConfig,
) -> Result<(), KafkaError> {
    let existing = cluster_info(client, settings)?.topics;
    let mut expected = None;
    for topic in config.inputs.iter().chain(&config.changelogs) {
        let Some(&found) = existing.get(topic) else {
            return Err(KafkaError::TopicMissing { topic: topic.clone() });
        };
        let expected = *expected.get_or_insert(found);
        if found != expected {
            return Err(KafkaError::PartitionCount { topic: topic.clone(), expected, found });
        }
    }
    Ok(())
}
