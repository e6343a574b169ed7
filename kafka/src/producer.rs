//! The producer of the edges: idempotent, acknowledged by all in-sync replicas, its ack is the delivery report.
//!
//! Promises that `Ok(Ack)` means the record is in the log on every in-sync replica, and that the queue is bounded.
//! Refuses records instead of blocking when the queue stays full. A missing acknowledgement is indefinite, and says so.
//! Called by the webhook door, the scheduler, the pollers and the generators, from async or plain code.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::statistics::Statistics;
use tokio::sync::oneshot;

use crate::client::{client_error, log_line};
use crate::error::{KafkaError, ProduceError};
use crate::metrics;
use crate::record::Record;
use crate::settings::KafkaSettings;

/// Where an acknowledged record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

type DeliveryReport = Result<Ack, ProduceError>;

struct ReportContext {
    name: String,
}

impl ClientContext for ReportContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        metrics::set_queue(&self.name, i32::try_from(statistics.msg_cnt).unwrap_or(i32::MAX));
    }

    fn error(&self, error: ClientError, reason: &str) {
        client_error("producer", &self.name, &error, reason);
    }
}

impl ProducerContext for ReportContext {
    type DeliveryOpaque = Box<oneshot::Sender<DeliveryReport>>;

    fn delivery(&self, result: &DeliveryResult<'_>, reply: Self::DeliveryOpaque) {
        let report = match result {
            Ok(message) => acknowledged(message.topic(), message.partition(), message.offset()),
            Err((error, message)) => {
                metrics::count_delivery_failure(message.topic());
                Err(produce_error(message.topic(), error))
            }
        };
        // Nobody may be waiting any more; the record's fate is the same.
        let _ = reply.send(report);
    }
}

/// Only a record whose offset the broker named is known to be in the log. The client library also takes an answer for success
/// that calls a batch a duplicate, and has no offset then. But a partition that has not seen this producer takes whichever batch
/// comes first, so when the one before it has to be sent again, that one is called a duplicate and was never written.
fn acknowledged(topic: &str, partition: i32, offset: i64) -> DeliveryReport {
    if offset < 0 {
        metrics::count_delivery_failure(topic);
        return Err(ProduceError::CalledDuplicate { topic: topic.to_owned() });
    }
    metrics::count_produced(topic, 1);
    Ok(Ack { partition, offset })
}

/// Sorts a delivery failure: only what the broker or the client refused for good is definite.
pub(crate) fn produce_error(topic: &str, error: &ClientError) -> ProduceError {
    let topic = topic.to_owned();
    let reason = error.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => ProduceError::Backpressure,
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidArgument,
        ) => ProduceError::Refused { topic, reason },
        _ => ProduceError::NotAcknowledged { topic, reason },
    }
}

/// A record on its way. Await it, or block on it; dropping it does not call the record back.
#[derive(Debug)]
pub struct Delivery {
    topic: String,
    reply: oneshot::Receiver<DeliveryReport>,
}

impl Delivery {
    /// Waits on a plain thread.
    ///
    /// # Errors
    /// See [`ProduceError`].
    ///
    /// # Panics
    /// When called from async code; await the value there.
    pub fn wait(self) -> DeliveryReport {
        let topic = self.topic;
        self.reply.blocking_recv().unwrap_or_else(|_| Err(stopped(topic)))
    }
}

impl Future for Delivery {
    type Output = DeliveryReport;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = Pin::new(&mut self.reply).poll(context);
        reply.map(|report| report.unwrap_or_else(|_| Err(stopped(self.topic.clone()))))
    }
}

fn stopped(topic: String) -> ProduceError {
    ProduceError::NotAcknowledged { topic, reason: "the producer was closed".to_owned() }
}

/// Cloneable handle; all clones share one client, one bounded queue and one polling thread.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    client: Arc<BaseProducer<ReportContext>>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

