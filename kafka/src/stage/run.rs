//! The loop: rebalance, poll, process, commit, on one thread.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::batch::Batch;
use super::restore::Restore;
use super::warm::Warm;
use super::{Stage, StageConfig, StageEvent, StageObserver};
use crate::client::Transience as _;
use crate::error::KafkaError;
use crate::group::{
    CommittedOffset, GroupConsumer, Rebalance, assign_at, close, committed, join, next_rebalance,
    rebalance_waits, unassign,
};
use crate::metrics;
use crate::positions::Positions;
use crate::record::TopicPartition;
use crate::settings::{GroupOptions, Isolation, KafkaSettings};
use crate::shutdown::ShutdownToken;
use crate::topics::{inspector, watermarks};

/// One worker: a member of the group and its transaction.
pub(super) struct Worker<'a> {
    consumer: GroupConsumer,
    batch: Batch<'a>,
    warm: Warm,
    shutdown: &'a ShutdownToken,
}

/// How long the committed offsets are waited for before the group is listened to again.
const STABLE_STEP: Duration = Duration::from_secs(2);

impl<'a> Worker<'a> {
    pub(super) fn new(
        settings: &'a KafkaSettings,
        config: &'a StageConfig,
        stage: &'a mut dyn Stage,
        shutdown: &'a ShutdownToken,
        observer: &'a mut dyn StageObserver,
    ) -> Result<Self, KafkaError> {
        config.validate()?;
        // The producer first: its start fences the predecessor, so nothing of it can commit once we are a member.
        let batch = Batch::new(settings, config, stage, observer)?;
        let options = GroupOptions {
            group: &config.group,
            instance_id: config.instance_id.as_deref(),
            session_timeout: config.session_timeout,
            max_poll_interval: config.max_poll_interval,
            prefetch_bytes: config.prefetch_bytes,
        };
        let consumer = join(settings, &options, &config.inputs)?;
        Ok(Self { consumer, batch, warm: Warm::default(), shutdown })
    }

    pub(super) fn run(mut self) -> Result<(), KafkaError> {
        let outcome = self.work();
        let config = self.batch.config;
        if outcome.is_err() {
            self.batch.abandon();
        }
        let closed = close(self.consumer, config.leave_group_on_shutdown, config.shutdown_deadline);
        if let (Err(_), Err(error)) = (&outcome, &closed) {
            tracing::warn!(%error, group = config.group, "closing after a failure");
        }
        outcome.and(closed)
    }

    fn work(&mut self) -> Result<(), KafkaError> {
        loop {
            if self.shutdown.is_requested() {
                return self.batch.commit(&mut self.consumer);
            }
            match next_rebalance(&self.consumer) {
                Some(Rebalance::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Rebalance::Revoked { lost }) => self.revoked(lost)?,
                None => self.step()?,
            }
        }
    }

    /// Works off what is at hand, or commits when it is time.
    fn step(&mut self) -> Result<(), KafkaError> {
        if let Some(error) = self.consumer.serve() {
            self.judge(error)?;
        }
        if rebalance_waits(&self.consumer) {
            return Ok(());
        }
        if !self.consumer.fill(Duration::ZERO) {
            if self.batch.is_due(Some(Duration::ZERO)) {
                return self.batch.commit(&mut self.consumer);
            }
            let patience = self.batch.patience();
            if !self.consumer.fill(patience) {
                if self.batch.is_due(Some(patience)) {
                    return self.batch.commit(&mut self.consumer);
                }
                return Ok(());
            }
        }
        while let Some(fetched) = self.consumer.next() {
            match fetched {
                Ok(record) => {
                    if let Err(trouble) = self.batch.take(record) {
                        return self.batch.recover(&mut self.consumer, trouble);
                    }
                }
                Err(error) => self.judge(error)?,
            }
            if self.batch.is_full() {
                self.batch.commit(&mut self.consumer)?;
            }
        }
        if self.batch.is_due(None) {
            self.batch.commit(&mut self.consumer)?;
        }
        Ok(())
    }

