//! Read-process-write: the loop that a stage's rules run in.
//!
//! Promises: a record's effects (outputs, changelogs, consumed offset) become visible together or not at all; a partition's
//! state is restored before its first record is processed; the stage hears `committed` or `aborted` exactly once for every
//! transaction; offsets that are gone are an error. Refuses to skip, reorder within a partition, or go on after a doubt
//! about a transaction's outcome. The binary's roles implement [`Stage`] and call [`run_stage`] on a thread of their own.

mod config;
mod outputs;
pub(crate) mod transaction;
pub(crate) mod link;
mod library;
mod direct;
mod watch;
mod restore;
mod warm;
mod pace;
mod batch;
mod run;

pub use config::{ProcessingGuarantee, StageConfig};
pub use outputs::Outputs;

use std::time::Duration;

use crate::error::{KafkaError, StageError};
use crate::record::ConsumedRecord;
use crate::settings::KafkaSettings;
use crate::shutdown::ShutdownToken;

/// The rules of a stage, one instance per worker thread. All calls come from that thread.
///
/// Order per partition: `restore`*, `restored`, then (`process`*, `before_commit`, `committed` | `aborted`)*, `revoked`. A partition
/// that is taken away and given back, and on which nobody else has worked meanwhile, goes on without any call in between.
pub trait Stage: Send {
    /// Takes one record of a compacted topic into the state of `partition`. A record without a value deletes its key.
    ///
    /// # Errors
    /// When the record cannot be read: a state with a hole must not be scored.
    fn restore(&mut self, partition: i32, record: ConsumedRecord<'_>) -> Result<(), StageError>;

    /// Every changelog of `partition` has been read; processing begins.
    fn restored(&mut self, partition: i32);

    /// Applies one record to the overlay of the open transaction.
    ///
    /// # Errors
    /// Only a failed output or a bug. A bad record is an outcome: write it to the dead letters.
    fn process(&mut self, record: ConsumedRecord<'_>, out: &mut Outputs<'_>) -> Result<(), StageError>;

    /// Called once per transaction and touched partition before the commit, in ascending order of partitions:
    /// coalesced outputs are written here.
    ///
    /// # Errors
    /// As `process`.
    fn before_commit(&mut self, partition: i32, out: &mut Outputs<'_>) -> Result<(), StageError>;

    /// The transaction is in the log: merge the overlay into the state.
    fn committed(&mut self);

    /// Nothing of the transaction happened: drop the overlay. Its records will be processed again.
    fn aborted(&mut self);

    /// The partition belongs to somebody else now, or somebody else has worked on it: drop its state.
    fn revoked(&mut self, partition: i32);
}

/// What the loop reports while it runs; every method defaults to nothing. Called on the worker's thread: be quick.
pub trait StageObserver: Send {
    /// Something happened.
    fn event(&mut self, event: &StageEvent) {
        let _ = event;
    }
}

impl StageObserver for () {}

/// The milestones of a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum StageEvent {
    /// The group gave this worker these partition numbers; restore begins.
    Assigned {
        /// Partition numbers, ascending.
        partitions: Vec<i32>,
    },
    /// State is complete, processing begins. The worker is ready.
    Running {
        /// Partition numbers, ascending.
        partitions: Vec<i32>,
        /// Records read from the changelogs.
        restored_records: u64,
        /// Their keys and values.
        restored_bytes: u64,
        /// How long it took.
        elapsed: Duration,
        /// Those of them whose state was still in memory and valid, so that nothing of theirs was read; ascending.
        kept: Vec<i32>,
    },
    /// A transaction (or an at-least-once batch) is durable.
    Committed {
        /// Input records in it.
        records: usize,
    },
    /// A transaction was aborted, and its records will be read again.
    Aborted {
        /// Input records in it.
        records: usize,
        /// Why.
        reason: String,
    },
    /// The producer was dropped and built anew after an indefinite outcome.
    ProducerRebuilt,
    /// The partitions are gone.
    Revoked {
        /// Partition numbers, ascending.
        partitions: Vec<i32>,
        /// Without being asked: another member may own them already.
        lost: bool,
    },
}

/// Runs one worker until `shutdown` is requested or something fails. Blocks: give it a thread of its own, never one of tokio's.
///
/// # Errors
/// See [`KafkaError`]; [`KafkaError::is_retriable`] says whether a supervisor may call again (with a new stage: the state of this
/// one is void).
pub fn run_stage(
    settings: &KafkaSettings,
    config: &StageConfig,
    stage: &mut dyn Stage,
    shutdown: &ShutdownToken,
    observer: &mut dyn StageObserver,
) -> Result<(), KafkaError> {
    run::Worker::new(settings, config, stage, shutdown, observer)?.run()
}
