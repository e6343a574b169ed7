//! Realistic traffic, made up: the same seed and the same end give the same bytes, on every machine.

use schemas::record::{BatchRow, RawEvent, RawKind, Source};
use schemas::{Micros, TimestampMs};

/// What to generate.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// Seed of everything random.
    pub seed: u64,
    /// How many campaigns, spread over the accounts; the archetypes take turns.
    pub campaigns: u32,
    /// How many ad accounts.
    pub accounts: u32,
    /// How many days of history before the end.
    pub days: u32,
    /// The last moment: nothing happens after it.
    pub end: TimestampMs,
}

/// One message of a source, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleItem {
    /// When it arrives.
    pub at: TimestampMs,
    /// What arrives.
    pub message: SampleMessage,
}

/// A message of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleMessage {
    /// An object of Meta's Marketing API as a poll returned it, for `raw.facebook`.
    Facebook(FacebookMessage),
    /// A request to the CRM door.
    Crm(CrmMessage),
}

/// An object of a poll. [`FacebookMessage::event`] makes the raw event of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FacebookMessage {
    /// Record key.
    pub key: String,
    /// `METRICS` or `CAMPAIGN`.
    pub kind: RawKind,
    /// Ad account.
    pub account_id: String,
    /// Its time zone.
    pub time_zone: &'static str,
    /// Its currency.
    pub currency: &'static str,
    /// Poll and row.
    pub message_id: String,
    /// The poll, for metrics.
    pub batch_id: Option<String>,
    /// When it was polled.
    pub observed_at: TimestampMs,
    /// The object as JSON.
    pub payload: Vec<u8>,
}

/// A canonical CRM body, to be signed with [`crate::webhook::sign`] and posted.
#[derive(Clone, Debug, PartialEq)]
pub struct CrmMessage {
    /// `webhook-id`. A repeated delivery has the id of the first.
    pub id: String,
    /// When it was sent, epoch seconds: `webhook-timestamp` if the door's clock is the sample's.
    pub timestamp_s: i64,
    /// The body.
    pub body: Vec<u8>,
}

impl FacebookMessage {
    /// The raw event.
    #[must_use]
    pub fn event(&self) -> RawEvent<'_> {
        RawEvent {
            source: Source::Facebook,
            kind: self.kind,
            platform: PLATFORM,
            account_id: &self.account_id,
            time_zone: Some(self.time_zone),
            currency: Some(self.currency),
            message_id: &self.message_id,
            batch: self.batch_id.as_deref().map(|batch_id| BatchRow { batch_id, row_index: 0, row_count: 1 }),
            observed_at: self.observed_at,
            payload: &self.payload,
            reading: None,
        }
    }
}

const PLATFORM: &str = "facebook";

/// What the stores must hold once every item has gone through, computed from the model and not from the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedCampaign {
    /// Campaign key.
    pub key: String,
    /// Campaign id.
    pub campaign_id: String,
    /// Name shown to people.
    pub name: String,
    /// How the campaign behaves.
    pub archetype: Archetype,
    /// Spend over all days.
    pub spend: Micros,
    /// Impressions over all days.
    pub impressions: i64,
    /// Leads as the platform counts them.
    pub platform_leads: i64,
    /// Leads that the CRM created and attributed.
    pub leads: i64,
    /// Of them qualified (won ones included).
    pub qualified: i64,
    /// Of them won.
    pub won: i64,
    /// Amount of the won ones.
    pub revenue: Micros,
}

/// How a campaign behaves, one for each recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archetype {
    /// Cheap leads that sell: increase its budget.
    Star,
    /// At its targets: continue and optimize.
    Steady,
    /// Was good, gets worse: test changes.
    Declining,
    /// Few and costly leads: reduce its budget.
    Expensive,
    /// Spends without a lead: pause it.
    NoLeads,
}

/// The messages in the order of time. Memory holds one poll and the leads still under way.
#[derive(Debug)]
pub struct Sample {
    _options: SampleOptions,
}

/// Generates the traffic.
#[must_use]
pub fn generate(options: &SampleOptions) -> Sample {
    Sample { _options: options.clone() }
}

/// The totals of the traffic.
#[must_use]
pub fn expected(options: &SampleOptions) -> Vec<ExpectedCampaign> {
    let _ = options;
    Vec::new()
}

impl Iterator for Sample {
    type Item = SampleItem;

    fn next(&mut self) -> Option<SampleItem> {
        None
    }
}
