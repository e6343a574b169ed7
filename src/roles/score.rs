//! score: facts become days, scores and recommendations.
//!
//! events → decode → rules (state: campaigns and their days, accounts) → accounts, campaigns, campaign-days, scores,
//! recommendations, alerts, watermarks. A campaign touched many times in a transaction is scored once, before the commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka::{ConsumedRecord, Outputs, Placement, Stage, StageError, keep_freed_memory};
use processor::{Outcome, Policy, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Event, EventBody, Origin, Recommendation, Watermark,
};
use schemas::{CodecError, Decoder, TimestampMs, Topic};

use super::normalize::{set, text_key};
use super::writer::{Outcomes, Refusal, Writer, codec_code, dead_letter};
use super::{Context, worker};
use crate::crash_points::seeded;
use crate::metrics;
use crate::topics::TopicNames;

const NAME: &str = "score";
const DAY_MS: i64 = 86_400_000;
const CHANGELOGS: [Topic; 5] =
    [Topic::Accounts, Topic::Campaigns, Topic::CampaignDays, Topic::Scores, Topic::Watermarks];

pub async fn run(context: &Context) -> anyhow::Result<()> {
    // What its growing state has outgrown goes back at once. The client library would be half as fast: it frees all that it fetches.
    if context.kafka.speaks_directly() {
        keep_freed_memory(Duration::ZERO);
    }
    let made_from = context.clone();
    worker::run(context, NAME, &[Topic::Events], &CHANGELOGS, move || Score::new(&made_from)).await
}

struct Score {
    policy: Arc<Policy>,
    topics: TopicNames,
    decoder: Decoder,
    partitions: BTreeMap<i32, Scorer>,
    writers: Writers,
    dead_letters: Writer,
    outcomes: Outcomes,
}

struct Writers {
    accounts: Writer,
    campaigns: Writer,
    days: Writer,
    scores: Writer,
    recommendations: Writer,
    alerts: Writer,
    watermarks: Writer,
}

impl Score {
    fn new(context: &Context) -> Self {
        Self {
            policy: Arc::clone(&context.policy),
            topics: context.topics.clone(),
            decoder: context.schemas.decoder(),
            partitions: BTreeMap::new(),
            writers: Writers {
                accounts: Writer::new(context, Topic::Accounts),
                campaigns: Writer::new(context, Topic::Campaigns),
                days: Writer::new(context, Topic::CampaignDays),
                scores: Writer::new(context, Topic::Scores),
                recommendations: Writer::new(context, Topic::Recommendations),
                alerts: Writer::new(context, Topic::Alerts),
                watermarks: Writer::new(context, Topic::Watermarks),
            },
            dead_letters: Writer::new(context, Topic::DeadLetters),
            outcomes: Outcomes::default(),
        }
    }
}

