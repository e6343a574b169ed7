//! What the sinks share: one membership in the group, the patience with a store that is away, and the end of a batch.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::{Batch, ConsumedRecord, KafkaError, SinkConsumer, SinkEvent, TopicPartition};
use sink::{SinkError, SinkRecord};

use super::backoff::Backoff;
use super::letters::Letters;
use super::{Context, End, Store, consumer_config, wait};

/// How it goes on after a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is done.
    Done,
    /// The group wants the partitions back or has taken them: what was in hand is dropped, its next owner builds it again.
    GivenUp,
    /// The end was asked for. What was in hand is read again by the next session.
    Stop,
}

/// Membership in the group, from joining it to leaving it.
pub struct Session<'a> {
    pub context: &'a Context,
    pub store: Store,
    pub consumer: SinkConsumer,
    pub letters: Letters,
    /// The assignment whose batches count; 0 when there is none.
    assignment: u64,
    stored: bool,
}

impl<'a> Session<'a> {
    pub fn start(context: &'a Context, store: Store) -> Result<Self, KafkaError> {
        let consumer = SinkConsumer::start(&context.kafka, &consumer_config(context, store))?;
        context.health.set(store.stage(), Err("joining its group".to_owned()));
        let letters = Letters::new(context, store)?;
        Ok(Self { context, store, consumer, letters, assignment: 0, stored: false })
    }

    /// Whether it has partitions.
    pub fn is_assigned(&self) -> bool {
        self.assignment != 0
    }

    /// Whether it has made a batch durable.
    pub fn has_stored(&self) -> bool {
        self.stored
    }

    pub async fn close(self) -> Result<(), KafkaError> {
        self.consumer.close().await
    }

    /// The next event that is the store's to handle: an assignment, or a batch of the present one. None when the end is
    /// asked for.
    pub async fn next(&mut self) -> Result<Option<SinkEvent>, End> {
        loop {
            let event = tokio::select! {
                event = self.consumer.next() => event?,
                () = self.context.shutdown.requested() => return Ok(None),
            };
            match event {
                SinkEvent::Assigned { assignment, committed } => {
                    self.assignment = assignment;
                    return Ok(Some(SinkEvent::Assigned { assignment, committed }));
                }
                SinkEvent::Batch(batch) if batch.assignment() == self.assignment => {
                    return Ok(Some(SinkEvent::Batch(batch)));
                }
                // Of an assignment that is over: whoever has the partitions now reads it again.
                SinkEvent::Batch(_) => {}
                SinkEvent::Revoked { .. } => {
                    self.give_up();
                    self.consumer.release();
                    self.unready("partitions revoked");
                }
                SinkEvent::Lost { .. } => {
                    self.give_up();
                    self.unready("partitions lost");
                }
            }
        }
    }

    /// From here on nothing of the present assignment is stored: what comes after a dropped batch must not overtake it.
    pub fn give_up(&mut self) {
        self.assignment = 0;
    }

    pub fn ready(&mut self) {
        self.context.health.set(self.store.stage(), Ok(()));
    }

    fn unready(&self, reason: &str) {
        self.context.health.set(self.store.stage(), Err(reason.to_owned()));
    }

    /// The store does not answer as it should, and is asked again after a pause.
    pub fn away(&self, error: &SinkError, pause: Duration) {
        let stage = self.store.stage();
        tracing::warn!(sink = stage, %error, pause_ms = pause.as_millis(), "store not available");
        self.context.health.set(stage, Err(error.to_string()));
        ::metrics::counter!(::sink::RETRIES_TOTAL, "sink" => self.store.name(), "class" => error.class())
            .increment(1);
    }

    /// Waits before the next attempt, longer every time, unless the group or the operator wants something else.
    pub async fn patience(&mut self, error: &SinkError, backoff: &mut Backoff) -> Next {
        let pause = backoff.next();
        self.away(error, pause);
        tokio::select! {
            () = wait(self.context, pause) => {}
            () = self.consumer.revoked(self.assignment) => {
                self.give_up();
                return Next::GivenUp;
            }
        }
        if self.context.shutdown.is_requested() { Next::Stop } else { Next::Done }
    }

    /// Commits what a batch has come to: its dead letters and its offsets, both or neither.
    pub async fn settle(&mut self, offsets: Vec<(TopicPartition, i64)>) -> Result<Next, End> {
        fail::fail_point!("sink.before_offset_commit");
        let committed = self.letters.commit(&self.consumer, offsets).await;
        self.judge(committed)
    }

    /// A commit that is refused because the partitions are somebody else's by now drops what was in hand.
    pub fn judge(&mut self, committed: Result<(), KafkaError>) -> Result<Next, End> {
        match committed {
            Ok(()) => {
                self.stored = true;
                Ok(Next::Done)
            }
            Err(KafkaError::NotOwned { .. }) => {
                self.letters.forget();
                self.give_up();
                Ok(Next::GivenUp)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The records of a batch as the store takes them, beside the records they are. Topics that are none of ours are not
    /// subscribed.
    pub fn records<'b>(
        &self,
        consumed: impl Iterator<Item = ConsumedRecord<'b>>,
    ) -> (Vec<ConsumedRecord<'b>>, Vec<SinkRecord<'b>>) {
        let topics = &self.context.topics;
        consumed
            .filter_map(|record| {
                let (partition, offset) = (record.partition, record.offset);
                let topic = topics.topic(record.topic)?;
                Some((record, SinkRecord { topic, partition, offset, key: record.key, value: record.value }))
            })
            .unzip()
    }
}

/// All records of a batch.
pub fn all(batch: &Batch) -> impl Iterator<Item = ConsumedRecord<'_>> {
    batch.partitions().flat_map(|partition| partition.records())
}

/// Offsets by partition.
pub type Offsets = BTreeMap<TopicPartition, i64>;
