//! What can go wrong on Kafka, one variant per thing the caller can do about it.
//!
//! [`KafkaError::is_retriable`] tells a supervisor whether starting the same worker again can help. Messages name
//! the thing that failed and what to do; they never contain settings' values, which may be secrets.

use rdkafka::error::KafkaError as ClientError;
use thiserror::Error;

/// The error of a [`crate::Stage`]: a bug in the stage, or an output that the producer refused.
///
/// Poison records are not errors: the stage turns them into dead-letter outputs.
#[derive(Debug, Error)]
pub enum StageError {
    /// The producer did not take an output.
    #[error("output to `{topic}` refused: {reason}")]
    Output {
        /// Destination topic.
        topic: String,
        /// What the client library said.
        reason: String,
        /// An earlier record of the same transaction has failed already; the loop aborts and processes the records again.
        transaction_failed: bool,
    },
    /// Something else that a record needs does not answer. Nothing is wrong with the record: the worker starts again, with growing
    /// pauses, until it does.
    #[error("{0}")]
    Unavailable(String),
    /// The stage cannot go on: its own invariant is broken, or a restored record cannot be read.
    #[error("{0}")]
    Failed(String),
}

impl StageError {
    /// Wraps an error of the stage's own code.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Wraps what a dependency's absence makes of a record.
    pub fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Every failure of this crate except that of a single record's delivery ([`crate::ProduceError`]).
#[derive(Debug, Error)]
pub enum KafkaError {
    /// A setting is wrong: correct the configuration. The offending value is not repeated.
    #[error("setting `{key}`: {reason}")]
    Settings {
        /// librdkafka's or our own name of the setting.
        key: String,
        /// Why it was refused.
        reason: String,
    },
    /// No broker answered: check the address, the network and the broker, then try again.
    #[error("no Kafka broker answered at {brokers}: {reason}")]
    Unreachable {
        /// The configured bootstrap servers.
        brokers: String,
        /// What the client library said.
        reason: String,
    },
    /// A topic does not exist: run `adpulse topics`.
    #[error("topic `{topic}` does not exist; create it with `adpulse topics`")]
    TopicMissing {
        /// The missing topic.
        topic: String,
    },
    /// A topic has another number of partitions than configured. State is kept per partition, so the count is part of its identity.
    #[error(
        "topic `{topic}` has {found} partitions, configured are {expected}. State belongs to partition numbers, so the count cannot \
         change in place: set the configured count to {found}, or choose another topic prefix and replay the raw topics into it"
    )]
    PartitionCount {
        /// The topic.
        topic: String,
        /// The configured count.
        expected: i32,
        /// The count found.
        found: i32,
    },
    /// Kafka refused to create or describe a topic.
    #[error("topic `{topic}`: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What the broker said.
        reason: String,
    },
    /// Records that were never processed are gone: retention ran over the committed offset, or an in-memory broker dropped them.
    #[error(
        "records of `{topic}`-{partition} are lost to group `{group}`: the next one to process is offset {expected}, the oldest kept \
         is {found}. Nothing was skipped. Restore the topic, or accept the loss by setting the group's offset to {found} \
         (kafka-consumer-groups --reset-offsets)"
    )]
    OffsetsLost {
        /// The consumer group.
        group: String,
        /// The input topic.
        topic: String,
        /// The input partition.
        partition: i32,
        /// The offset that should come next.
        expected: i64,
        /// The offset that is there instead.
        found: i64,
    },
    /// Another worker took over this identity; this one must not write any more.
    #[error(
        "`{identity}` was fenced ({reason}): another worker uses the same identity, or this one was stalled for longer than its timeouts. \
         Nothing of the open transaction was written"
    )]
    Fenced {
        /// The transactional id or the group instance id.
        identity: String,
        /// What the client library said.
        reason: String,
    },
    /// The partitions were given to another member of the group; its reading decides now. Drop what is in hand.
    #[error("group `{group}` has given the partitions to another member: {reason}")]
    NotOwned {
        /// The consumer group.
        group: String,
        /// What the coordinator said.
        reason: String,
    },
    /// The group's note of what was on its way into a store cannot be understood, so it cannot be finished.
    #[error(
        "the pending range noted with the committed offset of `{topic}`-{partition} cannot be read ({reason}). Nothing was skipped. \
         Run the version that wrote it until the group is idle, or set the group's offset anew \
         (kafka-consumer-groups --reset-offsets)"
    )]
    Pending {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What is wrong with it.
        reason: String,
    },
    /// State could not be restored in time.
    #[error("state of `{topic}`-{partition} was not restored: {reason}")]
    Restore {
        /// The compacted topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// How far it came, and what to do.
        reason: String,
    },
    /// The stage failed; its transaction was aborted.
    #[error("the stage failed: {0}")]
    Stage(#[from] StageError),
    /// A transaction could not be completed, and its outcome could not be established. The state in memory is void; a restart restores it.
    #[error("transaction of `{transactional_id}` failed in {call}: {reason}")]
    Transaction {
        /// The transactional id.
        transactional_id: String,
        /// The call that failed.
        call: &'static str,
        /// What the client library said.
        reason: String,
    },
    /// Transaction calls that never come back have piled up.
    #[error(
        "{calls} transaction calls to Kafka have not returned, each of which holds a thread and a client: start this process again. \
         Nothing of the open transaction was written"
    )]
    Hung {
        /// How many.
        calls: usize,
    },
    /// Any other failure of the client library.
    #[error("{operation}: {source}")]
    Client {
        /// What was being done.
        operation: &'static str,
        /// What the client library said.
        source: ClientError,
    },
    /// A deadline passed.
    #[error("{operation} took longer than {seconds:.1} s")]
    TimedOut {
        /// What was being done.
        operation: &'static str,
        /// The deadline.
        seconds: f64,
    },
    /// The worker's thread is gone, or was told to stop.
    #[error("the Kafka worker of `{0}` has stopped")]
    Stopped(String),
}