impl Stage for Score {
    fn restore(&mut self, partition: i32, record: ConsumedRecord<'_>) -> Result<(), StageError> {
        let key = text_key(&record)?;
        let policy = &self.policy;
        let state =
            self.partitions.entry(partition).or_insert_with(|| Scorer::new(Arc::clone(policy), partition));
        macro_rules! restore {
            ($method:ident, $record:ty) => {{
                let value: Option<$record> = record
                    .value
                    .map(|value| self.decoder.decode(Some(value)))
                    .transpose()
                    .map_err(StageError::failed)?;
                state.$method(key, value.as_ref()).map_err(StageError::failed)
            }};
        }
        match self.topics.topic(record.topic) {
            Some(Topic::Accounts) => restore!(restore_account, Account<'_>),
            Some(Topic::Campaigns) => restore!(restore_campaign, Campaign<'_>),
            Some(Topic::CampaignDays) => restore!(restore_day, CampaignDay<'_>),
            Some(Topic::Scores) => restore!(restore_score, CampaignScore<'_>),
            Some(Topic::Watermarks) => restore!(restore_watermark, Watermark<'_>),
            _ => Err(StageError::failed(format!("{} is not a changelog of {NAME}", record.topic))),
        }
    }

    fn restored(&mut self, partition: i32) {
        let policy = &self.policy;
        self.partitions
            .entry(partition)
            .or_insert_with(|| Scorer::new(Arc::clone(policy), partition))
            .commit();
    }

    fn process(&mut self, record: ConsumedRecord<'_>, out: &mut Outputs<'_>) -> Result<(), StageError> {
        let Self { decoder, partitions, outcomes, .. } = self;
        let refused =
            decoder.show(record.value, |event: Result<&mut Event<'_>, CodecError>| match event {
                Ok(event) => take(event, &record, partitions, outcomes),
                Err(error) if error.is_transient() => Err(StageError::unavailable(error)),
                Err(error) => {
                    outcomes.note(Outcome::Rejected);
                    Ok(Some((codec_code(&error), error.to_string(), None)))
                }
            })?;
        let Some((code, sentence, observed_at)) = refused else { return Ok(()) };
        let refusal = Refusal { stage: NAME, code, sentence: &sentence, locator: "", observed_at };
        dead_letter(&mut self.dead_letters, out, &record, &refusal)
    }

    fn before_commit(&mut self, partition: i32, out: &mut Outputs<'_>) -> Result<(), StageError> {
        match self.partitions.get_mut(&partition) {
            Some(state) => state.flush(&mut Output { out, partition, writers: &mut self.writers }),
            None => Ok(()),
        }
    }

    fn committed(&mut self) {
        self.partitions.values_mut().for_each(Scorer::commit);
        self.outcomes.committed(NAME);
        set(metrics::CAMPAIGNS, self.partitions.values().map(Scorer::campaign_count).sum());
    }

    fn aborted(&mut self) {
        self.partitions.values_mut().for_each(Scorer::abort);
        self.outcomes.aborted();
    }

    fn revoked(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }
}

/// Why a record is refused: code, sentence, and when what it says was observed, if that can be read.
type Refused = (&'static str, String, Option<TimestampMs>);

/// Takes an event into the state of its partition.
fn take(
    event: &mut Event<'_>,
    record: &ConsumedRecord<'_>,
    partitions: &mut BTreeMap<i32, Scorer>,
    outcomes: &mut Outcomes,
) -> Result<Option<Refused>, StageError> {
    let key = match record.key.map(schemas::text).transpose() {
        Ok(key) => key,
        Err(error) => {
            outcomes.note(Outcome::Rejected);
            let sentence = format!("the key is not text: {error}");
            return Ok(Some(("KEY_INVALID", sentence, Some(event.observed_at))));
        }
    };
    if matches!(event.body, EventBody::Tick(_)) && seeded("bug.window_off_by_one_day") {
        event.observed_at.0 -= DAY_MS;
    }
    let state = partitions
        .get_mut(&record.partition)
        .ok_or_else(|| StageError::failed(format!("partition {} was not restored", record.partition)))?;
    let at = Origin { topic: record.topic, partition: record.partition, offset: record.offset };
    let applied = state.apply(key, event, &at);
    outcomes.note(applied.outcome);
    Ok(applied.rejection.map(|rejection| (rejection.code, rejection.sentence, Some(event.observed_at))))
}

/// Where a partition's results go: everything to the partition that was read from.
struct Output<'a, 'o> {
    out: &'a mut Outputs<'o>,
    partition: i32,
    writers: &'a mut Writers,
}

macro_rules! write_to {
    ($($method:ident: $record:ident => $writer:ident;)*) => {$(
        fn $method(&mut self, key: &str, record: &$record<'_>) -> Result<(), StageError> {
            self.writers.$writer.write(self.out, Placement::Explicit(self.partition), Some(key.as_bytes()), record)
        }
    )*};
}

impl ScoreOutput for Output<'_, '_> {
    type Error = StageError;
    fn day_forgotten(&mut self, key: &str) -> Result<(), StageError> {
        self.writers.days.forget(self.out, Placement::Explicit(self.partition), key.as_bytes())
    }

    write_to! {
        account: Account => accounts;
        campaign: Campaign => campaigns;
        day: CampaignDay => days;
        score: CampaignScore => scores;
        recommendation: Recommendation => recommendations;
        alert: Alert => alerts;
        watermark: Watermark => watermarks;
    }
}
