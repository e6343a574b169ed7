//! The open transaction of a worker: takes records, commits, aborts, and finds out what happened when nobody knows.

use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};

use super::link::{Link, commit_failure, connect, error_of};
use super::pace::{Age, Pace};
use super::transaction::{Failure, Reaction};
use super::watch::hung;
use super::{Outputs, Stage, StageConfig, StageEvent, StageObserver};
use crate::error::{KafkaError, StageError};
use crate::group::{GroupConsumer, committed, offset_list, rebalance_waits, seek};
use crate::metrics::{self, TopicCounts};
use crate::positions::{Admission, Outcome, Positions};
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::KafkaSettings;

/// After this many aborts without a commit in between the worker gives up and leaves the backing off to its supervisor.
const MAX_ABORTS_IN_A_ROW: u32 = 10;

/// Calls that never came back may hold so many threads and clients; then only a new process helps.
const HUNG_MAX: usize = 8;

struct Open {
    age: Age,
    records: usize,
    bytes: usize,
}

/// Everything of a worker except its consumer, so that a record borrowed from the consumer can be processed.
pub(super) struct Batch<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) config: &'a StageConfig,
    pub(super) stage: &'a mut dyn Stage,
    pub(super) observer: &'a mut dyn StageObserver,
    pub(super) positions: Positions,
    link: Link,
    open: Option<Open>,
    pace: Pace,
    aborts_in_a_row: u32,
    consumed: TopicCounts,
    produced: TopicCounts,
}

/// Why a step did not succeed.
pub(super) enum Trouble {
    /// A transaction call failed; its reaction says what follows.
    Failure(Failure),
    /// The worker has to end.
    Error(KafkaError),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        Self::Error(error)
    }
}

impl<'a> Batch<'a> {
    /// Builds the producer, which fences and resolves whatever a predecessor left open.
    pub(super) fn new(
        settings: &'a KafkaSettings,
        config: &'a StageConfig,
        stage: &'a mut dyn Stage,
        observer: &'a mut dyn StageObserver,
    ) -> Result<Self, KafkaError> {
        Ok(Self {
            link: connect(settings, config)?,
            settings,
            config,
            stage,
            observer,
            positions: Positions::default(),
            open: None,
            pace: Pace::new(config),
            aborts_in_a_row: 0,
            consumed: TopicCounts::default(),
            produced: TopicCounts::default(),
        })
    }

    /// How long the loop may wait for the next record once none is at hand.
    pub(super) fn patience(&self) -> Duration {
        let patience = |open: &Open| self.pace.patience(open.age, open.records, Instant::now());
        self.open.as_ref().map_or(Duration::from_millis(50), patience)
    }

    /// Whether the transaction ends here. Asked after the records at hand, and when there are none with how long there have
    /// been none.
    pub(super) fn is_due(&self, pause: Option<Duration>) -> bool {
        let due = |open: &Open| self.pace.is_due(open.age, open.records, pause, Instant::now());
        self.open.as_ref().is_some_and(due)
    }

