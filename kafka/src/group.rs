//! Membership in a consumer group, with the rebalance in the caller's hands.
//!
//! librdkafka tells of a rebalance through a callback inside `poll`. The callback here only notes the event; the loop that owns the
//! consumer acts on it afterwards, between records, where it can commit, restore and assign without being inside a callback.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{client_error, log_line, record_lag};
use crate::error::KafkaError;
use crate::metrics;
use crate::native::FetchingConsumer;
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::{GroupOptions, Isolation, KafkaSettings};
use crate::topics::leaders;
use crate::wire::Fetcher;

/// What the group decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rebalance {
    Assigned(Vec<TopicPartition>),
    Revoked { lost: bool },
}

pub(crate) struct GroupContext {
    group: String,
    pending: AtomicBool,
    events: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        record_lag(&self.group, &statistics);
    }

    fn error(&self, error: ClientError, reason: &str) {
        client_error("consumer", &self.group, &error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // Nobody looks at events any more, but the close waits for this answer.
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, group = self.group, "unassigning while closing");
            }
            return;
        }
        let event = if assigned {
            metrics::count(metrics::REBALANCES_TOTAL, &self.group, 1);
            Rebalance::Assigned(partitions_in(list))
        } else {
            Rebalance::Revoked { lost: consumer.assignment_lost() }
        };
        let mut events = self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        events.push_back(event);
        self.pending.store(true, Ordering::Release);
    }
}

fn partitions_in(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let mut partitions: Vec<_> = list
        .elements()
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect();
    partitions.sort();
    partitions
}

/// A subscribed consumer. The client library is the member; the records come through connections of our own, or, where the
/// connection is protected, through the library too.
pub(crate) struct GroupConsumer {
    member: FetchingConsumer<GroupContext>,
    direct: Option<Fetcher>,
}

impl std::ops::Deref for GroupConsumer {
    type Target = BaseConsumer<GroupContext>;

    fn deref(&self) -> &Self::Target {
        &self.member
    }
}

impl GroupConsumer {
    /// Serves one event of the client: a rebalance, statistics, or an error, which is returned.
    pub(crate) fn serve(&self) -> Option<ClientError> {
        self.member.serve()
    }

    /// Takes in the next records, waiting at most so long for the first. `false` when there are none. Call it when
    /// [`GroupConsumer::next`] has nothing more.
    pub(crate) fn fill(&mut self, wait: Duration) -> bool {
        let Self { member, direct } = self;
        match direct {
            Some(fetcher) => fetcher.fill(wait, &mut |partitions| leaders(member, partitions)),
            None => member.fill(wait),
        }
    }

    /// The next record, or what the client says instead of one.
    pub(crate) fn next(&mut self) -> Option<Result<ConsumedRecord<'_>, ClientError>> {
        match &mut self.direct {
            Some(fetcher) => fetcher.next(),
            None => self.member.next(),
        }
    }

    fn discard(&mut self) {
        match &mut self.direct {
            Some(fetcher) => fetcher.discard(),
            None => self.member.discard(),
        }
    }

    /// Stops or resumes fetching these partitions, which are all that are assigned.
    pub(crate) fn pause(&mut self, partitions: &TopicPartitionList, paused: bool) -> Result<(), KafkaError> {
        match &mut self.direct {
            Some(fetcher) => {
                fetcher.pause(paused);
                Ok(())
            }
            None if paused => self.member.pause(partitions).map_err(KafkaError::client("pausing")),
            None => self.member.resume(partitions).map_err(KafkaError::client("resuming")),
        }
    }
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        // The binding's own drop waits until the last revocation is answered. Without this a panic of a stage would hang
        // here for ever instead of unwinding.
        self.member.context().closing.store(true, Ordering::Release);
        if let Err(error) = self.member.unassign() {
            tracing::warn!(%error, "unassigning while closing");
        }
    }
}

/// Joins the group. The first assignment arrives through [`next_rebalance`] after some polls.
pub(crate) fn join(
    settings: &KafkaSettings,
    options: &GroupOptions<'_>,
    topics: &[String],
) -> Result<GroupConsumer, KafkaError> {
    let context = GroupContext {
        group: options.group.to_owned(),
        pending: AtomicBool::new(false),
        events: Mutex::new(VecDeque::new()),
        closing: AtomicBool::new(false),
    };
    let client = settings.group_consumer(options)?;
    let member = BaseConsumer::from_config_and_context(&client, context)
        .map_err(KafkaError::client("consumer"))
        .map(FetchingConsumer::new)?;
    let direct = settings
        .direct_fetch(&client, (options.group, Isolation::ReadCommitted), options.prefetch_bytes)
        .map(Fetcher::new);
    let consumer = GroupConsumer { member, direct };
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(KafkaError::client("subscribing"))?;
    Ok(consumer)
}

