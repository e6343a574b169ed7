//! What waits to be written: batches by partition.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::{Report, Shared, Taken};
use crate::error::ProduceError;
use crate::metrics;
use crate::record::{Ack, Record};
use crate::wire::encoder::{BatchWriter, Provenance, sequence_after, stamp};
use crate::wire::produce::{BATCH_BYTES, place};

/// Who this producer is, and how often that has changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
    pub(super) generation: u64,
}

/// Records of one partition that are written together.
#[derive(Debug)]
pub(super) struct Batch {
    records: Records,
    count: i32,
    replies: Vec<oneshot::Sender<Report>>,
    bytes: usize,
    since: Instant,
    /// The generation under which it was sent.
    sent_as: Option<u64>,
}

#[derive(Debug)]
enum Records {
    Open(BatchWriter),
    Sealed(Bytes),
}

/// A partition that is written to.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// Index of its leader.
    pub(super) leader: Option<usize>,
    /// The first batch is under way.
    pub(super) busy: bool,
    batches: VecDeque<Batch>,
    /// Of the next batch, and the generation that counts so.
    sequence: i32,
    generation: u64,
}

/// A topic that is written to.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    /// None before the cluster has named them.
    pub(super) partitions: Vec<Partition>,
    /// When the cluster was asked; `None` when it has to be asked again.
    pub(super) learned: Option<Instant>,
    /// What stands in the way, to be told when records are given up.
    pub(super) trouble: String,
    /// The cluster says that there is no such topic.
    pub(super) missing: bool,
    unplaced: VecDeque<Taken>,
    /// Where records without a key go.
    keyless: usize,
}

impl Batch {
    fn new(since: Instant, now_ms: i64) -> Self {
        let records = Records::Open(BatchWriter::new(BytesMut::new(), now_ms));
        Self { records, count: 0, replies: Vec::new(), bytes: 0, since, sent_as: None }
    }

    fn takes(&self, size: usize) -> bool {
        match &self.records {
            Records::Open(writer) => self.count == 0 || writer.size() + size <= BATCH_BYTES,
            Records::Sealed(_) => false,
        }
    }

    fn append(&mut self, taken: Taken) {
        let Records::Open(writer) = &mut self.records else { return };
        let headers: Vec<(&str, &[u8])> =
            taken.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        writer.append(&record(&taken, &headers));
        self.count += 1;
        self.bytes += taken.bytes();
        self.replies.push(taken.reply);
    }

    /// Its bytes as this producer's at this place of the sequence.
    fn sealed(&mut self, of: Provenance, pack: bool, packing: &mut BytesMut) -> Bytes {
        let empty = Records::Sealed(Bytes::new());
        let mut bytes = match std::mem::replace(&mut self.records, empty) {
            Records::Open(writer) => writer.seal(pack, false, packing),
            Records::Sealed(bytes) => bytes.try_into_mut().unwrap_or_else(|kept| BytesMut::from(&kept[..])),
        };
        stamp(&mut bytes, of);
        let bytes = bytes.freeze();
        self.records = Records::Sealed(bytes.clone());
        bytes
    }

    fn answer(self, shared: &Shared, report: impl Fn(usize) -> Report) {
        shared.answered(self.replies.len(), self.bytes);
        for (place, reply) in self.replies.into_iter().enumerate() {
            // Nobody may be waiting any more; the record's fate is the same.
            let _ = reply.send(report(place));
        }
    }
}

fn record<'t>(taken: &'t Taken, headers: &'t [(&'t str, &'t [u8])]) -> Record<'t> {
    Record {
        topic: &taken.topic,
        placement: taken.placement,
        key: taken.key.as_deref(),
        value: taken.value.as_deref(),
        headers,
        timestamp_ms: taken.timestamp_ms,
    }
}

impl Partition {
    fn append(&mut self, taken: Taken, now_ms: i64) {
        if !self.batches.back().is_some_and(|batch| batch.takes(taken.bytes())) {
            self.batches.push_back(Batch::new(taken.since, now_ms));
        }
        if let Some(batch) = self.batches.back_mut() {
            batch.append(taken);
        }
    }

    /// Whether there is something to send.
    pub(super) fn waits(&self) -> bool {
        !self.busy && !self.batches.is_empty()
    }

    /// The first batch, to be sent now.
    pub(super) fn dispatch(&mut self, as_: Identity, pack: bool, packing: &mut BytesMut) -> Option<Bytes> {
        if self.generation != as_.generation {
            (self.generation, self.sequence) = (as_.generation, 0);
        }
        let of = Provenance { producer_id: as_.id, producer_epoch: as_.epoch, sequence: self.sequence };
        let batch = self.batches.front_mut()?;
        batch.sent_as = Some(as_.generation);
        self.busy = true;
        Some(batch.sealed(of, pack, packing))
    }

