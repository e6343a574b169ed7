//! Records as this crate sees them: bytes in, bytes out.
//!
//! Both directions borrow: a consumed record lives until the next one is asked for, a produced record is copied into librdkafka's
//! queue by the call that takes it. Nothing here knows what the bytes mean.

use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::util::IntoOpaque;

use crate::native::NativeHeaders;
use crate::wire::WireHeaders;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Joins a topic name and a partition number.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Where an acknowledged record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// Where a produced record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// Java's default: murmur2 of the key; without a key any partition.
    #[default]
    ByKey,
    /// This partition: what a stage writes for its state lies beside what it was read from.
    Explicit(i32),
}

/// A record to be produced, borrowed from the caller's buffers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// Destination topic.
    pub topic: &'a str,
    /// Destination partition.
    pub placement: Placement,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Header names and values; names without NUL.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Record time in milliseconds since the epoch; `None` lets the client stamp it.
    pub timestamp_ms: Option<i64>,
}

impl<'a> Record<'a> {
    /// A record placed by its key, without headers.
    #[must_use]
    pub fn new(topic: &'a str, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Self {
        Self { topic, key, value, ..Self::default() }
    }

    /// The same record, for the given partition.
    #[must_use]
    pub fn to_partition(self, partition: i32) -> Self {
        Self { placement: Placement::Explicit(partition), ..self }
    }

    /// The same record with headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a [(&'a str, &'a [u8])]) -> Self {
        Self { headers, ..self }
    }

    /// The same record with a time.
    #[must_use]
    pub fn at(self, timestamp_ms: i64) -> Self {
        Self { timestamp_ms: Some(timestamp_ms), ..self }
    }

    /// Bytes of key and value, what the limits count.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }

    /// The same for the client's binding, with what its delivery report brings back.
    pub(crate) fn native<D: IntoOpaque>(&self, opaque: D) -> BaseRecord<'a, [u8], [u8], D> {
        let mut native = BaseRecord::with_opaque_to(self.topic, opaque);
        native.key = self.key;
        native.payload = self.value;
        native.timestamp = self.timestamp_ms;
        native.headers = self.native_headers();
        native.partition = match self.placement {
            Placement::ByKey => None,
            Placement::Explicit(partition) => Some(partition),
        };
        native
    }

    fn native_headers(&self) -> Option<OwnedHeaders> {
        if self.headers.is_empty() {
            return None;
        }
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (key, value) in self.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        Some(headers)
    }

    /// librdkafka takes header names as C strings, so a NUL would panic in the binding.
    pub(crate) fn has_valid_headers(&self) -> bool {
        self.headers.iter().all(|(name, _)| !name.as_bytes().contains(&0))
    }
}

/// A record read from Kafka, valid until the next poll.
#[derive(Debug, Clone, Copy)]
pub struct ConsumedRecord<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Record time in milliseconds since the epoch, if the log carries one.
    pub timestamp_ms: Option<i64>,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, parsed only when asked for.
    pub headers: Headers<'a>,
}

impl<'a> ConsumedRecord<'a> {
    /// Bytes of key and value.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// The headers of a consumed record.
#[derive(Clone, Copy)]
pub struct Headers<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Native(NativeHeaders<'a>),
    Wire(WireHeaders<'a>),
    Pairs(&'a [(&'a str, &'a [u8])]),
    Arena { bytes: &'a [u8], spans: &'a [HeaderSpan] },
}

/// A header inside a batch's arena.
#[derive(Debug, Clone)]
pub(crate) struct HeaderSpan {
    pub(crate) name: std::ops::Range<usize>,
    pub(crate) value: Option<std::ops::Range<usize>>,
}

/// What stands in for a header name that is not UTF-8. The record itself stays readable.
pub const UNREADABLE_HEADER_NAME: &str = "\u{fffd}";

impl<'a> Headers<'a> {
    /// No headers.
    #[must_use]
    pub fn none() -> Self {
        Self(Source::Pairs(&[]))
    }

    /// Headers from plain pairs, for tests of stages and sinks.
    #[must_use]
    pub fn from_pairs(pairs: &'a [(&'a str, &'a [u8])]) -> Self {
        Self(Source::Pairs(pairs))
    }

    pub(crate) fn from_native(headers: NativeHeaders<'a>) -> Self {
        Self(Source::Native(headers))
    }

    pub(crate) fn from_wire(headers: WireHeaders<'a>) -> Self {
        Self(Source::Wire(headers))
    }

    pub(crate) fn from_arena(bytes: &'a [u8], spans: &'a [HeaderSpan]) -> Self {
        Self(Source::Arena { bytes, spans })
    }

    /// Every header in order: its name and its value (`None` where the producer wrote a null value).
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let source = self.0;
        (0..).map_while(move |index| source.get(index))
    }

    /// The value of the last header of that name, as Kafka's clients define it.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().filter(|(header, _)| *header == name).last().and_then(|(_, value)| value)
    }
}

impl<'a> Source<'a> {
    fn get(self, index: usize) -> Option<(&'a str, Option<&'a [u8]>)> {
        match self {
            Self::Pairs(pairs) => pairs.get(index).map(|(name, value)| (*name, Some(*value))),
            Self::Arena { bytes, spans } => spans.get(index).map(|span| {
                let value = span.value.clone().map(|range| &bytes[range]);
                (readable(&bytes[span.name.clone()]), value)
            }),
            Self::Native(headers) => headers.get(index).map(|(name, value)| (readable(name), value)),
            Self::Wire(headers) => headers.get(index).map(|(name, value)| (readable(name), value)),
        }
    }
}

/// Anybody who may write to a topic can send a name that is not text; the record itself stays readable.
fn readable(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or(UNREADABLE_HEADER_NAME)
}

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
