//! Records on their way: batches by partition, and the connections to their leaders.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::verdict::{Asked, Meaning, TransactionError, Verdict, judge};
use crate::metrics;
use crate::wire::cluster::Cluster;
use crate::wire::connection::Connection;
use crate::wire::encoder::BatchWriter;
use crate::wire::leaders::Broker;
use crate::wire::produce::WAITING_BYTES;

/// Bytes of the buffers that are kept for the next batches.
const KEPT_BYTES: usize = 2 * WAITING_BYTES;

/// A topic that is written to.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) pack: bool,
    pub(super) partitions: Vec<Partition>,
    /// Where records without a key go.
    pub(super) keyless: usize,
}

/// One of its partitions.
#[derive(Debug)]
pub(super) struct Partition {
    /// Index of the connection to its leader.
    pub(super) leader: Option<usize>,
    /// Of the next batch.
    pub(super) sequence: i32,
    /// The coordinator knows that the transaction writes here.
    pub(super) added: bool,
    pub(super) batch: Option<BatchWriter>,
}

impl Topic {
    pub(super) fn wire_name(&self) -> TopicName {
        TopicName(StrBytes::from_string(self.name.clone()))
    }
}

/// A broker that is written to. Outputs and offsets go to it over one connection, so that it sees to one after the other: of two
/// questions of one transaction that it asks the coordinator at once, it answers the first as failed.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) broker: Broker,
    pub(super) open: Option<Connection>,
    /// What is under way, oldest first.
    pub(super) sent: VecDeque<Sent>,
}

/// A request without its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Records,
    Offsets,
}

impl Leader {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, open: None, sent: VecDeque::new() }
    }

    /// The connection, opened if need be.
    pub(super) fn connection(
        &mut self,
        cluster: &Cluster,
        deadline: Instant,
    ) -> Result<&mut Connection, TransactionError> {
        let connection = match self.open.take() {
            Some(open) if !self.sent.is_empty() || open.is_open() => open,
            _ => cluster.open(&self.broker.host, self.broker.port, deadline)?,
        };
        Ok(self.open.insert(connection))
    }
}

/// Buffers of batches that were sent, for the next ones.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The largest last: it goes to whoever asks first, since a batch that grows is copied again and again.
    free: Vec<BytesMut>,
    bytes: usize,
    /// What batches are packed into.
    pub(super) packing: BytesMut,
}

impl Buffers {
    pub(super) fn take(&mut self) -> BytesMut {
        let buffer = self.free.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    pub(super) fn recycle(&mut self, request: ProduceRequest) {
        let partitions = request.topic_data.into_iter().flat_map(|topic| topic.partition_data);
        for records in partitions.filter_map(|partition| partition.records) {
            if let Ok(buffer) = records.try_into_mut() {
                self.keep(buffer);
            }
        }
    }

    fn keep(&mut self, buffer: BytesMut) {
        let size = buffer.capacity();
        if self.bytes + size <= KEPT_BYTES {
            let at = self.free.partition_point(|other| other.capacity() < size);
            self.free.insert(at, buffer);
            self.bytes += size;
        }
    }
}

/// Whether a leader has taken everything.
pub(super) fn check(answer: kafka_protocol::messages::ProduceResponse) -> Result<(), TransactionError> {
    let mut failed: Option<TransactionError> = None;
    for topic in answer.responses {
        for partition in topic.partition_responses {
            let Some(error) = ResponseError::try_from_code(partition.error_code) else { continue };
            let topic = topic.name.as_str();
            metrics::count_delivery_failure(topic);
            let verdict = match judge(Asked::Produce, error) {
                Meaning::Final(verdict) => verdict,
                Meaning::Again => Verdict::Abort,
            };
            let more = partition.error_message.map(|message| format!(" ({})", message.as_str()));
            let reason =
                format!("records for `{topic}`-{}: {error}{}", partition.index, more.unwrap_or_default());
            // Being fenced says more than any other failure.
            if verdict == Verdict::Fenced || failed.is_none() {
                failed = Some(TransactionError::new(verdict, reason));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_buffer_is_used_again_first_and_no_more_bytes_are_kept_than_allowed() {
        let mut buffers = Buffers::default();
        for size in [5_000, 70_000, 200, KEPT_BYTES, KEPT_BYTES - 75_200] {
            buffers.keep(BytesMut::with_capacity(size));
        }
        let taken: Vec<usize> = (0..5).map(|_| buffers.take().capacity()).collect();
        assert_eq!(taken, [KEPT_BYTES - 75_200, 70_000, 5_000, 200, 0]);
        assert_eq!(buffers.bytes, 0);
    }
}
