//! The settings of one stage worker.

use std::time::Duration;

use crate::error::KafkaError;

/// What happens to the records of a batch when a worker dies half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessingGuarantee {
    /// Offsets, changelogs and outputs commit in one Kafka transaction.
    ExactlyOnce,
    /// Outputs are acknowledged before the offsets are committed; a crash in between repeats them.
    AtLeastOnce,
}

/// One worker thread of a stage. `new` fills in the defaults; change the fields that differ.
#[derive(Debug, Clone)]
pub struct StageConfig {
    /// Consumer group; also the label of the metrics.
    pub group: String,
    /// Static membership: a restart within `session_timeout` rebalances nothing. Unique per worker thread and stable over restarts.
    pub instance_id: Option<String>,
    /// Fences the predecessor of this worker. Unique per worker thread and stable over restarts.
    pub transactional_id: String,
    /// Input topics, co-partitioned: the range assignor gives one worker the same partition number of all of them.
    pub inputs: Vec<String>,
    /// Compacted topics that hold the state, restored one after the other in this order.
    pub changelogs: Vec<String>,
    /// Transactions or acknowledged outputs.
    pub guarantee: ProcessingGuarantee,
    /// A transaction is committed at the latest this long after its first record.
    pub commit_interval: Duration,
    /// When the inputs have nothing more to give, a transaction of at least this age is committed without waiting for `commit_interval`.
    pub commit_interval_idle: Duration,
    /// A transaction is committed after this many records.
    pub max_batch_records: usize,
    /// A transaction is committed after this many bytes of consumed keys and values.
    pub max_batch_bytes: usize,
    /// The group gives this worker's partitions away after this long without a heartbeat.
    pub session_timeout: Duration,
    /// The group gives them away after this long without a poll.
    pub max_poll_interval: Duration,
    /// The coordinator aborts a transaction open for this long; below `session_timeout`, so that a dead
    /// worker's transaction is gone before its successor restores.
    pub transaction_timeout: Duration,
    /// Limit for draining acknowledgements, for one transaction call, and for the commit on revocation.
    pub commit_timeout: Duration,
    /// Memory for records fetched ahead, per worker.
    pub prefetch_bytes: usize,
    /// Limit of the producer's queue, per worker.
    pub queue_bytes: usize,
    /// Limit for an open transaction of a predecessor to be resolved.
    pub restore_stable_timeout: Duration,
    /// Limit for reading the changelogs without any progress.
    pub restore_stall_timeout: Duration,
    /// Limit from the shutdown request to the return of `run_stage`.
    pub shutdown_deadline: Duration,
    /// On shutdown hand the partitions over at once instead of keeping them for a restart.
    pub leave_group_on_shutdown: bool,
    /// The broker never leaves gaps between offsets (the in-memory broker): a gap then means lost records.
    pub offsets_are_dense: bool,
}

impl StageConfig {
    /// A worker with the defaults: exactly once, 100 ms commits, 45 s session, 20 s transactions.
    #[must_use]
    pub fn new(group: &str, transactional_id: &str, inputs: &[&str], changelogs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            group: group.to_owned(),
            instance_id: None,
            transactional_id: transactional_id.to_owned(),
            inputs: owned(inputs),
            changelogs: owned(changelogs),
            guarantee: ProcessingGuarantee::ExactlyOnce,
            commit_interval: Duration::from_millis(100),
            commit_interval_idle: Duration::from_millis(10),
            max_batch_records: 500_000,
            max_batch_bytes: 64 << 20,
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(20),
            commit_timeout: Duration::from_secs(15),
            prefetch_bytes: 32 << 20,
            queue_bytes: 64 << 20,
            restore_stable_timeout: Duration::from_secs(60),
            restore_stall_timeout: Duration::from_secs(60),
            shutdown_deadline: Duration::from_secs(20),
            leave_group_on_shutdown: false,
            offsets_are_dense: false,
        }
    }

    /// Refuses combinations that would break a promise.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] naming the field.
    pub fn validate(&self) -> Result<(), KafkaError> {
        let refuse = |key: &str, reason: &str| {
            Err(KafkaError::Settings { key: key.to_owned(), reason: reason.to_owned() })
        };
        if self.inputs.is_empty() {
            return refuse("inputs", "a stage reads at least one topic");
        }
        if self.group.is_empty() || self.transactional_id.is_empty() {
            return refuse("group, transactional_id", "must not be empty");
        }
        if self.transaction_timeout >= self.session_timeout {
            return refuse(
                "transaction_timeout",
                "must be below session_timeout, so that a dead worker's transaction is gone before its partitions move",
            );
        }
        if self.commit_interval >= self.transaction_timeout {
            return refuse("commit_interval", "must be below transaction_timeout");
        }
        if self.max_batch_records == 0 || self.max_batch_bytes == 0 {
            return refuse("max_batch_records, max_batch_bytes", "must be positive");
        }
        if self.max_poll_interval < self.session_timeout {
            return refuse("max_poll_interval", "must not be below session_timeout");
        }
        Ok(())
    }
}
