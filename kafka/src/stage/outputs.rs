//! Where a stage writes: straight into the producer's batches.
//!
//! A full queue is waited for by serving delivery reports, until the deadline that the loop sets.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::link::Link;
use crate::error::StageError;
use crate::metrics::TopicCounts;
use crate::record::Record;

/// The outputs of the open transaction. A record taken here becomes visible when the transaction commits, or never.
pub struct Outputs<'a> {
    link: &'a Link,
    patience: Duration,
    /// Records taken per topic, published as metrics once they are committed.
    counts: &'a mut TopicCounts,
}

/// How long a full queue is waited for before it is tried again.
const ROOM: Duration = Duration::from_millis(1);

impl std::fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(link: &'a Link, patience: Duration, counts: &'a mut TopicCounts) -> Self {
        Self { link, patience, counts }
    }

    /// Takes a record. Key and value are copied, so the buffers can be used again at once.
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
        let mut deadline = None;
        loop {
            match self.link.send(record) {
                Ok(()) => break,
                Err(Code::QueueFull) => {
                    let end = *deadline.get_or_insert_with(|| Instant::now() + self.patience);
                    if Instant::now() >= end {
                        return Err(refuse(format!("the queue stayed full for {:?}", self.patience), false));
                    }
                    self.link.wait_for_room(ROOM);
                }
                // After a failed delivery the client takes no more records until the abort, and says no more than this.
                Err(code) => {
                    let failed = matches!(code, Code::State | Code::Fatal);
                    return Err(refuse(code.to_string(), failed));
                }
            }
        }
        self.counts.note(record.topic);
        Ok(())
    }
}