/// How long [`Producer::send`] waits for room in a full queue.
const ROOM_PATIENCE: Duration = Duration::from_millis(500);
const ROOM_RETRY: Duration = Duration::from_millis(5);
/// How often [`Producer::send`] sends a record again that may not have been written.
const RESENDS_MAX: u32 = 3;

impl Producer {
    /// Builds the client and its polling thread. Does not connect yet; `name` labels the metrics.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] or [`KafkaError::Client`].
    pub fn new(settings: &KafkaSettings, name: &str) -> Result<Self, KafkaError> {
        let context = ReportContext { name: name.to_owned() };
        let client = BaseProducer::from_config_and_context(&settings.producer()?, context)
            .map_err(KafkaError::client("producer"))?;
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let poller = {
            let (client, stop) = (Arc::clone(&client), Arc::clone(&stop));
            std::thread::Builder::new()
                .name(format!("kafka-{name}"))
                .spawn(move || {
                    // `poll` runs to the end of its time whatever arrives, so this is also the longest that `close` waits.
                    while !stop.load(Ordering::Acquire) {
                        client.poll(Duration::from_millis(20));
                    }
                })
                .map_err(|error| KafkaError::Settings {
                    key: "threads".to_owned(),
                    reason: error.to_string(),
                })?
        };
        Ok(Self { inner: Arc::new(Inner { client, stop, poller: Some(poller) }) })
    }

    /// Puts a record into the queue, without waiting. The bytes are copied.
    ///
    /// # Errors
    /// [`ProduceError::Backpressure`] when the queue is full, [`ProduceError::Refused`] for a record that can never be sent.
    pub fn enqueue(&self, record: &Record<'_>) -> Result<Delivery, ProduceError> {
        if !record.has_valid_headers() {
            let reason = "a header name contains NUL".to_owned();
            return Err(ProduceError::Refused { topic: record.topic.to_owned(), reason });
        }
        let (sender, reply) = oneshot::channel();
        match self.inner.client.send(record.native(Box::new(sender))) {
            Ok(()) => Ok(Delivery { topic: record.topic.to_owned(), reply }),
            Err((error, _)) => Err(produce_error(record.topic, &error)),
        }
    }

    /// Sends a record and waits for its delivery report. A full queue is waited for, at most half a second. A record of which the
    /// broker says only that it knows it already is sent again: twice in the log is better than not at all.
    ///
    /// # Errors
    /// See [`ProduceError`]; after [`ProduceError::NotAcknowledged`] the record may be in the log nevertheless.
    pub async fn send(&self, record: Record<'_>) -> Result<Ack, ProduceError> {
        let deadline = Instant::now() + ROOM_PATIENCE;
        let mut resent = 0;
        loop {
            match self.enqueue(&record) {
                Ok(delivery) => match delivery.await {
                    Err(ProduceError::CalledDuplicate { .. }) if resent < RESENDS_MAX => resent += 1,
                    report => return report,
                },
                Err(ProduceError::Backpressure) if Instant::now() < deadline => {
                    tokio::time::sleep(ROOM_RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Records whose fate is not known yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.inner.client.in_flight_count()).unwrap_or(0)
    }

    /// Waits until every record has its report. Call at shutdown; blocks.
    ///
    /// # Errors
    /// [`KafkaError::TimedOut`] when some are still open at the deadline.
    pub fn flush(&self, deadline: Duration) -> Result<(), KafkaError> {
        let end = Instant::now() + deadline;
        while self.in_flight() > 0 {
            if Instant::now() >= end {
                return Err(KafkaError::TimedOut {
                    operation: "flushing the producer",
                    seconds: deadline.as_secs_f64(),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(poller) = self.poller.take() {
            // The thread only polls; it cannot have panicked with anything we could still act on.
            let _ = poller.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_offset_is_not_acknowledged() {
        assert!(acknowledged("t", 3, 0).is_ok());
        assert!(matches!(acknowledged("t", 3, -1), Err(ProduceError::CalledDuplicate { .. })));
    }
}