impl KafkaError {
    /// Whether starting the same worker again can succeed without anybody changing anything.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NotOwned { .. }
            | Self::Restore { .. }
            | Self::Transaction { .. }
            | Self::Client { .. }
            | Self::TimedOut { .. }
            | Self::Stopped(_) => true,
            Self::Stage(error) => {
                matches!(error, StageError::Output { .. } | StageError::Unavailable(_))
            }
            Self::Settings { .. }
            | Self::TopicMissing { .. }
            | Self::PartitionCount { .. }
            | Self::Topic { .. }
            | Self::OffsetsLost { .. }
            | Self::Pending { .. }
            | Self::Fenced { .. }
            | Self::Hung { .. } => false,
        }
    }

    /// `map_err(KafkaError::client("…"))`.
    pub(crate) fn client(operation: &'static str) -> impl FnOnce(ClientError) -> Self {
        move |source| match source {
            ClientError::ClientConfig(_, _, key, _) => {
                Self::Settings { key, reason: "librdkafka refused the value".to_owned() }
            }
            ClientError::ClientCreation(reason) => Self::Settings { key: operation.to_owned(), reason },
            source => Self::Client { operation, source },
        }
    }
}

/// The fate of one record handed to [`crate::Producer`].
#[derive(Debug, Clone, Error)]
pub enum ProduceError {
    /// The bounded queue is full. Nothing was taken; slow down and try again.
    #[error("the producer's queue is full")]
    Backpressure,
    /// The record was refused and will not be written: too large, unknown topic, invalid header.
    #[error("record for `{topic}` refused: {reason}")]
    Refused {
        /// Destination topic.
        topic: String,
        /// What the client library or the broker said.
        reason: String,
    },
    /// The broker says that it has the record already, and not where. Indefinite: it may or may not be in the log, and sending it
    /// again may write it twice.
    #[error("`{topic}` is said to have the record already, but not where")]
    CalledDuplicate {
        /// Destination topic.
        topic: String,
    },
    /// No acknowledgement came in time. Indefinite: the record may or may not be in the log, so a repetition must be harmless.
    #[error("no acknowledgement from `{topic}`: {reason}")]
    NotAcknowledged {
        /// Destination topic.
        topic: String,
        /// What the client library said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_starts_again_for_what_may_answer_later_and_ends_for_what_it_cannot_cure() {
        assert!(KafkaError::Stage(StageError::unavailable("the registry is away")).is_retriable());
        assert!(!KafkaError::Stage(StageError::failed("state that makes no sense")).is_retriable());
    }
}
