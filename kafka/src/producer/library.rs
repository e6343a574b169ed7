//! The producer of the edges through the client library, where the connection is protected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::statistics::Statistics;
use tokio::sync::oneshot;

use crate::client::{client_error, log_line};
use crate::error::{KafkaError, ProduceError};
use crate::metrics;
use crate::record::{Ack, Record};
use crate::wire::Report;

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
    type DeliveryOpaque = Box<oneshot::Sender<Report>>;

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
fn acknowledged(topic: &str, partition: i32, offset: i64) -> Report {
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

/// A client and the thread that polls it.
pub(super) struct Library {
    client: Arc<BaseProducer<ReportContext>>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

impl Library {
    pub(super) fn start(config: &ClientConfig, name: &str) -> Result<Self, KafkaError> {
        let context = ReportContext { name: name.to_owned() };
        let client =
            BaseProducer::from_config_and_context(config, context).map_err(KafkaError::client("producer"))?;
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
        Ok(Self { client, stop, poller: Some(poller) })
    }

    pub(super) fn enqueue(&self, record: &Record<'_>) -> Result<oneshot::Receiver<Report>, ProduceError> {
        let (sender, report) = oneshot::channel();
        match self.client.send(record.native(Box::new(sender))) {
            Ok(()) => Ok(report),
            Err((error, _)) => Err(produce_error(record.topic, &error)),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        usize::try_from(self.client.in_flight_count()).unwrap_or(0)
    }
}

impl Drop for Library {
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
