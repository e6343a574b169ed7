//! Reads a partition's state back from the compacted topics before its first record is processed.
//!
//! Promises that everything committed before the assignment has been handed to the stage. It first waits until no transaction
//! hides records behind the last stable offset, and ends by the fetch position at the end of the partition, never by the last
//! record seen: control records and compaction leave gaps at the end of a log. Bounded in time without progress.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use super::{Stage, StageConfig};
use crate::bounded::{BoundedConsumer, Span, Taken};
use crate::client::QuietContext;
use crate::error::KafkaError;
use crate::metrics;
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
        let ends = Arc::new(inspector(settings, Isolation::ReadUncommitted)?);
        verify_co_partitioned(&ends, settings, config)?;
        if !config.changelogs.is_empty() && !numbers.is_empty() {
            let asks = (config.group.as_str(), Isolation::ReadCommitted);
            let mut reader =
                BoundedConsumer::new(settings, asks, config.prefetch_bytes, Arc::clone(&ends), "restoring")?;
            let stable = inspector(settings, Isolation::ReadCommitted)?;
            for topic in &config.changelogs {
                let Some(spans) = self.wait_until_stable(&ends, &stable, topic, numbers)? else {
                    return Ok(None);
                };
                if !self.read_topic(&mut reader, topic, spans, stage, &mut restored)? {
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
    /// until everything up to the present end is decided. Gives what the partitions hold up to there; `None` when
    /// interrupted.
    fn wait_until_stable(
        &mut self,
        ends: &BaseConsumer<QuietContext>,
        stable: &BaseConsumer<QuietContext>,
        topic: &str,
        numbers: &[i32],
    ) -> Result<Option<Vec<Span>>, KafkaError> {
        let asked: Vec<TopicPartition> =
            numbers.iter().map(|&number| TopicPartition::new(topic, number)).collect();
        let targets = watermarks(ends, self.settings, &asked)?;
        let deadline = Instant::now() + self.config.restore_stable_timeout;
        loop {
            let reached = watermarks(stable, self.settings, &asked)?;
            let behind =
                reached.iter().zip(&targets).position(|((_, reached), (_, target))| reached < target);
            let Some(behind) = behind else {
                let span = |(at, (from, until))| Span { at, from, until };
                return Ok(Some(asked.into_iter().zip(targets).map(span).collect()));
            };
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

    /// One topic at a time, because the client library reports the end of a partition by its number alone.
    fn read_topic(
        &mut self,
        reader: &mut BoundedConsumer,
        topic: &str,
        spans: Vec<Span>,
        stage: &mut dyn Stage,
        restored: &mut Restored,
    ) -> Result<bool, KafkaError> {
        reader.assign(spans)?;
        let (mut progress, mut beat) = (Instant::now(), Instant::now());
        while !reader.is_done() {
            let taken = reader.take(HEARTBEAT, |record| {
                restored.records += 1;
                restored.bytes += record.payload_bytes() as u64;
                stage.restore(record.partition, record)?;
                fail::fail_point!("stage.during_restore");
                Ok(true)
            })?;
            if taken == Taken::Some {
                progress = Instant::now();
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
                    partition: reader.unfinished().unwrap_or_default(),
                    reason: format!(
                        "no progress for {:?} after {} records",
                        progress.elapsed(),
                        restored.records
                    ),
                });
            }
        }
        Ok(true)
    }
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
