//! Values on their way out of a stage: encoded into a reused buffer, placed, handed to the open transaction.

use kafka::{ConsumedRecord, Outputs, Placement, Record, StageError};
use schemas::record::{DeadLetter, Header, Origin};
use schemas::{Encoder, TimestampMs, Topic, TopicValue};

use super::Context;
use crate::metrics;

/// Writes the values of one topic.
pub struct Writer {
    topic: String,
    encoder: Encoder,
    buffer: Vec<u8>,
}

impl Writer {
    /// A writer of a topic's values.
    pub fn new(context: &Context, topic: Topic) -> Self {
        Self {
            topic: context.topics.name(topic),
            encoder: context.schemas.encoder(topic),
            buffer: Vec::new(),
        }
    }

    /// Writes a value.
    pub fn write<'a, T: TopicValue<'a>>(
        &mut self,
        out: &mut Outputs<'_>,
        placement: Placement,
        key: Option<&[u8]>,
        value: &T,
    ) -> Result<(), StageError> {
        self.buffer.clear();
        self.encoder.encode(value, &mut self.buffer).map_err(StageError::failed)?;
        out.send(&Record { placement, ..Record::new(&self.topic, key, Some(&self.buffer)) })
    }

    /// Writes a tombstone.
    pub fn forget(
        &mut self,
        out: &mut Outputs<'_>,
        placement: Placement,
        key: &[u8],
    ) -> Result<(), StageError> {
        out.send(&Record { placement, ..Record::new(&self.topic, Some(key), None) })
    }
}

/// What is known of a record that cannot be used.
pub struct Refusal<'a> {
    /// Who refuses it.
    pub stage: &'static str,
    /// Why, for programs.
    pub code: &'static str,
    /// Why, for people.
    pub sentence: &'a str,
    /// Its place at the source, if it could be read that far.
    pub locator: &'a str,
    /// When it was observed, if it could be read that far.
    pub observed_at: Option<TimestampMs>,
}

/// Writes the record as a dead letter, with its own bytes, beside where it was read.
pub fn dead_letter(
    writer: &mut Writer,
    out: &mut Outputs<'_>,
    record: &ConsumedRecord<'_>,
    refusal: &Refusal<'_>,
) -> Result<(), StageError> {
    ::metrics::counter!(metrics::DEAD_LETTERS_TOTAL, "stage" => refusal.stage, "reason" => refusal.code)
        .increment(1);
    let letter = letter(record, refusal);
    writer.write(out, Placement::Explicit(record.partition), record.key, &letter)
}

/// The dead letter of a record.
pub fn letter<'a>(record: &ConsumedRecord<'a>, refusal: &Refusal<'a>) -> DeadLetter<'a> {
    DeadLetter {
        stage: refusal.stage,
        reason_code: refusal.code,
        sentence: refusal.sentence,
        origin: Some(Origin { topic: record.topic, partition: record.partition, offset: record.offset }),
        locator: refusal.locator,
        refused_at: refusal.observed_at.or(record.timestamp_ms.map(TimestampMs)).unwrap_or_default(),
        key: record.key,
        payload: record.value.unwrap_or_default(),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| Header { name, value: value.unwrap_or_default() })
            .collect(),
    }
}

/// Outcomes of the open transaction, counted when it commits.
#[derive(Default)]
pub struct Outcomes([u64; processor::Outcome::ALL.len()]);

impl Outcomes {
    /// Notes a record's outcome.
    pub fn note(&mut self, outcome: processor::Outcome) {
        self.0[outcome as usize] += 1;
    }

    /// The transaction is in the log: count.
    pub fn committed(&mut self, stage: &'static str) {
        for outcome in processor::Outcome::ALL {
            let count = std::mem::take(&mut self.0[outcome as usize]);
            if count > 0 {
                ::metrics::counter!(metrics::RECORDS_TOTAL, "stage" => stage, "outcome" => outcome.as_str())
                    .increment(count);
            }
        }
    }

    /// Nothing happened: forget.
    pub fn aborted(&mut self) {
        self.0 = Default::default();
    }
}

/// The reason code of a value that does not decode.
pub fn codec_code(error: &schemas::CodecError) -> &'static str {
    match error {
        schemas::CodecError::NoValue => "NO_VALUE",
        schemas::CodecError::NotFramed => "NOT_FRAMED",
        schemas::CodecError::UnknownSchema { .. } => "UNKNOWN_SCHEMA",
        schemas::CodecError::Registry { .. } => "REGISTRY_UNAVAILABLE",
        schemas::CodecError::Malformed { .. } => "NOT_AVRO",
        schemas::CodecError::NotEncodable { .. } => "NOT_ENCODABLE",
    }
}
