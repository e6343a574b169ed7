//! The connection to one leader, with at most one fetch request under way.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::FetchOptions;
use crate::record::TopicPartition;
use crate::settings::Isolation;
use crate::wire::connection::{Connection, WireError};
use crate::wire::leaders::Broker;

/// The newest version that names topics instead of numbering them.
const FETCH_VERSION: i16 = 12;

/// Connecting is waited for no longer, because whoever fetches has rebalances and other leaders to see to.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A broker and what was asked of it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) broker: Broker,
    open: Option<(Connection, i16)>,
    pending: Option<Pending>,
    /// The buffer of an earlier answer.
    spare: Option<BytesMut>,
}

#[derive(Debug)]
struct Pending {
    epoch: u64,
    since: Instant,
    /// The partitions by their cursors, in the order of the request.
    asked: Vec<usize>,
}

/// What a broker has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) epoch: u64,
    pub(super) asked: Vec<usize>,
    pub(super) response: FetchResponse,
    /// All of its bytes, so that their buffer can be used again.
    pub(super) frame: Bytes,
}

impl Link {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, open: None, pending: None, spare: None }
    }

    pub(super) fn close(&mut self) {
        self.open = None;
        self.pending = None;
    }

    /// Whether an answer is outstanding.
    pub(super) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    /// The connection, if an answer is outstanding on it.
    pub(super) fn waiting(&self) -> Option<&Connection> {
        self.pending.as_ref().and(self.open.as_ref()).map(|(connection, _)| connection)
    }

    /// Asks for the records from these positions on, each with the index of its cursor.
    pub(super) fn ask<'a>(
        &mut self,
        options: &FetchOptions,
        epoch: u64,
        positions: impl Iterator<Item = (usize, &'a TopicPartition, i64)>,
    ) -> Result<(), WireError> {
        if self.open.is_none() {
            let Broker { host, port, .. } = &self.broker;
            let patience = options.request_timeout.min(CONNECT_PATIENCE);
            let connection = Connection::open(host, *port, &options.client_id, patience)?;
            let version = connection.version_of::<FetchRequest>(FETCH_VERSION)?;
            self.open = Some((connection, version));
        }
        let Some((connection, version)) = &mut self.open else { return Ok(()) };
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut asked = Vec::new();
        for (cursor, at, offset) in positions {
            let known = topics.iter().position(|topic| topic.topic.as_str() == &*at.topic);
            let topic = known.unwrap_or_else(|| {
                let name = TopicName(StrBytes::from_string(at.topic.to_string()));
                topics.push(FetchTopic::default().with_topic(name));
                topics.len() - 1
            });
            topics[topic].partitions.push(
                FetchPartition::default()
                    .with_partition(at.partition)
                    .with_fetch_offset(offset)
                    .with_partition_max_bytes(options.partition_max_bytes),
            );
            asked.push(cursor);
        }
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(options.wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(options.min_bytes)
            .with_max_bytes(options.max_bytes)
            .with_isolation_level(i8::from(options.isolation == Isolation::ReadCommitted))
            .with_session_epoch(-1)
            .with_topics(topics);
        let now = Instant::now();
        connection.send(&request, *version, now + options.request_timeout)?;
        self.pending = Some(Pending { epoch, since: now, asked });
        Ok(())
    }

    /// The answer, if it is here as a whole.
    pub(super) fn answer(&mut self, options: &FetchOptions) -> Result<Option<Answer>, WireError> {
        let (Some((connection, version)), Some(pending)) = (&mut self.open, &self.pending) else {
            return Ok(None);
        };
        let Some(frame) = connection.try_receive(&mut self.spare)? else {
            let limit = options.wait + options.request_timeout;
            if pending.since.elapsed() > limit {
                let peer = connection.peer().to_owned();
                return Err(WireError::TimedOut { peer, seconds: limit.as_secs_f64() });
            }
            return Ok(None);
        };
        let response = connection.decode::<FetchRequest>(frame.clone(), *version)?;
        let pending = self.pending.take();
        Ok(pending.map(|Pending { epoch, asked, .. }| Answer { epoch, asked, response, frame }))
    }

    /// Takes the buffer of an answer back, unless somebody still has a part of it.
    pub(super) fn recycle(&mut self, frame: Bytes) {
        if let Ok(buffer) = frame.try_into_mut() {
            self.spare = Some(buffer);
        }
    }
}