    /// Sorts what the consumer reports: it goes on by itself, or the worker ends.
    fn judge(&self, error: ClientError) -> Result<(), KafkaError> {
        let config = self.batch.config;
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            let identity = config.instance_id.clone().unwrap_or_else(|| config.group.clone());
            return Err(match code {
                Code::FencedInstanceId => KafkaError::Fenced { identity, reason },
                _ => KafkaError::Client {
                    operation: "consuming",
                    source: ClientError::MessageConsumptionFatal(code),
                },
            });
        }
        match error {
            ClientError::MessageConsumption(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                self.verify_kept(&self.batch.positions.committed())
            }
            // The group takes the partitions away; the revocation that follows says so.
            ClientError::MessageConsumption(Code::PollExceeded) => Ok(()),
            error if error.is_transient() => Ok(()),
            error => Err(KafkaError::Client { operation: "consuming", source: error }),
        }
    }

    /// Restores the state of the partitions, except of those that come right back, then starts reading exactly where the
    /// group stands.
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let numbers = Positions::new(partitions.iter().map(|partition| (partition.clone(), 0))).numbers();
        self.batch.observer.event(&StageEvent::Assigned { partitions: numbers.clone() });
        // Acknowledges the assignment without fetching anything, so that the group is stable during the restore and
        // another rebalance can reach us.
        assign_at(&mut self.consumer, [])?;
        // Where the group stands comes first: once this is known no earlier owner can commit any more, and it tells what of
        // the state in memory is still true.
        let Some(starts) = self.starts(partitions)? else { return Ok(()) };
        let (kept, dropped) = self.warm.sift(&starts);
        dropped.iter().for_each(|&number| self.batch.stage.revoked(number));
        let cold: Vec<i32> = numbers.iter().copied().filter(|number| !kept.contains(number)).collect();
        let (consumer, shutdown) = (&self.consumer, self.shutdown);
        let restore = Restore {
            settings: self.batch.settings,
            config: self.batch.config,
            interrupted: &mut || interrupted(consumer, shutdown),
        };
        let Some(restored) = restore.run(&cold, self.batch.stage)? else {
            cold.iter().for_each(|&number| self.batch.stage.revoked(number));
            return Ok(());
        };
        cold.iter().for_each(|&number| self.batch.stage.restored(number));
        self.batch.positions = Positions::new(starts.iter().cloned());
        assign_at(&mut self.consumer, starts)?;
        let group = &self.batch.config.group;
        metrics::count(metrics::KEPT_TOTAL, group, kept.len() as u64);
        tracing::info!(group, partitions = ?numbers, ?kept, records = restored.records, bytes = restored.bytes,
            seconds = restored.elapsed.as_secs_f64(), "state restored");
        self.batch.observer.event(&StageEvent::Running {
            partitions: numbers,
            restored_records: restored.records,
            restored_bytes: restored.bytes,
            elapsed: restored.elapsed,
            kept,
        });
        Ok(())
    }

    /// Where the group stands; a partition it never read starts at its oldest record. `None` when interrupted.
    fn starts(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Option<Vec<(TopicPartition, i64)>>, KafkaError> {
        let config = self.batch.config;
        let deadline = Instant::now() + config.restore_stable_timeout;
        let answer = loop {
            match committed(&self.consumer, partitions, STABLE_STEP.min(config.commit_timeout)) {
                Ok(answer) => break answer,
                // Unstable offsets of a transaction being resolved, or a coordinator on the move.
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(error) => {
                    tracing::info!(%error, group = config.group, "committed offsets not available yet");
                }
            }
            if interrupted(&self.consumer, self.shutdown) {
                return Ok(None);
            }
        };
        let client = inspector(self.batch.settings, Isolation::ReadCommitted)?;
        let asked: Vec<TopicPartition> = answer.iter().map(|entry| entry.partition.clone()).collect();
        let kept = watermarks(&client, self.batch.settings, &asked)?;
        let mut starts = Vec::with_capacity(answer.len());
        for (CommittedOffset { partition, offset, .. }, (low, _)) in answer.into_iter().zip(kept) {
            let start = offset.unwrap_or(low);
            if start < low {
                return Err(self.lost(&partition, start, low));
            }
            starts.push((partition, start));
        }
        Ok(Some(starts))
    }

    /// Fails when retention has overtaken one of these positions.
    fn verify_kept(&self, positions: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
        let client = inspector(self.batch.settings, Isolation::ReadUncommitted)?;
        let asked: Vec<TopicPartition> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let kept = watermarks(&client, self.batch.settings, &asked)?;
        for ((partition, position), (low, high)) in positions.iter().zip(kept) {
            if *position < low || *position > high {
                return Err(self.lost(partition, *position, low));
            }
        }
        let source = ClientError::MessageConsumption(Code::AutoOffsetReset);
        Err(KafkaError::Client { operation: "consuming", source })
    }

    fn lost(&self, partition: &TopicPartition, expected: i64, found: i64) -> KafkaError {
        KafkaError::OffsetsLost {
            group: self.batch.config.group.clone(),
            topic: partition.topic.to_string(),
            partition: partition.partition,
            expected,
            found,
        }
    }

    /// Finishes what was begun, as long as the partitions are still ours, and lets go of them. Their state stays until
    /// the next assignment tells whether they come back.
    fn revoked(&mut self, lost: bool) -> Result<(), KafkaError> {
        if lost {
            self.batch.abandon();
        } else {
            self.batch.commit(&mut self.consumer)?;
        }
        let partitions = self.batch.positions.numbers();
        self.warm.keep(&std::mem::take(&mut self.batch.positions));
        unassign(&mut self.consumer)?;
        self.batch.observer.event(&StageEvent::Revoked { partitions, lost });
        Ok(())
    }
}

/// Whether an assignment is to be left unfinished: another rebalance, or shutdown. While nothing is assigned, polling
/// brings nothing but events.
fn interrupted(consumer: &GroupConsumer, shutdown: &ShutdownToken) -> bool {
    let _ = consumer.serve();
    rebalance_waits(consumer) || shutdown.is_requested()
}
