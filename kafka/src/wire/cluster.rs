//! Finding one's way: brokers, coordinators, leaders.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use thiserror::Error;

use super::connection::{Connection, WireError};
use super::leaders::Broker;

/// The newest versions whose messages look as they are read here; of metadata the newest that the in-memory broker answers as it is
/// specified.
const COORDINATOR_VERSION: i16 = 3;
const METADATA_VERSION: i16 = 8;

/// Pause before a question is asked again whose answer was "not yet".
const PAUSE: Duration = Duration::from_millis(20);

/// Why the way was not found.
#[derive(Debug, Error)]
pub(super) enum ClusterError {
    #[error("no broker is configured")]
    NoBroker,
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("no coordinator: {0}")]
    Coordinator(ResponseError),
    #[error("no answer about topic `{0}`")]
    Unanswered(String),
    #[error("topic `{topic}`: {error}")]
    Topic { topic: String, error: ResponseError },
}

/// What a coordinator coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    Group,
    Transaction,
}

/// The brokers that are known, first those from the settings.
#[derive(Debug)]
pub(super) struct Cluster {
    addresses: Vec<(String, u16)>,
    client_id: String,
    request_timeout: Duration,
}

impl Cluster {
    /// `brokers` as in the settings: `host:port[,host:port…]`.
    pub(super) fn new(brokers: &str, client_id: &str, request_timeout: Duration) -> Self {
        let addresses = brokers.split(',').filter_map(address).collect();
        Self { addresses, client_id: client_id.to_owned(), request_timeout }
    }

    pub(super) fn open(&self, host: &str, port: u16, deadline: Instant) -> Result<Connection, WireError> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        Connection::open(host, port, &self.client_id, self.request_timeout.min(left))
    }

    /// A connection to whoever answers.
    pub(super) fn any(&self, deadline: Instant) -> Result<Connection, ClusterError> {
        let mut last = ClusterError::NoBroker;
        for (host, port) in &self.addresses {
            match self.open(host, *port, deadline) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// The coordinator of this group or transactional id.
    pub(super) fn coordinator(
        &self,
        of: Coordinates,
        key: &str,
        deadline: Instant,
    ) -> Result<Broker, ClusterError> {
        let mut connection = self.any(deadline)?;
        let version = connection.version_of::<FindCoordinatorRequest>(COORDINATOR_VERSION)?;
        let request = FindCoordinatorRequest::default()
            .with_key(StrBytes::from_string(key.to_owned()))
            .with_key_type(i8::from(of == Coordinates::Transaction));
        loop {
            connection.send(&request, version, deadline)?;
            let answer = connection.receive::<FindCoordinatorRequest>(version, deadline)?;
            match ResponseError::try_from_code(answer.error_code) {
                None => {
                    let port = u16::try_from(answer.port).unwrap_or_default();
                    return Ok(Broker { id: answer.node_id.0, host: answer.host.to_string(), port });
                }
                Some(error) if error.is_retriable() && Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Some(error) => return Err(ClusterError::Coordinator(error)),
            }
        }
    }

    /// The leader of each partition of a topic.
    pub(super) fn leaders(
        &mut self,
        topic: &str,
        deadline: Instant,
    ) -> Result<Vec<Option<Broker>>, ClusterError> {
        let mut connection = self.any(deadline)?;
        let version = connection.version_of::<MetadataRequest>(METADATA_VERSION)?;
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(name))]))
            .with_allow_auto_topic_creation(false);
        connection.send(&request, version, deadline)?;
        let answer = connection.receive::<MetadataRequest>(version, deadline)?;
        let brokers: Vec<Broker> = answer
            .brokers
            .iter()
            .map(|broker| Broker {
                id: broker.node_id.0,
                host: broker.host.to_string(),
                port: u16::try_from(broker.port).unwrap_or_default(),
            })
            .collect();
        for broker in &brokers {
            let address = (broker.host.clone(), broker.port);
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
        let Some(found) = answer.topics.into_iter().next() else {
            return Err(ClusterError::Unanswered(topic.to_owned()));
        };
        if let Some(error) = ResponseError::try_from_code(found.error_code) {
            return Err(ClusterError::Topic { topic: topic.to_owned(), error });
        }
        let mut leaders = vec![None; found.partitions.len()];
        for partition in found.partitions {
            let place = usize::try_from(partition.partition_index).ok();
            if let Some(leader) = place.and_then(|place| leaders.get_mut(place)) {
                *leader = brokers.iter().find(|broker| broker.id == partition.leader_id.0).cloned();
            }
        }
        Ok(leaders)
    }
}

fn address(text: &str) -> Option<(String, u16)> {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, address)| address);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, port.parse().ok()?),
        _ => (text, 9092),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_client_library_reads_them() {
        let of = |text: &str| Cluster::new(text, "id", Duration::from_secs(1)).addresses;
        let at = |host: &str, port| (host.to_owned(), port);
        assert_eq!(of("a:1, b:2"), [at("a", 1), at("b", 2)]);
        assert_eq!(of("PLAINTEXT://a:1"), [at("a", 1)]);
        assert_eq!(of("[::1]:19092"), [at("::1", 19092)]);
        assert_eq!(of("alone"), [at("alone", 9092)]);
        assert_eq!(of(",a:x,"), []);
    }
}
