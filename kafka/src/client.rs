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

/// Whether the client goes on by itself after reporting this error.
pub(crate) trait Transience {
    /// `true` for lost connections and leader changes, also where offsets are asked for.
    fn is_transient(&self) -> bool;
}

impl Transience for ClientError {
    fn is_transient(&self) -> bool {
        use rdkafka::error::RDKafkaErrorCode as Code;
        let (Self::MessageConsumption(code) | Self::MetadataFetch(code) | Self::OffsetFetch(code)) = self
        else {
            return false;
        };
        // What this client knows of the leaders is older or newer than what the broker knows: after a restart. While consuming
        // the client sees to it by itself and does not report it.
        let asks = matches!(self, Self::OffsetFetch(_));
        if asks
            && matches!(code, Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch | Code::OffsetNotAvailable)
        {
            return true;
        }
        matches!(
            code,
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::WaitingForCoordinator
                | Code::NetworkException
                | Code::Authentication
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode as Code;

    #[test]
    fn a_leader_that_is_being_found_is_waited_for_also_where_offsets_are_asked_for() {
        for code in [Code::LeaderNotAvailable, Code::UnknownLeaderEpoch, Code::FencedLeaderEpoch] {
            assert!(ClientError::OffsetFetch(code).is_transient(), "{code:?}");
        }
        assert!(!ClientError::OffsetFetch(Code::TopicAuthorizationFailed).is_transient());
        assert!(!ClientError::MessageConsumption(Code::OffsetOutOfRange).is_transient());
    }
}
