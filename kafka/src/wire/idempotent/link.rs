//! The connection to one leader, with at most one request under way.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use crate::wire::cluster::Cluster;
use crate::wire::connection::{Connection, WireError};
use crate::wire::leaders::Broker;
use crate::wire::produce::PRODUCE_VERSION;

/// A leader that does not take connections is waited for no longer, because others wait meanwhile.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A batch under way, by topic and partition.
pub(super) type Place = (usize, usize);

/// A broker that is written to.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) broker: Broker,
    /// When the next request may begin.
    pub(super) not_before: Instant,
    open: Option<(Connection, i16)>,
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    since: Instant,
    places: Vec<Place>,
}

impl Leader {
    pub(super) fn new(broker: Broker, now: Instant) -> Self {
        Self { broker, not_before: now, open: None, sent: None }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.sent.is_some()
    }

    /// The connection, if an answer is outstanding on it.
    pub(super) fn waiting(&self) -> Option<&Connection> {
        self.sent.as_ref().and(self.open.as_ref()).map(|(connection, _)| connection)
    }

    /// When the answer under way is given up.
    pub(super) fn limit(&self, request_timeout: Duration) -> Option<Instant> {
        self.sent.as_ref().map(|sent| sent.since + request_timeout)
    }

    /// Sends a request. Whatever becomes of it, these batches are under way until [`Leader::answer`] or [`Leader::lose`].
    pub(super) fn send(
        &mut self,
        cluster: &Cluster,
        (request, places): (&ProduceRequest, Vec<Place>),
        now: Instant,
        request_timeout: Duration,
    ) -> Result<(), WireError> {
        self.sent = Some(Sent { since: now, places });
        let (connection, version) = match self.open.take() {
            Some((open, version)) if open.is_open() => self.open.insert((open, version)),
            _ => {
                let patience = request_timeout.min(CONNECT_PATIENCE);
                let fresh = cluster.open(&self.broker.host, self.broker.port, now + patience)?;
                let version = fresh.version_of::<ProduceRequest>(PRODUCE_VERSION)?;
                self.open.insert((fresh, version))
            }
        };
        connection.send(request, *version, Instant::now() + request_timeout)
    }

    /// The answer, if it is here as a whole, with the batches that it is about.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request_timeout: Duration,
    ) -> Result<Option<(ProduceResponse, Vec<Place>)>, WireError> {
        let (Some((connection, version)), Some(sent)) = (&mut self.open, &self.sent) else { return Ok(None) };
        let Some(body) = connection.try_receive(&mut None)? else {
            if now.saturating_duration_since(sent.since) > request_timeout {
                let peer = connection.peer().to_owned();
                return Err(WireError::TimedOut { peer, seconds: request_timeout.as_secs_f64() });
            }
            return Ok(None);
        };
        let response = connection.decode::<ProduceRequest>(body, *version)?;
        Ok(self.sent.take().map(|sent| (response, sent.places)))
    }

    /// Closes the connection. Returns the batches that were under way.
    pub(super) fn lose(&mut self, not_before: Instant) -> Vec<Place> {
        (self.open, self.not_before) = (None, not_before);
        self.sent.take().map(|sent| sent.places).unwrap_or_default()
    }
}
