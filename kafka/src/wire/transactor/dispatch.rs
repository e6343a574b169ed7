//! Batches to their leaders, offsets to their coordinator, and the answers.

use std::time::Instant;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ProduceRequest, TxnOffsetCommitRequest};

use super::Transactor;
use super::coordination::FIRST_PAUSE;
use super::outputs::{self, Leader, Sent, Topic};
use super::verdict::{Asked, Meaning, TransactionError, Verdict, judge};
use crate::wire::encoder::{Provenance, sequence_after, stamp};
use crate::wire::produce::{PRODUCE_VERSION, REQUEST_BYTES, add};

/// The newest version before that by which brokers add partitions on their own (KIP-890, part 2).
const COMMIT_OFFSETS_VERSION: i16 = 4;

/// Requests under way to one leader; with more a broker cannot see to their order.
const IN_FLIGHT: usize = 5;

impl Transactor {
    /// Sends one batch or all of them, each leader's together.
    pub(super) fn dispatch(
        &mut self,
        only: Option<(usize, usize)>,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let with_batch = |topic: usize| {
            let partitions = self.topics[topic].partitions.iter().enumerate();
            partitions
                .filter(|(_, partition)| partition.batch.is_some())
                .map(move |(place, _)| (topic, place))
        };
        let chosen: Vec<(usize, usize)> = match only {
            Some(one) => vec![one],
            None => (0..self.topics.len()).flat_map(with_batch).collect(),
        };
        self.add_partitions(&chosen, deadline)?;
        for leader in 0..self.leaders.len() {
            let mut request = self.empty_request();
            let mut bytes = 0;
            for &(topic, place) in &chosen {
                if self.topics[topic].partitions[place].leader != Some(leader) {
                    continue;
                }
                let Some(batch) = self.finish(topic, place) else { continue };
                if bytes > 0 && bytes + batch.len() > REQUEST_BYTES {
                    let full = std::mem::replace(&mut request, self.empty_request());
                    self.produce(leader, full, deadline)?;
                    bytes = 0;
                }
                bytes += batch.len();
                add(&mut request, &self.topics[topic].name, place, batch.freeze());
            }
            if bytes > 0 {
                self.produce(leader, request, deadline)?;
            }
        }
        Ok(())
    }

    fn add_partitions(
        &mut self,
        chosen: &[(usize, usize)],
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let mut missing: Vec<(&Topic, Vec<i32>)> = Vec::new();
        for &(topic, place) in chosen {
            let topic = &self.topics[topic];
            let partition = &topic.partitions[place];
            if partition.leader.is_none() {
                let reason = format!("`{}`-{place} has no leader", topic.name);
                return Err(TransactionError::new(Verdict::Abort, reason));
            }
            if partition.added {
                continue;
            }
            let number = i32::try_from(place).unwrap_or(i32::MAX);
            match missing.last_mut().filter(|(last, _)| last.name == topic.name) {
                Some((_, numbers)) => numbers.push(number),
                None => missing.push((topic, vec![number])),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.coordinator.add_partitions(&missing, deadline)?;
        for &(topic, place) in chosen {
            self.topics[topic].partitions[place].added = true;
        }
        Ok(())
    }

    /// Ends the batch of a partition.
    fn finish(&mut self, topic: usize, place: usize) -> Option<BytesMut> {
        let topic = &mut self.topics[topic];
        let partition = &mut topic.partitions[place];
        let batch = partition.batch.take()?;
        self.buffered = self.buffered.saturating_sub(batch.size());
        let of = Provenance {
            producer_id: self.coordinator.identity.id,
            producer_epoch: self.coordinator.identity.epoch,
            sequence: partition.sequence,
        };
        partition.sequence = sequence_after(partition.sequence, batch.count());
        if topic.keyless == place {
            topic.keyless = (place + 1) % topic.partitions.len();
        }
        let mut batch = batch.seal(topic.pack, true, &mut self.buffers.packing);
        stamp(&mut batch, of);
        Some(batch)
    }

    fn empty_request(&self) -> ProduceRequest {
        let timeout = i32::try_from(self.options.request_timeout.as_millis()).unwrap_or(i32::MAX);
        ProduceRequest::default()
            .with_transactional_id(Some(self.wire_id()))
            .with_acks(-1)
            .with_timeout_ms(timeout)
    }

    fn produce(
        &mut self,
        leader: usize,
        request: ProduceRequest,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        while self.leaders[leader].sent.len() >= IN_FLIGHT {
            self.receive(leader, deadline)?;
        }
        let leader = &mut self.leaders[leader];
        let connection = leader.connection(&self.cluster, deadline)?;
        connection.send(&request, connection.version_of::<ProduceRequest>(PRODUCE_VERSION)?, deadline)?;
        leader.sent.push_back(Sent::Records);
        self.buffers.recycle(request);
        Ok(())
    }

    /// Takes in the oldest answer that a leader owes.
    pub(super) fn receive(&mut self, leader: usize, deadline: Instant) -> Result<(), TransactionError> {
        let Leader { open, sent, .. } = &mut self.leaders[leader];
        let (Some(connection), Some(oldest)) = (open, sent.pop_front()) else { return Ok(()) };
        match oldest {
            Sent::Records => {
                let version = connection.version_of::<ProduceRequest>(PRODUCE_VERSION)?;
                outputs::check(connection.receive::<ProduceRequest>(version, deadline)?)
            }
            Sent::Offsets => {
                let version = connection.version_of::<TxnOffsetCommitRequest>(COMMIT_OFFSETS_VERSION)?;
                let answer = connection.receive::<TxnOffsetCommitRequest>(version, deadline)?;
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let mut codes = partitions.map(|partition| partition.error_code);
                let Some(error) = codes.find_map(ResponseError::try_from_code) else { return Ok(()) };
                match judge(Asked::CommitOffsets, error) {
                    Meaning::Again if Instant::now() < deadline => {
                        std::thread::sleep(FIRST_PAUSE);
                        self.send_offsets_request(leader, deadline)
                    }
                    Meaning::Again => Err(TransactionError::unknown(format!("offsets: {error}"))),
                    Meaning::Final(verdict) => {
                        Err(TransactionError::new(verdict, format!("offsets: {error}")))
                    }
                }
            }
        }
    }

    pub(super) fn send_offsets_request(
        &mut self,
        leader: usize,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let Some(request) = &self.offsets else { return Ok(()) };
        let leader = &mut self.leaders[leader];
        let connection = leader.connection(&self.cluster, deadline)?;
        let version = connection.version_of::<TxnOffsetCommitRequest>(COMMIT_OFFSETS_VERSION)?;
        connection.send(request, version, deadline)?;
        leader.sent.push_back(Sent::Offsets);
        Ok(())
    }
}
