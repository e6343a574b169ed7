//! What a sink consumer is told.

use std::time::Duration;

/// Settings of one sink consumer. `new` fills in the defaults.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Consumer group, one per store.
    pub group: String,
    /// Static membership; unique per process and stable over restarts.
    pub instance_id: Option<String>,
    /// Topics to read.
    pub topics: Vec<String>,
    /// The group gives the partitions away after this long without a heartbeat.
    pub session_timeout: Duration,
    /// The group gives them away after this long without a poll. The thread polls whatever the store does.
    pub max_poll_interval: Duration,
    /// Memory for records fetched ahead.
    pub prefetch_bytes: usize,
    /// A batch is handed over when it has this many records,
    pub max_batch_records: usize,
    /// or this many bytes,
    pub max_batch_bytes: usize,
    /// or when its first record is this old and the batch before it was taken.
    pub max_wait: Duration,
    /// Batches not taken by the caller may hold this many bytes; then the partitions are paused.
    pub queue_bytes: usize,
    /// How long a revocation waits for [`super::SinkConsumer::release`].
    pub release_timeout: Duration,
    /// Limit for asking the coordinator, and for closing.
    pub request_timeout: Duration,
    /// The broker never leaves gaps between offsets (the in-memory broker): a gap then means lost records.
    pub offsets_are_dense: bool,
    /// On close give the partitions up at once instead of keeping them for a restart.
    pub leave_group_on_close: bool,
    /// Identity of the producer behind [`super::SinkConsumer::commit_with`]: unique per process and stable over restarts. Without one
    /// there are no transactions.
    pub transactional_id: Option<String>,
    /// The broker aborts a transaction that is open for longer.
    pub transaction_timeout: Duration,
}

impl SinkConfig {
    /// A sink consumer with the defaults: batches of 50,000 records, 16 MiB or one second.
    #[must_use]
    pub fn new(group: &str, topics: &[&str]) -> Self {
        Self {
            group: group.to_owned(),
            instance_id: None,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            prefetch_bytes: 32 << 20,
            max_batch_records: 50_000,
            max_batch_bytes: 16 << 20,
            max_wait: Duration::from_secs(1),
            queue_bytes: 32 << 20,
            release_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(15),
            offsets_are_dense: false,
            leave_group_on_close: false,
            transactional_id: None,
            transaction_timeout: Duration::from_secs(20),
        }
    }
}
