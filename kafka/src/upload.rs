//! One transaction over many records: a file appears on the log whole or not at all.
//!
//! Promises that a reader with `read_committed` sees all records after [`TransactionalUpload::commit`] and none otherwise.
//! Blocking; run it on a thread of its own. Used by `adpulse csv`.

use std::time::{Duration, Instant};

use crate::error::KafkaError;
use crate::metrics::{self, TopicCounts};
use crate::record::Record;
use crate::settings::KafkaSettings;
use crate::stage::Outputs;
use crate::stage::link::{Link, Transactional, error_of};
use crate::stage::transaction::Reaction;

/// An open transaction. Dropping it without [`commit`](Self::commit) aborts it.
pub struct TransactionalUpload {
    link: Option<Link>,
    transactional_id: String,
    patience: Duration,
    records: u64,
    counts: TopicCounts,
}

impl std::fmt::Debug for TransactionalUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionalUpload")
            .field("transactional_id", &self.transactional_id)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl TransactionalUpload {
    /// Fences an earlier upload under the same id (its records stay invisible) and opens the transaction.
    /// `timeout` is how long it may stay open; brokers allow 15 minutes by default.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], [`KafkaError::Unreachable`], [`KafkaError::Fenced`], [`KafkaError::Transaction`].
    pub fn begin(
        settings: &KafkaSettings,
        transactional_id: &str,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        let patience = settings.delivery_timeout;
        let of = Transactional {
            id: transactional_id,
            group: None,
            timeout,
            queue_bytes: settings.queue_bytes,
            uncompressed: &[],
        };
        let link = Link::transactional(settings, &of, patience).map_err(|error| match error {
            KafkaError::Transaction { reason, .. } => {
                KafkaError::Unreachable { brokers: settings.brokers.clone(), reason }
            }
            other => other,
        })?;
        link.begin(patience).map_err(|failure| error_of(transactional_id, failure))?;
        Ok(Self {
            link: Some(link),
            transactional_id: transactional_id.to_owned(),
            patience,
            records: 0,
            counts: TopicCounts::default(),
        })
    }

    /// Adds a record, waiting while the queue is full.
    ///
    /// # Errors
    /// [`KafkaError::Stage`] when the record is refused, [`KafkaError::Transaction`] when an earlier one was not delivered:
    /// the transaction cannot be committed any more.
    pub fn send(&mut self, record: &Record<'_>) -> Result<(), KafkaError> {
        let link = self.link.as_ref().ok_or_else(|| KafkaError::Stopped(self.transactional_id.clone()))?;
        if let Some(failure) = link.delivery_failure() {
            return Err(error_of(&self.transactional_id, failure));
        }
        Outputs::new(link, self.patience, &mut self.counts).send(record)?;
        self.records += 1;
        Ok(())
    }

    /// Records added so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Makes everything visible at once. On an error of which the outcome is unknown, the message says so: uploading the
    /// same file again must be harmless, and is, since its facts replace.
    ///
    /// # Errors
    /// [`KafkaError::Transaction`], [`KafkaError::Fenced`].
    pub fn commit(mut self) -> Result<u64, KafkaError> {
        let Some(link) = self.link.take() else {
            return Err(KafkaError::Stopped(self.transactional_id.clone()));
        };
        let deadline = Instant::now() + self.patience;
        match link.drain(deadline).and_then(|()| link.commit(deadline)) {
            Ok(()) => {
                self.counts.publish(metrics::count_produced);
                Ok(self.records)
            }
            Err(mut failure) => {
                if failure.reaction == Reaction::Rebuild {
                    failure
                        .reason
                        .push_str("; it is not known whether the upload became visible, so upload it again");
                } else if let Err(abort) = link.abort(self.patience) {
                    tracing::warn!(
                        reason = abort.reason,
                        "the failed upload could not be aborted; it times out"
                    );
                }
                Err(error_of(&self.transactional_id, failure))
            }
        }
    }

    /// Throws everything away.
    ///
    /// # Errors
    /// [`KafkaError::Transaction`] when the coordinator did not answer; it then aborts by itself after the timeout.
    pub fn abort(mut self) -> Result<(), KafkaError> {
        let Some(link) = self.link.take() else { return Ok(()) };
        link.abort(self.patience).map_err(|failure| error_of(&self.transactional_id, failure))
    }
}

impl Drop for TransactionalUpload {
    fn drop(&mut self) {
        if let Some(link) = self.link.take()
            && let Err(failure) = link.abort(Duration::from_secs(5))
        {
            tracing::warn!(
                reason = failure.reason,
                "a dropped upload could not be aborted; it times out by itself"
            );
        }
    }
}