    /// Whether the transaction is large enough. Asked after every record.
    pub(super) fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.records >= self.config.max_batch_records || open.bytes >= self.config.max_batch_bytes
        })
    }

    /// Processes one record in the open transaction, opening it if needed.
    pub(super) fn take(&mut self, record: ConsumedRecord<'_>) -> Result<(), Trouble> {
        let dense = self.config.offsets_are_dense;
        match self.positions.admit(record.topic, record.partition, record.offset, dense) {
            Admission::Skip => return Ok(()),
            Admission::Gap { expected } => return Err(self.lost(&record, expected).into()),
            Admission::Process => {}
        }
        fail::fail_point!("stage.after_poll");
        if self.open.is_none() {
            self.open = Some(Open { age: self.pace.begin(Instant::now()), records: 0, bytes: 0 });
            self.link.begin(self.config.commit_timeout)?;
        }
        if let Some(open) = &mut self.open {
            open.records += 1;
            open.bytes += record.payload_bytes();
        }
        self.consumed.note(record.topic);
        let mut outputs = Outputs::new(&self.link, self.config.commit_timeout, &mut self.produced);
        let outcome = self.stage.process(record, &mut outputs);
        fail::fail_point!("stage.after_process");
        outcome.map_err(|error| self.judge(error))
    }

    fn lost(&self, record: &ConsumedRecord<'_>, expected: i64) -> KafkaError {
        KafkaError::OffsetsLost {
            group: self.config.group.clone(),
            topic: record.topic.to_owned(),
            partition: record.partition,
            expected,
            found: record.offset,
        }
    }

    /// An output refused because an earlier delivery failed is that delivery's failure, and can be tried again.
    fn judge(&self, error: StageError) -> Trouble {
        match (self.link.delivery_failure(), error) {
            (Some(failure), StageError::Output { .. }) => failure.into(),
            (None, StageError::Output { reason, transaction_failed: true, .. }) => {
                self.link.failure(reason).into()
            }
            (_, error) => KafkaError::Stage(error).into(),
        }
    }

    /// Commits the open transaction, or undoes it. After `Ok` the positions say which.
    pub(super) fn commit(&mut self, consumer: &mut GroupConsumer) -> Result<(), KafkaError> {
        if self.open.is_none() {
            return Ok(());
        }
        let started = Instant::now();
        match self.try_commit(consumer) {
            Ok(()) => {
                fail::fail_point!("stage.after_commit");
                metrics::observe_seconds(metrics::COMMIT_SECONDS, &self.config.group, started.elapsed());
                self.settle_committed();
                self.pace.committed(started, Instant::now());
                Ok(())
            }
            Err(trouble) => self.recover(consumer, trouble),
        }
    }

    fn try_commit(&mut self, consumer: &mut GroupConsumer) -> Result<(), Trouble> {
        let mut phases = metrics::Phases::begin(&self.config.group);
        for number in self.positions.touched() {
            let mut outputs = Outputs::new(&self.link, self.config.commit_timeout, &mut self.produced);
            let outcome = self.stage.before_commit(number, &mut outputs);
            outcome.map_err(|error| self.judge(error))?;
        }
        phases.end("flush");
        fail::fail_point!("stage.after_produce");
        let deadline = Instant::now() + self.config.commit_timeout;
        let offsets = self.positions.advanced();
        if self.link.is_transactional() {
            self.link.send_offsets(offsets, consumer, deadline)?;
            phases.end("send_offsets");
            fail::fail_point!("stage.after_send_offsets");
            self.link.drain(deadline)?;
            phases.end("drain");
            self.link.commit(deadline)?;
            phases.end("end");
        } else {
            self.link.drain(deadline)?;
            let offsets = offset_list(offsets)?;
            consumer.commit(&offsets, CommitMode::Sync).map_err(|error| commit_failure(&error))?;
        }
        Ok(())
    }

    /// Acts on a failure. `Ok` means that the worker can go on.
    pub(super) fn recover(
        &mut self,
        consumer: &mut GroupConsumer,
        trouble: Trouble,
    ) -> Result<(), KafkaError> {
        let failure = match trouble {
            Trouble::Failure(failure) => failure,
            Trouble::Error(error) => {
                self.abandon();
                return Err(error);
            }
        };
        tracing::warn!(group = self.config.group, call = failure.call.name(), reaction = ?failure.reaction,
            reason = failure.reason, "transaction failed");
        match failure.reaction {
            Reaction::Fenced => {
                self.stage.aborted();
                self.open = None;
                Err(error_of(&self.config.transactional_id, failure))
            }
            Reaction::Abort => match self.link.abort(self.config.commit_timeout) {
                Ok(()) => self.settle_aborted(consumer, failure),
                Err(second) if second.reaction == Reaction::Fenced => {
                    Err(error_of(&self.config.transactional_id, second))
                }
                Err(second) => self.rebuild(consumer, second),
            },
            Reaction::Rebuild | Reaction::Retry => self.rebuild(consumer, failure),
        }
    }

    /// Drops the producer, builds it anew (which raises the epoch, fences stragglers and resolves the transaction), and reads from
    /// the coordinator what became of the transaction.
    fn rebuild(&mut self, consumer: &mut GroupConsumer, failure: Failure) -> Result<(), KafkaError> {
        metrics::count(metrics::REBUILDS_TOTAL, &self.config.group, 1);
        if hung() > HUNG_MAX {
            return Err(KafkaError::Hung { calls: hung() });
        }
        self.link = connect(self.settings, self.config)?;
        self.observer.event(&StageEvent::ProducerRebuilt);
        let assigned: Vec<TopicPartition> =
            self.positions.committed().into_iter().map(|(partition, _)| partition).collect();
        let answer =
            committed(consumer, &assigned, self.config.transaction_timeout + self.config.commit_timeout)?;
        match self.positions.outcome(&answer) {
            Outcome::Committed => {
                self.settle_committed();
                Ok(())
            }
            Outcome::Aborted => self.settle_aborted(consumer, failure),
            // The partitions are being taken away, and their new owner has moved on already.
            Outcome::Contradiction if rebalance_waits(consumer) => self.settle_aborted(consumer, failure),
            Outcome::Contradiction => {
                self.stage.aborted();
                self.open = None;
                Err(error_of(&self.config.transactional_id, failure))
            }
        }
    }

    fn settle_committed(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.stage.committed();
        self.positions.commit();
        self.aborts_in_a_row = 0;
        metrics::count(metrics::COMMITTED_TOTAL, &self.config.group, 1);
        metrics::observe_batch(&self.config.group, open.records);
        self.consumed.publish(|topic, count| metrics::count_consumed(&self.config.group, topic, count));
        self.produced.publish(metrics::count_produced);
        self.observer.event(&StageEvent::Committed { records: open.records });
    }

    /// Drops the overlay and reads the records again from the last commit.
    fn settle_aborted(&mut self, consumer: &mut GroupConsumer, failure: Failure) -> Result<(), KafkaError> {
        self.forget(&failure.reason);
        self.aborts_in_a_row += 1;
        if self.aborts_in_a_row >= MAX_ABORTS_IN_A_ROW {
            return Err(error_of(&self.config.transactional_id, failure));
        }
        // Partitions that are about to be revoked are not fetched again.
        if !rebalance_waits(consumer) {
            std::thread::sleep(Duration::from_millis(20) * self.aborts_in_a_row);
            seek(consumer, self.positions.committed(), self.settings.request_timeout)?;
        }
        Ok(())
    }

    fn forget(&mut self, reason: &str) {
        let records = self.open.take().map_or(0, |open| open.records);
        self.stage.aborted();
        self.positions.roll_back();
        self.consumed.forget();
        self.produced.forget();
        metrics::count(metrics::ABORTED_TOTAL, &self.config.group, 1);
        self.observer.event(&StageEvent::Aborted { records, reason: reason.to_owned() });
    }

    /// Aborts without reading again: the partitions are gone, or the worker ends.
    pub(super) fn abandon(&mut self) {
        if self.open.is_none() {
            return;
        }
        if let Err(failure) = self.link.abort(self.config.commit_timeout) {
            // The coordinator aborts it after transaction.timeout.ms, or the next worker of this id does.
            tracing::warn!(group = self.config.group, reason = failure.reason, "abort failed");
        }
        self.forget("abandoned");
    }
}