/// Takes the oldest event not yet acted on.
pub(crate) fn next_rebalance(consumer: &GroupConsumer) -> Option<Rebalance> {
    let context = consumer.context();
    if !context.pending.load(Ordering::Acquire) {
        return None;
    }
    let mut events = context.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let event = events.pop_front();
    context.pending.store(!events.is_empty(), Ordering::Release);
    event
}

/// Whether an event waits.
pub(crate) fn rebalance_waits(consumer: &GroupConsumer) -> bool {
    consumer.context().pending.load(Ordering::Acquire)
}

/// Starts fetching exactly at these offsets. An empty list acknowledges the assignment and fetches nothing.
pub(crate) fn assign_at(
    consumer: &mut GroupConsumer,
    starts: impl IntoIterator<Item = (TopicPartition, i64)>,
) -> Result<(), KafkaError> {
    let mut starts: Vec<(TopicPartition, i64)> = starts.into_iter().collect();
    match &mut consumer.direct {
        // For the client library the assignment is answered, and there is nothing to fetch.
        Some(fetcher) => fetcher.assign(&std::mem::take(&mut starts)),
        None => consumer.member.join_queues(starts.iter().map(|(partition, _)| partition))?,
    }
    consumer.assign(&offset_list(starts)?).map_err(KafkaError::client("assigning"))
}

/// Goes back to these offsets in partitions that are being fetched; what was fetched beyond them is dropped. Assigning the
/// same partitions again would do too, but twice in quick succession it makes the client library abort the process: it
/// then stops one fetcher twice.
pub(crate) fn seek(
    consumer: &mut GroupConsumer,
    offsets: impl IntoIterator<Item = (TopicPartition, i64)>,
    timeout: Duration,
) -> Result<(), KafkaError> {
    if let Some(fetcher) = &mut consumer.direct {
        fetcher.seek(&offsets.into_iter().collect::<Vec<_>>());
        return Ok(());
    }
    consumer.discard();
    let sought =
        consumer.seek_partitions(offset_list(offsets)?, timeout).map_err(KafkaError::client("seeking"))?;
    let refused = sought.elements().iter().find_map(|element| element.error().err());
    refused.map_or(Ok(()), |error| Err(KafkaError::Client { operation: "seeking", source: error }))
}

pub(crate) fn offset_list(
    offsets: impl IntoIterator<Item = (TopicPartition, i64)>,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(offset))
            .map_err(KafkaError::client("listing offsets"))?;
    }
    Ok(list)
}

/// A committed position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// Next offset to process; `None` when nothing was committed yet.
    pub offset: Option<i64>,
    /// What was stored with it.
    pub metadata: String,
}

/// Asks the coordinator. With `read_committed` (every group consumer here) it answers only when no transaction that carries
/// offsets of this group is open, so the answer cannot be overtaken by one.
pub(crate) fn committed(
    consumer: &GroupConsumer,
    partitions: &[TopicPartition],
    patience: Duration,
) -> Result<Vec<CommittedOffset>, KafkaError> {
    let answer = crate::topics::committed_offsets(consumer, partitions, patience)?;
    let mut committed = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let Some(element) = answer.find_partition(&partition.topic, partition.partition) else { continue };
        element.error().map_err(KafkaError::client("asking for committed offsets"))?;
        let offset = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let metadata = element.metadata().to_owned();
        committed.push(CommittedOffset { partition: partition.clone(), offset, metadata });
    }
    Ok(committed)
}

/// Gives the partitions back, with whatever was fetched of them.
pub(crate) fn unassign(consumer: &mut GroupConsumer) -> Result<(), KafkaError> {
    consumer.discard();
    if let Some(fetcher) = &mut consumer.direct {
        fetcher.assign(&[]);
    }
    consumer.unassign().map_err(KafkaError::client("unassigning"))
}

/// Closes the consumer, waiting at most `deadline`: with brokers or coordinator gone librdkafka may take longer, and then the
/// client is left to its own thread.
pub(crate) fn close(consumer: GroupConsumer, leave: bool, deadline: Duration) -> Result<(), KafkaError> {
    let (done, wait) = mpsc::sync_channel::<()>(1);
    let spawned = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
        if leave {
            // A static member that merely closes keeps its place for its return; unsubscribing first gives it up.
            consumer.context().closing.store(true, Ordering::Release);
            consumer.unsubscribe();
        }
        drop(consumer);
        let _ = done.send(());
    });
    if spawned.is_err() || wait.recv_timeout(deadline).is_err() {
        return Err(KafkaError::TimedOut {
            operation: "closing the consumer",
            seconds: deadline.as_secs_f64(),
        });
    }
    Ok(())
}
