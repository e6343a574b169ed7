//! Realistic traffic, made up: the same seed and the same end give the same bytes, on every machine.
//!
//! Every six hours, and at the end, a poll of Meta's Marketing API returns what has changed: figures of the running
//! day, restatements of the days before, campaign and account objects; some polls come twice. Between them a CRM posts
//! the lives of the leads. A few campaigns have incidents, which raise alerts and doubts. [`generate`] yields all of it in the order of time; [`expected`] says what the stores must hold
//! afterwards. No clock is read. Used by `adpulse dev`, tests and load generators.

mod dice;
mod incidents;
mod campaigns;
mod insights;
mod leads;
mod timeline;

use schemas::record::{BatchRow, LeadStage, RawEvent, RawKind, Source};
use schemas::{Day, Micros, TimestampMs};

use campaigns::Campaign;
use dice::Dice;

pub use timeline::Sample;

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
    /// The running day comes on top.
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

/// Generates the traffic.
#[must_use]
pub fn generate(options: &SampleOptions) -> Sample {
    Sample::new(options.clone())
}

/// The totals of the traffic, one entry for each campaign.
#[must_use]
pub fn expected(options: &SampleOptions) -> Vec<ExpectedCampaign> {
    let dice = Dice(options.seed);
    Campaign::all(options).iter().map(|campaign| expected_campaign(dice, campaign, options)).collect()
}

fn expected_campaign(dice: Dice, campaign: &Campaign, options: &SampleOptions) -> ExpectedCampaign {
    let mut expected = ExpectedCampaign {
        key: campaign.key(),
        campaign_id: campaign.id.clone(),
        name: campaign.name.clone(),
        archetype: campaign.archetype,
        spend: Micros::ZERO,
        impressions: 0,
        platform_leads: 0,
        leads: 0,
        qualified: 0,
        won: 0,
        revenue: Micros::ZERO,
    };
    let today = campaign.day_of(options.end);
    for day in days(today, options) {
        let age = today.0 - day.0;
        if let Some(figures) = insights::observed(dice, campaign, day, age, options.end) {
            expected.spend.0 += figures.spend().0;
            expected.impressions += figures.impressions;
            expected.platform_leads += figures.leads;
        }
        for lead in leads::of_day(dice, campaign, day, age, options.end) {
            if lead.attributed {
                expected.leads += 1;
                expected.qualified += i64::from(lead.reached(&[LeadStage::Qualified, LeadStage::Won]));
                expected.won += i64::from(lead.reached(&[LeadStage::Won]));
                expected.revenue.0 +=
                    lead.steps.iter().filter_map(|step| step.amount).map(|m| m.0).sum::<i64>();
            }
        }
    }
    expected
}

/// The days of the history, the running one included.
fn days(today: Day, options: &SampleOptions) -> impl Iterator<Item = Day> {
    let first = today.0 - i32::try_from(options.days).unwrap_or(i32::MAX).min(10_000);
    (first..=today.0).map(Day)
}

impl Archetype {
    /// All of them, best first.
    pub const ALL: [Self; 5] = [Self::Star, Self::Steady, Self::Declining, Self::Expensive, Self::NoLeads];

    const fn label(self) -> &'static str {
        match self {
            Self::Star => "Leads | Lookalike",
            Self::Steady => "Leads | Broad",
            Self::Declining => "Leads | Retargeting",
            Self::Expensive => "Leads | Interests",
            Self::NoLeads => "Leads | Test audience",
        }
    }
}

impl Default for SampleOptions {
    /// Ten campaigns in two accounts over 40 days. The end is 1970 until it is set.
    fn default() -> Self {
        Self { seed: 7, campaigns: 10, accounts: 2, days: 40, end: TimestampMs(0) }
    }
}
