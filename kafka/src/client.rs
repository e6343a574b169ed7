//! What all clients share: librdkafka's log lines become tracing events, its statistics become gauges.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::metrics;

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
            tracing::warn!(error = %error, reason, "Kafka client");
        }
    }
}

impl rdkafka::consumer::ConsumerContext for QuietContext {}

pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
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
