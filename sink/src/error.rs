//! What can go wrong with a batch as a whole. Which of the three it is, is decided beside the store that knows.

use schemas::Topic;

/// Why a batch, a migration or a look-up did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The store is away, busy or full. Nothing is wrong with the batch: keep it as it is and try again later, with
    /// increasing pauses. It may or may not have been stored already, and repeating it is safe.
    #[error("{store}: could not {action} ({class}): {reason}")]
    Transient {
        /// Which store.
        store: &'static str,
        /// What kind of trouble it is, for metrics: `network`, `timeout`, `read_only`, `disk_full` and so on.
        class: &'static str,
        /// What was attempted.
        action: &'static str,
        /// What the store or the network said.
        reason: String,
    },
    /// Another member of the group has stored records of this partition in the meantime. Nothing of the batch was
    /// stored. Drop it, ask for the positions again and continue from there.
    #[error(
        "the stored position of {topic} partition {partition} is {found}, not {expected}: another process has \
         written it; this one stands back and continues from the stored position"
    )]
    Fenced {
        /// Name of the topic, without prefix.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// The position that this sink had seen.
        expected: i64,
        /// The position that is stored.
        found: i64,
    },
    /// The store has lost records that it had acknowledged. Nothing of the batch was stored. Drop it, ask for the positions
    /// again and continue from there, which brings back what is missing.
    #[error(
        "the stored position of {topic} partition {partition} went back from {expected} to {found}: a standby that had not heard \
         of everything has taken over, or a backup was restored; what is missing is read again from the stored position"
    )]
    SetBack {
        /// Name of the topic, without prefix.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// The position that the store had acknowledged.
        expected: i64,
        /// The position that is stored.
        found: i64,
    },
    /// Trying again does not help before somebody has changed something.
    #[error("{store}: could not {action}: {reason}")]
    Fatal {
        /// Which store.
        store: &'static str,
        /// What was attempted.
        action: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl SinkError {
    /// Whether the same batch may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::Fenced { .. } => "fenced",
            Self::SetBack { .. } => "set_back",
            Self::Fatal { .. } => "fatal",
        }
    }

    /// What kind of trouble it is, as a label: of a transient one its class, otherwise its kind.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Transient { class, .. } => class,
            other => other.kind(),
        }
    }

    /// A position is not the one that was seen: others move it forwards, and only a loss moves it back.
    pub(crate) fn moved((topic, partition): (Topic, i32), expected: i64, found: i64) -> Self {
        let topic = topic.name();
        if found < expected {
            Self::SetBack { topic, partition, expected, found }
        } else {
            Self::Fenced { topic, partition, expected, found }
        }
    }
}
