//! For sinks: a group consumer whose offsets the caller manages.
//!
//! Promises that records of a partition come in order from exactly the position the caller gave, that a rebalance waits (bounded) until the
//! caller has finished its batch, and that memory is bounded by bytes whatever the store does. The group can remember what was on its
//! way into the store ([`PendingBlock`]), and records can be produced in one transaction with offsets. Commits nothing by itself, and
//! refuses a commit for partitions that were given away. It runs its own thread; the handle is for async code.

mod config;
mod batch;
mod pending;
mod worker;
mod assignment;
mod commit;

pub use batch::{Batch, PartitionBatch};
pub use commit::OwnedRecord;
pub use config::SinkConfig;
pub use pending::{OffsetRange, PendingBlock, reread};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as sync;

use tokio::sync::{mpsc, oneshot, watch};

use crate::error::KafkaError;
use crate::group::{CommittedOffset, join};
use crate::record::TopicPartition;
use crate::settings::{GroupOptions, KafkaSettings};

/// What the consumer tells its caller, in order.
#[derive(Debug)]
pub enum SinkEvent {
    /// Partitions were assigned, replacing all earlier ones. Answer with [`SinkConsumer::begin`]; nothing is read before.
    Assigned {
        /// Number of this assignment; its batches carry it.
        assignment: u64,
        /// What the group has committed for each partition.
        committed: Vec<CommittedOffset>,
    },
    /// Records to store.
    Batch(Batch),
    /// The group wants the partitions back. Finish or drop what is in hand, commit, then call [`SinkConsumer::release`].
    Revoked {
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// The partitions are somebody else's already. Drop what is in hand; a commit would be refused.
    Lost {
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
}

/// Where a partition is read from whose start the caller does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// At what the group has committed, or else at the oldest record.
    Committed,
    /// At the oldest record.
    Oldest,
}

pub(super) enum Command {
    Begin {
        starts: Vec<(TopicPartition, i64)>,
        otherwise: Otherwise,
        reply: oneshot::Sender<Result<(), KafkaError>>,
    },
    Commit {
        offsets: Vec<(TopicPartition, i64, String)>,
        reply: oneshot::Sender<Result<(), KafkaError>>,
    },
    CommitWith {
        records: Vec<OwnedRecord>,
        offsets: Vec<(TopicPartition, i64)>,
        reply: oneshot::Sender<Result<(), KafkaError>>,
    },
    Committed {
        reply: oneshot::Sender<Result<Vec<CommittedOffset>, KafkaError>>,
    },
    Pause,
    Resume,
    Release,
    Close {
        reply: oneshot::Sender<Result<(), KafkaError>>,
    },
}

/// Handle to the consumer's thread. Dropping it closes the consumer in the background.
#[derive(Debug)]
pub struct SinkConsumer {
    group: String,
    commands: sync::Sender<Command>,
    events: mpsc::UnboundedReceiver<Result<SinkEvent, KafkaError>>,
    /// Bytes of batches sent but not yet taken.
    queued: Arc<AtomicUsize>,
    /// The last assignment that the group wants back or has taken.
    revoked: watch::Receiver<u64>,
}

impl SinkConsumer {
    /// Joins the group and starts the thread.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] or [`KafkaError::Client`].
    pub fn start(settings: &KafkaSettings, config: &SinkConfig) -> Result<Self, KafkaError> {
        let options = GroupOptions {
            group: &config.group,
            instance_id: config.instance_id.as_deref(),
            session_timeout: config.session_timeout,
            max_poll_interval: config.max_poll_interval,
            prefetch_bytes: config.prefetch_bytes,
        };
        let consumer = join(settings, &options, &config.topics)?;
        let (commands, orders) = sync::channel();
        let (sender, events) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let (revoking, revoked) = watch::channel(0);
        let worker = worker::Worker::new(
            settings.clone(),
            config.clone(),
            consumer,
            worker::Wires { orders, events: sender, queued: Arc::clone(&queued), revoking },
        );
        std::thread::Builder::new()
            .name(format!("kafka-{}", config.group))
            .spawn(move || worker.run())
            .map_err(|error| KafkaError::Settings { key: "threads".to_owned(), reason: error.to_string() })?;
        Ok(Self { group: config.group.clone(), commands, events, queued, revoked })
    }

    /// The next event. Cancel safe.
    ///
    /// # Errors
    /// What ended the thread: [`KafkaError::OffsetsLost`], [`KafkaError::Fenced`], [`KafkaError::Client`], and
    /// [`KafkaError::Stopped`] ever after.
    pub async fn next(&mut self) -> Result<SinkEvent, KafkaError> {
        let event = self.events.recv().await.unwrap_or_else(|| Err(self.stopped()))?;
        if let SinkEvent::Batch(batch) = &event {
            self.queued.fetch_sub(batch.bytes(), Ordering::AcqRel);
        }
        Ok(event)
    }

