//! What a sink's thread makes durable in Kafka: offsets with their metadata, alone or in one transaction with records.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::worker::Worker;
use crate::error::KafkaError;
use crate::metrics::{self, TopicCounts};
use crate::record::{Record, TopicPartition};
use crate::stage::Outputs;
use crate::stage::link::{Link, Transactional, error_of};
use crate::stage::transaction::Failure;

/// A record to be produced, with its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Destination topic.
    pub topic: String,
    /// Destination partition.
    pub partition: i32,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Vec<u8>,
}

impl Worker {
    pub(super) fn commit(&self, offsets: Vec<(TopicPartition, i64, String)>) -> Result<(), KafkaError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (at, offset, metadata) in offsets {
            let mut element = list.add_partition(&at.topic, at.partition);
            element
                .set_offset(rdkafka::Offset::Offset(offset))
                .map_err(KafkaError::client("listing offsets"))?;
            if !metadata.is_empty() {
                element.set_metadata(metadata);
            }
        }
        self.consumer.commit(&list, CommitMode::Sync).map_err(|error| match error.rdkafka_error_code() {
            Some(
                Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::RebalanceInProgress
                | Code::FencedInstanceId,
            ) => self.not_owned(error.to_string()),
            Some(Code::OffsetMetadataTooLarge) => KafkaError::Settings {
                key: "offset.metadata.max.bytes".to_owned(),
                reason: "the brokers take less metadata with an offset than the 1 KiB that is needed"
                    .to_owned(),
            },
            _ => KafkaError::Client { operation: "committing offsets", source: error },
        })?;
        metrics::observe_seconds(metrics::COMMIT_SECONDS, &self.config.group, started.elapsed());
        Ok(())
    }

    fn not_owned(&self, reason: String) -> KafkaError {
        KafkaError::NotOwned { group: self.config.group.clone(), reason }
    }

    /// Everything in one transaction. A failed one ends the producer: its successor fences it and aborts what it left.
    pub(super) fn commit_with(
        &mut self,
        records: &[OwnedRecord],
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<(), KafkaError> {
        let Some(id) = self.config.transactional_id.clone() else {
            let reason = "records can go with offsets only in a transaction".to_owned();
            return Err(KafkaError::Settings { key: "transactional.id".to_owned(), reason });
        };
        let timeout = self.config.transaction_timeout;
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let of = Transactional {
                    id: &id,
                    group: Some(&self.config.group),
                    timeout,
                    queue_bytes: self.settings.queue_bytes,
                    uncompressed: &[],
                };
                Link::transactional(&self.settings, &of, timeout)?
            }
        };
        let mut counts = TopicCounts::default();
        self.transact(&link, records, offsets, timeout, &mut counts)?;
        self.link = Some(link);
        counts.publish(metrics::count_produced);
        metrics::count(metrics::COMMITTED_TOTAL, &self.config.group, 1);
        Ok(())
    }

    fn transact(
        &self,
        link: &Link,
        records: &[OwnedRecord],
        offsets: Vec<(TopicPartition, i64)>,
        timeout: Duration,
        counts: &mut TopicCounts,
    ) -> Result<(), KafkaError> {
        let id = self.config.transactional_id.as_deref().unwrap_or_default();
        let failed = |failure: Failure| {
            if let Err(abort) = link.abort(timeout) {
                tracing::warn!(reason = abort.reason, "a transaction of dead letters could not be aborted");
            }
            metrics::count(metrics::ABORTED_TOTAL, &self.config.group, 1);
            error_of(id, failure)
        };
        link.begin(timeout).map_err(failed)?;
        let mut outputs = Outputs::new(link, timeout, counts);
        for record in records {
            let out = Record::new(&record.topic, record.key.as_deref(), Some(&record.value));
            if let Err(error) = outputs.send(&out.to_partition(record.partition)) {
                let _ = link.abort(timeout);
                return Err(error.into());
            }
        }
        let deadline = Instant::now() + timeout;
        link.send_offsets(offsets, &self.consumer, deadline)
            .and_then(|()| link.drain(deadline))
            .and_then(|()| link.commit(deadline))
            .map_err(failed)
    }
}
