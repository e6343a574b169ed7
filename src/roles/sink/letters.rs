//! Dead letters of what a store refuses: collected for a batch, and committed in one transaction with offsets, so that each
//! refused record has one letter whatever is killed when.

use kafka::{ConsumedRecord, KafkaError, OwnedRecord, Producer, Record, SinkConsumer, TopicPartition};
use schemas::{Encoder, Topic};
use sink::Rejected;

use super::{Context, Store};
use crate::metrics;
use crate::roles::writer::{Refusal, letter};

/// The letters of the batch in hand.
pub struct Letters {
    topic: String,
    encoder: Encoder,
    stage: &'static str,
    /// Without transactions: letters first, then offsets, so that a letter may come twice and is never missing.
    producer: Option<Producer>,
    waiting: Vec<OwnedRecord>,
    codes: Vec<&'static str>,
}

impl Letters {
    pub fn new(context: &Context, store: Store) -> Result<Self, KafkaError> {
        let transactions = super::consumer_config(context, store).transactional_id.is_some();
        let stage = store.stage();
        Ok(Self {
            topic: context.topics.name(Topic::DeadLetters),
            encoder: context.schemas.encoder(Topic::DeadLetters),
            stage,
            producer: if transactions { None } else { Some(Producer::new(&context.kafka, stage)?) },
            waiting: Vec::new(),
            codes: Vec::new(),
        })
    }

    /// Whether the batch in hand has any.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Drops those of the batch in hand.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.codes.clear();
    }

    /// Adds a letter for each refused record that `ours` says is this member's to report.
    pub fn add(
        &mut self,
        consumed: &[ConsumedRecord<'_>],
        rejected: &[Rejected],
        ours: impl Fn(&ConsumedRecord<'_>) -> bool,
    ) -> anyhow::Result<()> {
        for refused in rejected {
            let record = &consumed[refused.index];
            if !ours(record) {
                continue;
            }
            let refusal = Refusal {
                stage: self.stage,
                code: refused.code,
                sentence: &refused.sentence,
                locator: "",
                observed_at: None,
            };
            let mut value = Vec::new();
            self.encoder.encode(&letter(record, &refusal), &mut value)?;
            let (topic, partition) = (self.topic.clone(), record.partition);
            self.waiting.push(OwnedRecord { topic, partition, key: record.key.map(<[u8]>::to_vec), value });
            self.codes.push(refused.code);
        }
        Ok(())
    }

    /// Commits the letters in hand with these offsets, or the offsets alone.
    pub async fn commit(
        &mut self,
        consumer: &SinkConsumer,
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<(), KafkaError> {
        let letters = std::mem::take(&mut self.waiting);
        match &self.producer {
            _ if letters.is_empty() => consumer.commit(offsets, None).await?,
            None => consumer.commit_with(letters, offsets).await?,
            Some(producer) => {
                for out in &letters {
                    let record = Record::new(&out.topic, out.key.as_deref(), Some(&out.value));
                    producer.send(record.to_partition(out.partition)).await.map_err(|error| {
                        KafkaError::Transaction {
                            transactional_id: self.stage.to_owned(),
                            call: "dead letter",
                            reason: error.to_string(),
                        }
                    })?;
                }
                consumer.commit(offsets, None).await?;
            }
        }
        for code in self.codes.drain(..) {
            ::metrics::counter!(metrics::DEAD_LETTERS_TOTAL, "stage" => self.stage, "reason" => code)
                .increment(1);
        }
        Ok(())
    }
}