    /// The first batch is in the log.
    pub(super) fn written(&mut self, shared: &Shared, topic: &str, number: i32, base_offset: i64) {
        self.pass();
        let Some(batch) = self.batches.pop_front() else { return };
        metrics::count_produced(topic, u64::try_from(batch.count).unwrap_or_default());
        batch.answer(shared, |place| {
            let place = i64::try_from(place).unwrap_or_default();
            Ok(Ack { partition: number, offset: base_offset + place })
        });
    }

    /// The first batch is in the log already, nobody says where.
    pub(super) fn duplicate(&mut self, shared: &Shared, topic: &str) {
        self.pass();
        self.give_up(shared, topic, || ProduceError::CalledDuplicate { topic: topic.to_owned() });
    }

    /// The first batch has its place in the sequence.
    fn pass(&mut self) {
        let first = self.batches.front().filter(|batch| batch.sent_as == Some(self.generation));
        if let Some(batch) = first {
            self.sequence = sequence_after(self.sequence, batch.count);
        }
    }

    /// The first batch will not be acknowledged.
    pub(super) fn give_up(&mut self, shared: &Shared, topic: &str, why: impl Fn() -> ProduceError) {
        let Some(batch) = self.batches.pop_front() else { return };
        for _ in 0..batch.count {
            metrics::count_delivery_failure(topic);
        }
        batch.answer(shared, |_| Err(why()));
    }

    /// Whether the first batch is older than that and not under way; if so, whether it may be in the log.
    fn expired(&self, patience: Duration, now: Instant) -> Option<bool> {
        let oldest = self.batches.front().filter(|_| !self.busy)?;
        (now.duration_since(oldest.since) > patience).then_some(oldest.sent_as.is_some())
    }
}

impl Topic {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            partitions: Vec::new(),
            learned: None,
            trouble: String::new(),
            missing: false,
            unplaced: VecDeque::new(),
            keyless: 0,
        }
    }

    /// Puts a record into the batch of its partition, or keeps it until the partitions are known.
    pub(super) fn take(&mut self, taken: Taken, shared: &Shared, now_ms: i64) {
        if self.partitions.is_empty() {
            self.unplaced.push_back(taken);
            return;
        }
        let found = place(&record(&taken, &[]), self.partitions.len(), self.keyless);
        let Some(partition) = found.and_then(|found| self.partitions.get_mut(found)) else {
            let reason = format!("the topic has {} partitions", self.partitions.len());
            let topic = self.name.clone();
            metrics::count_delivery_failure(&topic);
            shared.answered(1, taken.bytes());
            let _ = taken.reply.send(Err(ProduceError::Refused { topic, reason }));
            return;
        };
        let begins_keyless_batch = taken.key.is_none() && partition.batches.is_empty();
        partition.append(taken, now_ms);
        if begins_keyless_batch {
            // The next batch of records without a key goes to the next partition.
            self.keyless = (self.keyless + 1) % self.partitions.len();
        }
    }

    /// The cluster has named the partitions and their leaders. A topic never loses partitions.
    pub(super) fn learn(&mut self, leaders: Vec<Option<usize>>, shared: &Shared, now: (Instant, i64)) {
        for (place, leader) in leaders.into_iter().enumerate() {
            match self.partitions.get_mut(place) {
                Some(known) => known.leader = leader,
                None => self.partitions.push(Partition { leader, ..Partition::default() }),
            }
        }
        let all_led = self.partitions.iter().all(|partition| partition.leader.is_some());
        self.learned = (all_led && !self.partitions.is_empty()).then_some(now.0);
        (self.missing, self.trouble) = (false, "a partition has no leader".to_owned());
        for taken in std::mem::take(&mut self.unplaced) {
            self.take(taken, shared, now.1);
        }
    }

    /// Whether anything waits to be sent.
    pub(super) fn waits(&self) -> bool {
        !self.unplaced.is_empty() || self.partitions.iter().any(Partition::waits)
    }

    /// Gives up what has waited for too long. Returns whether some of it may be in the log.
    pub(super) fn expire(&mut self, shared: &Shared, patience: Duration, now: Instant) -> bool {
        let mut uncertain = false;
        let (name, trouble, missing) = (&self.name, &self.trouble, self.missing);
        let why = || {
            let topic = name.clone();
            let reason = format!("not written within {:.1} s: {trouble}", patience.as_secs_f64());
            match missing {
                true => ProduceError::Refused { topic, reason },
                false => ProduceError::NotAcknowledged { topic, reason },
            }
        };
        while self.unplaced.front().is_some_and(|taken| now.duration_since(taken.since) > patience) {
            let Some(taken) = self.unplaced.pop_front() else { break };
            metrics::count_delivery_failure(name);
            shared.answered(1, taken.bytes());
            let _ = taken.reply.send(Err(why()));
        }
        for partition in &mut self.partitions {
            while let Some(sent) = partition.expired(patience, now) {
                uncertain |= sent;
                partition.give_up(shared, name, why);
            }
        }
        uncertain
    }
}
