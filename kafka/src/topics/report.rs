//! What is asked for and what is answered about topics.

use std::collections::BTreeMap;

use crate::record::TopicPartition;

/// How a topic should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name with prefix.
    pub name: String,
    /// Partition count; part of the state's identity.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication_factor: i32,
    /// Broker settings: `cleanup.policy`, `retention.ms`, …
    pub config: Vec<(String, String)>,
}

impl TopicSpec {
    /// A topic with the broker's default settings.
    #[must_use]
    pub fn new(name: &str, partitions: i32, replication_factor: i32) -> Self {
        Self { name: name.to_owned(), partitions, replication_factor, config: Vec::new() }
    }

    /// The same topic with one more setting.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// A setting of an existing topic that is not as specified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigDifference {
    /// Name of the setting.
    pub key: String,
    /// Value specified.
    pub expected: String,
    /// Value found, if the broker knows the setting.
    pub found: Option<String>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicReport {
    /// The topic.
    pub topic: String,
    /// Whether this call created it.
    pub created: bool,
    /// Settings that differ from the specification; left as they are.
    pub differences: Vec<ConfigDifference>,
}

/// The cluster in one line, for `adpulse check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Brokers in the metadata.
    pub brokers: usize,
    /// Topics in the metadata and their partition counts.
    pub topics: BTreeMap<String, i32>,
}

/// First and next offset of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The partition.
    pub partition: TopicPartition,
    /// Oldest offset kept.
    pub low: i64,
    /// One past the newest offset that the chosen isolation shows.
    pub end: i64,
}

/// How far a group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The partition.
    pub partition: TopicPartition,
    /// Next offset to process; `None` when the group never committed.
    pub committed: Option<i64>,
    /// One past the last committed record.
    pub end: i64,
    /// Offsets between the two (control records count).
    pub lag: i64,
}
