//! Values of `events`.

use serde::{Deserialize, Serialize};

use super::{BatchRow, Doubt, FatigueLevel, Figures, Origin, QualityFlag, Source};
use crate::{Day, Micros, TimestampMs};

/// A validated fact about the campaign or account named by the record's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// When the source said so.
    pub observed_at: TimestampMs,
    /// The raw record it came from.
    #[serde(borrow)]
    pub origin: Origin<'a>,
    /// Doubts about the fact; empty for a sound one.
    #[serde(default)]
    pub flags: Vec<QualityFlag>,
    /// What exactly is doubtful; the flags follow from it.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
    /// The fact.
    #[serde(borrow)]
    pub body: EventBody<'a>,
}

/// The kinds of fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventBody<'a> {
    /// What is true of a campaign's day as of a batch.
    #[serde(rename = "adpulse.MetricsObserved", borrow)]
    MetricsObserved(MetricsObserved<'a>),
    /// What is true of a campaign itself; an absent field was not reported.
    #[serde(rename = "adpulse.CampaignObserved", borrow)]
    CampaignObserved(CampaignObserved<'a>),
    /// A lead's contribution to this campaign before and after a change.
    #[serde(rename = "adpulse.LeadChanged", borrow)]
    LeadChanged(LeadChanged<'a>),
    /// The platform's creative-fatigue signal.
    #[serde(rename = "adpulse.FatigueSignal", borrow)]
    FatigueSignal(FatigueSignal<'a>),
    /// Time passed; observed_at is the time.
    #[serde(rename = "adpulse.Tick")]
    Tick(Tick),
    /// What is true of an ad account, whose key `platform:account_id` is the record's key.
    #[serde(rename = "adpulse.AccountObserved", borrow)]
    AccountObserved(AccountObserved<'a>),
    /// Records of an account by outcome; the record's key is `platform:account_id`.
    #[serde(rename = "adpulse.QualityCounted")]
    QualityCounted(QualityCounted),
}

/// What is true of a campaign's day as of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsObserved<'a> {
    /// Where the figures come from.
    pub source: Source,
    /// Day in the account's time zone.
    pub day: Day,
    /// Place in the batch.
    #[serde(borrow)]
    pub batch: BatchRow<'a>,
    /// ISO 4217 currency.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// The figures.
    pub figures: Figures,
}

/// What is true of a campaign itself; an absent field was not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CampaignObserved<'a> {
    /// Name shown to people.
    #[serde(borrow, default)]
    pub name: Option<&'a str>,
    /// Effective status as the platform names it.
    #[serde(borrow, default)]
    pub status: Option<&'a str>,
    /// Objective as the platform names it.
    #[serde(borrow, default)]
    pub objective: Option<&'a str>,
    /// Daily budget, micros.
    #[serde(default)]
    pub daily_budget_micros: Option<Micros>,
    /// Lifetime budget, micros.
    #[serde(default)]
    pub lifetime_budget_micros: Option<Micros>,
    /// IANA time zone of the account.
    #[serde(borrow, default)]
    pub time_zone: Option<&'a str>,
    /// ISO 4217 currency of the account.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Impressions per person over the last 7 days.
    #[serde(default)]
    pub frequency_7d: Option<f64>,
}

/// A lead's contribution to this campaign before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadChanged<'a> {
    /// system:lead_id.
    #[serde(borrow)]
    pub lead_key: &'a str,
    /// What it added before; absent if nothing.
    #[serde(default)]
    pub before: Option<Contribution>,
    /// What it adds now; absent if nothing.
    #[serde(default)]
    pub after: Option<Contribution>,
}

/// What a lead adds to the cohort of its creation day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Creation day in the account's time zone.
    pub created_day: Day,
    /// Counted as qualified (won implies qualified).
    pub qualified: bool,
    /// Counted as won.
    pub won: bool,
    /// Revenue of the won deal, micros; 0 unless won.
    pub revenue_micros: Micros,
}

/// The platform's creative-fatigue signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FatigueSignal<'a> {
    /// Level.
    pub level: FatigueLevel,
    /// The platform's words.
    #[serde(borrow, default)]
    pub message: Option<&'a str>,
}

/// Time passed; observed_at is the time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {}

/// What is true of an ad account; an absent field was not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountObserved<'a> {
    /// Name shown to people.
    #[serde(borrow, default)]
    pub name: Option<&'a str>,
    /// `ACTIVE`, or why the platform does not serve the account.
    #[serde(borrow, default)]
    pub status: Option<&'a str>,
    /// IANA time zone of the account.
    #[serde(borrow, default)]
    pub time_zone: Option<&'a str>,
    /// ISO 4217 currency of the account.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Why the source cannot read the account, for programs; absent when it can.
    #[serde(borrow, default)]
    pub failure_code: Option<&'a str>,
    /// The same for people.
    #[serde(borrow, default)]
    pub failure: Option<&'a str>,
}

/// Records of an account that normalize read in one transaction, by outcome. Counts add up, they do not replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityCounted {
    /// The hour in which they were observed.
    pub hour_start: TimestampMs,
    /// All of them.
    pub records: i32,
    /// Flagged INCOMPLETE.
    pub incomplete: i32,
    /// Flagged OUTLIER.
    pub outlier: i32,
    /// Refused to the dead letters.
    pub rejected: i32,
}
