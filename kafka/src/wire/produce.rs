//! What both producers share: limits, placement, and the parts of a request.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::murmur2::partition_for;
use crate::record::{Placement, Record};

/// The newest version before that by which brokers add partitions to a transaction on their own (KIP-890, part 2).
pub(super) const PRODUCE_VERSION: i16 = 11;
/// A batch of so many bytes is full; brokers take 1 MiB by default.
pub(super) const BATCH_BYTES: usize = 1_000_000;
/// A record may be as large as this: a dead letter is larger than the record that it keeps.
pub(super) const RECORD_BYTES: usize = 4 << 20;
/// Batches of several partitions go into one request up to this size.
pub(super) const REQUEST_BYTES: usize = 4 << 20;

/// A transaction's records wait for each other up to so many bytes in all partitions together. More would save no requests worth
/// naming, but takes memory, and the broker has nothing to do meanwhile.
pub(super) const WAITING_BYTES: usize = 1 << 20;

/// The partition of a record in a topic of so many; `None` when the topic has no such partition. A record without a key goes to
/// `keyless`.
pub(super) fn place(record: &Record<'_>, partitions: usize, keyless: usize) -> Option<usize> {
    let number = match (record.placement, record.key) {
        (Placement::Explicit(number), _) => usize::try_from(number).ok()?,
        (Placement::ByKey, Some(key)) => {
            let count = i32::try_from(partitions).ok().filter(|count| *count > 0)?;
            usize::try_from(partition_for(key, count)).ok()?
        }
        (Placement::ByKey, None) => keyless,
    };
    (number < partitions).then_some(number)
}

/// Adds a finished batch to a request.
pub(super) fn add(request: &mut ProduceRequest, topic: &str, place: usize, batch: Bytes) {
    let known = request.topic_data.iter().position(|data| data.name.as_str() == topic);
    let known = known.unwrap_or_else(|| {
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        request.topic_data.push(TopicProduceData::default().with_name(name));
        request.topic_data.len() - 1
    });
    let number = i32::try_from(place).unwrap_or(i32::MAX);
    let data = PartitionProduceData::default().with_index(number).with_records(Some(batch));
    request.topic_data[known].partition_data.push(data);
}
