//! What all clients share: librdkafka's log lines become tracing events, its statistics become gauges.

use std::time::Instant;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::metrics;
use crate::repeats::CLIENT_LINES;

/// Context of clients without callbacks of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuietContext;

impl ClientContext for QuietContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: ClientError, reason: &str) {
        // The end of a partition is an event that readers ask for, not a fault.
        if !matches!(error, ClientError::Global(RDKafkaErrorCode::PartitionEOF)) {
            client_error("client", "", &error, reason);
        }
    }
}

impl rdkafka::consumer::ConsumerContext for QuietContext {}

/// Writes what a client reports of its connections; it repeats itself for as long as a broker is gone.
pub(crate) fn client_error(client: &'static str, name: &str, error: &ClientError, reason: &str) {
    if let Some(left_out) = CLIENT_LINES.admit(&format!("{client} {name} {error}"), Instant::now()) {
        tracing::warn!(%error, reason, client, name, left_out, "Kafka client");
    }
}

pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            if let Some(left_out) = CLIENT_LINES.admit(facility, Instant::now()) {
                tracing::warn!(facility, message, left_out, "librdkafka");
            }
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
    }
}

/// Lag is counted to the last stable offset: what an open transaction hides cannot be read yet.
pub(crate) fn record_lag(group: &str, statistics: &Statistics) {
    for (topic, entry) in &statistics.topics {
        for (partition, figures) in &entry.partitions {
            if *partition < 0 || figures.app_offset < 0 || figures.ls_offset < 0 {
                continue;
            }
            metrics::set_lag(group, topic, *partition, (figures.ls_offset - figures.app_offset).max(0));
        }
    }
}
