//! normalize: raw messages become validated facts, and leads find their campaigns.
//!
//! raw.facebook, raw.crm, raw.csv, raw.clock → decode → rules (state: leads) → events, leads, dead-letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka::{ConsumedRecord, Outputs, Placement, Stage, StageError};
use processor::{NormalizeOutput, Normalizer, Outcome, Policy, Rejection};
use schemas::record::{Event, Lead, LeadStage, Origin, RawEvent, Reading};
use schemas::{Decoder, Topic};

use super::writer::{Outcomes, Refusal, Writer, codec_code, dead_letter};
use super::{Context, worker};
use crate::crash_points::seeded;
use crate::metrics;

const NAME: &str = "normalize";
const INPUTS: [Topic; 4] = [Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock];

pub async fn run(context: &Context) -> anyhow::Result<()> {
    let made_from = context.clone();
    worker::run(context, NAME, &INPUTS, &[Topic::Leads], move || Normalize::new(&made_from)).await
}

struct Normalize {
    policy: Arc<Policy>,
    decoder: Decoder,
    partitions: BTreeMap<i32, Normalizer>,
    events: Writer,
    leads: Writer,
    dead_letters: Writer,
    outcomes: Outcomes,
}

impl Normalize {
    fn new(context: &Context) -> Self {
        Self {
            policy: Arc::clone(&context.policy),
            decoder: context.schemas.decoder(),
            partitions: BTreeMap::new(),
            events: Writer::new(context, Topic::Events),
            leads: Writer::new(context, Topic::Leads),
            dead_letters: Writer::new(context, Topic::DeadLetters),
            outcomes: Outcomes::default(),
        }
    }
}

impl Stage for Normalize {
    fn restore(&mut self, partition: i32, record: ConsumedRecord<'_>) -> Result<(), StageError> {
        if seeded("bug.state_not_restored") {
            return Ok(());
        }
        let key = text_key(&record)?;
        let lead: Option<Lead<'_>> = record
            .value
            .map(|value| self.decoder.decode(Some(value)))
            .transpose()
            .map_err(StageError::failed)?;
        let policy = &self.policy;
        let state = self.partitions.entry(partition).or_insert_with(|| Normalizer::new(Arc::clone(policy)));
        state.restore(key, lead.as_ref());
        Ok(())
    }

    fn restored(&mut self, partition: i32) {
        let policy = &self.policy;
        self.partitions.entry(partition).or_insert_with(|| Normalizer::new(Arc::clone(policy))).commit();
    }

    fn process(&mut self, record: ConsumedRecord<'_>, out: &mut Outputs<'_>) -> Result<(), StageError> {
        let again;
        let mut raw: RawEvent<'_> = match self.decoder.decode(record.value) {
            Ok(raw) => raw,
            Err(error) if error.is_transient() => return Err(StageError::unavailable(error)),
            Err(error) => {
                self.outcomes.note(Outcome::Rejected);
                let sentence = error.to_string();
                let refusal = Refusal {
                    stage: NAME,
                    code: codec_code(&error),
                    sentence: &sentence,
                    locator: "",
                    observed_at: None,
                };
                return dead_letter(&mut self.dead_letters, out, &record, &refusal);
            }
        };
        let state = self
            .partitions
            .get_mut(&record.partition)
            .ok_or_else(|| StageError::failed(format!("partition {} was not restored", record.partition)))?;
        if let Some(Reading::LeadReading(lead)) = &mut raw.reading
            && lead.stage != LeadStage::Created
            && seeded("bug.deduplication_off")
        {
            again = format!("{}@{}", lead.lead_key, record.offset);
            lead.lead_key = &again;
        }
        let at = Origin { topic: record.topic, partition: record.partition, offset: record.offset };
        let mut output = Output {
            out,
            record: &record,
            raw: &raw,
            events: &mut self.events,
            leads: &mut self.leads,
            dead_letters: &mut self.dead_letters,
        };
        let outcome = state.apply(&raw, &at, &mut output)?;
        self.outcomes.note(outcome);
        Ok(())
    }

    fn before_commit(&mut self, partition: i32, out: &mut Outputs<'_>) -> Result<(), StageError> {
        let Some(state) = self.partitions.get_mut(&partition) else { return Ok(()) };
        state.flush(|key, event| self.events.write(out, Placement::ByKey, Some(key.as_bytes()), event))
    }

    fn committed(&mut self) {
        self.partitions.values_mut().for_each(Normalizer::commit);
        self.outcomes.committed(NAME);
        let (leads, unattributed) = self
            .partitions
            .values()
            .map(Normalizer::lead_counts)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        set(metrics::LEADS, leads);
        set(metrics::LEADS_UNATTRIBUTED, unattributed);
    }

    fn aborted(&mut self) {
        if seeded("bug.state_kept_on_abort") {
            return self.partitions.values_mut().for_each(Normalizer::commit);
        }
        self.partitions.values_mut().for_each(Normalizer::abort);
        self.outcomes.aborted();
    }

    fn revoked(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }
}

/// Where one record's results go.
struct Output<'a, 'o> {
    out: &'a mut Outputs<'o>,
    record: &'a ConsumedRecord<'a>,
    raw: &'a RawEvent<'a>,
    events: &'a mut Writer,
    leads: &'a mut Writer,
    dead_letters: &'a mut Writer,
}

impl NormalizeOutput for Output<'_, '_> {
    type Error = StageError;

    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), StageError> {
        let placement = match key {
            Some(_) => Placement::ByKey,
            None => Placement::Explicit(self.record.partition),
        };
        self.events.write(self.out, placement, key.map(str::as_bytes), event)
    }

    fn lead(&mut self, lead_key: &str, lead: &Lead<'_>) -> Result<(), StageError> {
        self.leads.write(
            self.out,
            Placement::Explicit(self.record.partition),
            Some(lead_key.as_bytes()),
            lead,
        )
    }

    fn reject(&mut self, rejection: &Rejection) -> Result<(), StageError> {
        let refusal = Refusal {
            stage: NAME,
            code: rejection.code,
            sentence: &rejection.sentence,
            locator: self.raw.message_id,
            observed_at: Some(self.raw.observed_at),
        };
        dead_letter(self.dead_letters, self.out, self.record, &refusal)
    }
}

/// The key of a record of our own compacted topics.
pub(super) fn text_key<'a>(record: &ConsumedRecord<'a>) -> Result<&'a str, StageError> {
    record.key.and_then(|key| schemas::text(key).ok()).ok_or_else(|| {
        StageError::failed(format!(
            "{}-{} offset {}: the key is not text; was the topic written to by something else?",
            record.topic, record.partition, record.offset
        ))
    })
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
pub(super) fn set(name: &'static str, count: usize) {
    ::metrics::gauge!(name).set(count as f64);
}
