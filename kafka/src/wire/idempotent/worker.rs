//! The thread of an idempotent producer: records into batches, batches to their leaders, answers to whoever waits.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId};

use super::batches::{Identity, Topic};
use super::link::Leader;
use super::{IdempotentOptions, Shared, Taken, silence};
use crate::metrics;
use crate::repeats::CLIENT_LINES;
use crate::wire::cluster::{Cluster, ClusterError};
use crate::wire::connection::wait_for_reading;
use crate::wire::leaders::Broker;
use crate::wire::produce::{REQUEST_BYTES, add};

const INIT_VERSION: i16 = 4;
/// A question about topics or identities is waited for no longer, because records of other leaders wait meanwhile.
const QUESTION_PATIENCE: Duration = Duration::from_secs(2);
/// Partitions that were added are noticed after so long, as by other producers.
const REFRESH: Duration = Duration::from_mins(5);
/// What has waited for too long is looked for so often.
const LOOK: Duration = Duration::from_millis(100);
/// With nothing to do, the thread sleeps so long at most.
const IDLE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) options: IdempotentOptions,
    pub(super) shared: Arc<Shared>,
    bell: UnixStream,
    cluster: Cluster,
    pub(super) identity: Option<Identity>,
    generation: u64,
    pub(super) topics: Vec<Topic>,
    pub(super) leaders: Vec<Leader>,
    /// After a failure nothing is asked before this moment.
    not_before: Instant,
    published: Instant,
    taken: Vec<Taken>,
    packing: BytesMut,
}

impl Worker {
    pub(super) fn new(options: IdempotentOptions, shared: Arc<Shared>, bell: UnixStream) -> Self {
        let cluster = Cluster::new(&options.brokers, &options.client_id, options.request_timeout);
        let now = Instant::now();
        Self {
            options,
            shared,
            bell,
            cluster,
            identity: None,
            generation: 0,
            topics: Vec::new(),
            leaders: Vec::new(),
            not_before: now,
            published: now,
            taken: Vec::new(),
            packing: BytesMut::new(),
        }
    }

    /// Works until the handle is dropped.
    pub(super) fn run(mut self) {
        while !self.shared.stop.load(Ordering::SeqCst) {
            self.take();
            self.expire();
            self.learn();
            self.identify();
            self.send();
            self.publish();
            self.rest();
            self.receive();
        }
    }

    /// Moves records from the queue into batches.
    fn take(&mut self) {
        std::mem::swap(&mut self.taken, &mut *self.shared.queue());
        let now_ms = now_ms();
        for taken in self.taken.drain(..) {
            let known = self.topics.iter().position(|topic| topic.name == taken.topic);
            let known = known.unwrap_or_else(|| {
                self.topics.push(Topic::new(taken.topic.clone()));
                self.topics.len() - 1
            });
            self.topics[known].take(taken, &self.shared, now_ms);
        }
    }

    /// Gives up what has waited for too long. Where some of it may be in the log, nobody knows which sequence comes next, so a new
    /// identity is taken on.
    fn expire(&mut self) {
        let now = Instant::now();
        for topic in &mut self.topics {
            if topic.expire(&self.shared, self.options.delivery_timeout, now) {
                self.identity = None;
            }
        }
    }

    /// Asks for the leaders of topics that are written to.
    fn learn(&mut self) {
        let now = Instant::now();
        for topic in 0..self.topics.len() {
            let fresh = self.topics[topic].learned.is_some_and(|at| now.duration_since(at) < REFRESH);
            if fresh || now < self.not_before || !self.topics[topic].waits() {
                continue;
            }
            match self.cluster.leaders(&self.topics[topic].name, now + QUESTION_PATIENCE) {
                Ok(found) => {
                    let leaders = found.into_iter().map(|broker| broker.map(|broker| self.leader(broker)));
                    let leaders: Vec<Option<usize>> = leaders.collect();
                    self.topics[topic].learn(leaders, &self.shared, (now, now_ms()));
                    if self.topics[topic].learned.is_none() {
                        self.not_before = now + self.options.backoff;
                    }
                }
                Err(error) => {
                    let unknown = ResponseError::UnknownTopicOrPartition;
                    self.topics[topic].missing =
                        matches!(&error, ClusterError::Topic { error, .. } if *error == unknown);
                    self.trouble(&error);
                }
            }
        }
    }

    fn leader(&mut self, broker: Broker) -> usize {
        self.leaders.iter().position(|known| known.broker == broker).unwrap_or_else(|| {
            self.leaders.push(Leader::new(broker, Instant::now()));
            self.leaders.len() - 1
        })
    }