    /// Answers [`SinkEvent::Assigned`]: reads these partitions from these offsets, the others from the committed offset or, where
    /// there is none, from the oldest record.
    ///
    /// # Errors
    /// [`KafkaError::OffsetsLost`] when a start lies before the oldest record kept.
    pub async fn begin(&self, starts: Vec<(TopicPartition, i64)>) -> Result<(), KafkaError> {
        self.ask(|reply| Command::Begin { starts, otherwise: Otherwise::Committed, reply }).await
    }

    /// The same for a store that keeps the positions itself: what it does not know it has nothing of, so partitions without
    /// a start are read from their oldest record, whatever the group has committed.
    ///
    /// # Errors
    /// As [`SinkConsumer::begin`].
    pub async fn begin_at(&self, starts: Vec<(TopicPartition, i64)>) -> Result<(), KafkaError> {
        self.ask(|reply| Command::Begin { starts, otherwise: Otherwise::Oldest, reply }).await
    }

    /// Commits next offsets to the group, each with the same metadata (at most 4 KiB on a default broker), and waits for the
    /// coordinator.
    ///
    /// # Errors
    /// [`KafkaError::NotOwned`] when the partitions belong to another member by now, [`KafkaError::Client`] otherwise.
    pub async fn commit(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: Option<String>,
    ) -> Result<(), KafkaError> {
        let metadata = metadata.unwrap_or_default();
        let offsets = offsets.into_iter().map(|(at, offset)| (at, offset, metadata.clone())).collect();
        self.ask(|reply| Command::Commit { offsets, reply }).await
    }

    /// Notes in the group, in one commit, that these blocks are about to be written. Once this returns, whoever is assigned
    /// one of their partitions finds them in the metadata of [`SinkEvent::Assigned`].
    ///
    /// # Errors
    /// As [`SinkConsumer::commit`].
    pub async fn commit_pending(&self, blocks: &[PendingBlock]) -> Result<(), KafkaError> {
        let offsets = blocks.iter().flat_map(PendingBlock::starts).collect();
        self.ask(|reply| Command::Commit { offsets, reply }).await
    }

    /// Produces records and commits next offsets in one transaction: both, or neither.
    ///
    /// # Errors
    /// [`KafkaError::Transaction`], [`KafkaError::Fenced`] and [`KafkaError::Client`] when it was refused, as from a member whose
    /// partitions are somebody else's, or when it is not known whether it happened: join again, and what is committed then tells.
    pub async fn commit_with(
        &self,
        records: Vec<OwnedRecord>,
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<(), KafkaError> {
        self.ask(|reply| Command::CommitWith { records, offsets, reply }).await
    }

    /// Waits until the group wants the partitions of this assignment back, or has taken them. Cancel safe. The event that
    /// says so comes through [`SinkConsumer::next`] as well.
    pub async fn revoked(&self, assignment: u64) {
        // A thread that has ended holds no partitions either.
        let _ = self.revoked.clone().wait_for(|revoked| *revoked >= assignment).await;
    }

    /// Reads the committed offsets and metadata of the assigned partitions.
    ///
    /// # Errors
    /// [`KafkaError::Client`].
    pub async fn committed(&self) -> Result<Vec<CommittedOffset>, KafkaError> {
        self.ask(|reply| Command::Committed { reply }).await
    }

    /// Stops delivering; the membership stays alive. Batches already queued still come.
    pub fn pause(&self) {
        self.tell(Command::Pause);
    }

    /// Delivers again.
    pub fn resume(&self) {
        self.tell(Command::Resume);
    }

    /// Answers [`SinkEvent::Revoked`]: the partitions may go.
    pub fn release(&self) {
        self.tell(Command::Release);
    }

    /// Leaves in order and waits for it. What was not committed will be read again.
    ///
    /// # Errors
    /// [`KafkaError::TimedOut`] when the coordinator does not answer.
    pub async fn close(self) -> Result<(), KafkaError> {
        self.ask(|reply| Command::Close { reply }).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, KafkaError>>) -> Command,
    ) -> Result<T, KafkaError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| self.stopped())?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn tell(&self, command: Command) {
        // A stopped thread tells so through `next`.
        let _ = self.commands.send(command);
    }

    fn stopped(&self) -> KafkaError {
        KafkaError::Stopped(self.group.clone())
    }
}
