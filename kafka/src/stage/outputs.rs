//! Where a stage writes: straight into the producer's queue, without a copy on our side.
//!
//! A full queue is waited for by serving delivery reports, until the deadline that the loop sets.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, Producer as _};

use super::link::StageProducer;
use crate::error::StageError;
use crate::record::{Placement, Record};

/// The outputs of the open transaction. A record taken here becomes visible when the transaction commits, or never.
pub struct Outputs<'a> {
    producer: &'a StageProducer,
    patience: Duration,
    /// Records taken per topic, published as metrics once they are committed.
    counts: &'a mut Vec<(String, u64)>,
}

impl std::fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// How long to sleep between looks at the delivery reports. Sleeping in `poll` is not possible: the binding hands the client
/// library whole milliseconds and keeps asking until the time is over, so that shorter waits spin.
const REPORTS_PAUSE: Duration = Duration::from_micros(200);

/// Serves the delivery reports that are here, one event a poll, then lets others run.
pub(super) fn serve_reports(producer: &StageProducer) {
    let mut waiting = producer.in_flight_count();
    loop {
        producer.poll(Duration::ZERO);
        let left = producer.in_flight_count();
        if left == 0 {
            return;
        }
        if left >= waiting {
            break;
        }
        waiting = left;
    }
    std::thread::sleep(REPORTS_PAUSE);
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(
        producer: &'a StageProducer,
        patience: Duration,
        counts: &'a mut Vec<(String, u64)>,
    ) -> Self {
        Self { producer, patience, counts }
    }

    /// Takes a record. Key and value are copied into librdkafka's queue, so the buffers can be used again at once.
    ///
    /// # Errors
    /// [`StageError::Output`] when the record can never be sent, or the queue stayed full. Pass it on: the transaction is aborted.
    pub fn send(&mut self, record: &Record<'_>) -> Result<(), StageError> {
        let refuse = |reason: String, transaction_failed: bool| StageError::Output {
            topic: record.topic.to_owned(),
            reason,
            transaction_failed,
        };
        if !record.has_valid_headers() {
            return Err(refuse("a header name contains NUL".to_owned(), false));
        }
        let mut native: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(record.topic);
        native.key = record.key;
        native.payload = record.value;
        native.timestamp = record.timestamp_ms;
        native.headers = record.native_headers();
        native.partition = match record.placement {
            Placement::ByKey => None,
            Placement::Explicit(partition) => Some(partition),
        };
        let mut deadline = None;
        loop {
            match self.producer.send(native) {
                Ok(()) => {
                    match self.counts.iter_mut().find(|(topic, _)| topic == record.topic) {
                        Some((_, count)) => *count += 1,
                        None => self.counts.push((record.topic.to_owned(), 1)),
                    }
                    return Ok(());
                }
                Err((error, returned)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    let end = *deadline.get_or_insert_with(|| Instant::now() + self.patience);
                    if Instant::now() >= end {
                        return Err(refuse(format!("the queue stayed full for {:?}", self.patience), false));
                    }
                    native = returned;
                    serve_reports(self.producer);
                }
                Err((error, _)) => {
                    // After a failed delivery the client takes no more records until the abort, and says no more than this.
                    let failed = matches!(
                        error.rdkafka_error_code(),
                        Some(RDKafkaErrorCode::State | RDKafkaErrorCode::Fatal)
                    );
                    return Err(refuse(error.to_string(), failed));
                }
            }
        }
    }
}