    /// Nothing is asked for a moment; what waits will know why.
    pub(super) fn trouble(&mut self, error: &dyn std::fmt::Display) {
        self.not_before = Instant::now() + self.options.backoff;
        let (name, reason) = (&self.options.name, error.to_string());
        if let Some(left_out) = CLIENT_LINES.admit(&format!("producer {name} {reason}"), Instant::now()) {
            tracing::warn!(error = reason, producer = name, left_out, "Kafka produce");
        }
        for topic in self.topics.iter_mut().filter(|topic| topic.waits()) {
            topic.trouble.clone_from(&reason);
        }
    }

    /// Takes on an identity, by which leaders know a batch that they have already.
    fn identify(&mut self) {
        let now = Instant::now();
        if self.identity.is_some() || now < self.not_before || !self.topics.iter().any(Topic::waits) {
            return;
        }
        match self.new_identity(now + QUESTION_PATIENCE) {
            Ok((id, epoch)) => {
                self.generation += 1;
                self.identity = Some(Identity { id, epoch, generation: self.generation });
            }
            Err(error) => self.trouble(&error),
        }
    }

    fn new_identity(&self, deadline: Instant) -> Result<(i64, i16), String> {
        let mut connection = self.cluster.any(deadline).map_err(|error| error.to_string())?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let asked = connection.version_of::<InitProducerIdRequest>(INIT_VERSION).and_then(|version| {
            connection.send(&request, version, deadline)?;
            connection.receive::<InitProducerIdRequest>(version, deadline)
        });
        let answer = asked.map_err(|error| error.to_string())?;
        match ResponseError::try_from_code(answer.error_code) {
            None => Ok((answer.producer_id.0, answer.producer_epoch)),
            Some(error) => Err(format!("no producer id: {error}")),
        }
    }

    /// Sends the first batch of each partition to its leader, unless one is under way there.
    fn send(&mut self) {
        let (Some(identity), now) = (self.identity, Instant::now()) else { return };
        for leader in 0..self.leaders.len() {
            if self.leaders[leader].is_busy() || now < self.leaders[leader].not_before {
                continue;
            }
            let mut request = ProduceRequest::default()
                .with_acks(-1)
                .with_timeout_ms(i32::try_from(self.options.request_timeout.as_millis()).unwrap_or(i32::MAX));
            let (mut places, mut bytes) = (Vec::new(), 0);
            for (at, topic) in self.topics.iter_mut().enumerate() {
                for (place, partition) in topic.partitions.iter_mut().enumerate() {
                    if partition.leader != Some(leader) || !partition.waits() || bytes > REQUEST_BYTES {
                        continue;
                    }
                    let batch = partition.dispatch(identity, self.options.pack, &mut self.packing);
                    let Some(batch) = batch else { continue };
                    bytes += batch.len();
                    add(&mut request, &topic.name, place, batch);
                    places.push((at, place));
                }
            }
            if places.is_empty() {
                continue;
            }
            let link = &mut self.leaders[leader];
            link.not_before = now + self.options.linger;
            let sent = link.send(&self.cluster, (&request, places), now, self.options.request_timeout);
            if let Err(error) = sent {
                self.lost(leader, &error);
            }
        }
    }

    /// A leader is not there any more, or somebody else is.
    pub(super) fn lost(&mut self, leader: usize, error: &dyn std::fmt::Display) {
        let places = self.leaders[leader].lose(Instant::now() + self.options.backoff);
        for &(topic, place) in &places {
            self.topics[topic].learned = None;
            let partition = &mut self.topics[topic].partitions[place];
            (partition.busy, partition.leader) = (false, None);
        }
        self.trouble(error);
    }

    /// Publishes the length of the queue, now and then.
    fn publish(&mut self) {
        if self.published.elapsed() >= IDLE {
            self.published = Instant::now();
            let records = self.shared.records.load(Ordering::Acquire);
            metrics::set_queue(&self.options.name, i32::try_from(records).unwrap_or(i32::MAX));
        }
    }

    /// Waits for an answer, for a moment that was waited for, or for records if they could be sent now.
    fn rest(&self) {
        let now = Instant::now();
        let mut until = now + if self.topics.iter().any(Topic::waits) { LOOK } else { IDLE };
        let moments = self.leaders.iter().map(|leader| leader.not_before).chain([self.not_before]);
        let limits = self.leaders.iter().filter_map(|leader| leader.limit(self.options.request_timeout));
        for moment in moments.filter(|moment| *moment > now).chain(limits) {
            until = until.min(moment);
        }
        let free = |leader: &Leader| !leader.is_busy() && leader.not_before <= now;
        let ready = self.leaders.is_empty() || self.leaders.iter().any(free);
        self.shared.asleep.store(ready, Ordering::SeqCst);
        if !ready || self.shared.queue().is_empty() {
            let connections = self.leaders.iter().filter_map(|leader| Some(leader.waiting()?.as_fd()));
            let sources: Vec<_> = connections.chain([self.bell.as_fd()]).collect();
            wait_for_reading(&sources, until.saturating_duration_since(now));
        }
        self.shared.asleep.store(false, Ordering::SeqCst);
        silence(&self.bell);
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
