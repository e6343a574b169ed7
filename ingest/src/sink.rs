//! Where webhook events go: a trait that the binary implements on its Kafka producer.

use std::pin::Pin;

use schemas::Topic;
use schemas::record::{DeadLetter, RawEvent};

use crate::SinkError;

/// Resolves when the log has acknowledged the record (Kafka's delivery report), or cannot.
pub type Ack = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'static>>;

/// A record on its way to the log. It borrows; the sink encodes it before it returns.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A raw event for one of the raw topics.
    Raw {
        /// The topic.
        topic: Topic,
        /// The record key, which decides the partition.
        key: &'a str,
        /// The value.
        event: &'a RawEvent<'a>,
    },
    /// A dead letter, for [`Topic::DeadLetters`].
    Refused {
        /// The record key, where the refused message had one.
        key: Option<&'a str>,
        /// The value.
        letter: &'a DeadLetter<'a>,
    },
}

/// Takes records into the log.
pub trait RecordSink: Clone + Send + Sync + 'static {
    /// Encodes and enqueues the record at once; the returned future only waits for the acknowledgement. So a caller
    /// may start many and then wait for all. An error before the record is enqueued comes through the future as well.
    fn send(&self, record: Record<'_>) -> Ack;
}

impl Record<'_> {
    /// The topic it belongs to.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Raw { topic, .. } => *topic,
            Self::Refused { .. } => Topic::DeadLetters,
        }
    }
}
