//! Values of `raw.facebook`, `raw.crm`, `raw.csv` and `raw.clock`.

use serde::{Deserialize, Serialize};

use super::{BatchRow, Figures, LeadStage, Source};
use crate::{Day, Micros, TimestampMs};

/// A message as a source delivered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawEvent<'a> {
    /// Where it came from.
    pub source: Source,
    /// What it is about.
    pub kind: RawKind,
    /// Ad platform, first part of the campaign key; empty for ticks.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account; empty for ticks.
    #[serde(borrow)]
    pub account_id: &'a str,
    /// IANA time zone of the account, where the source knows it.
    #[serde(borrow, default)]
    pub time_zone: Option<&'a str>,
    /// ISO 4217 currency of the account, where the source knows it.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Identity of the message at its source: webhook id, file and line, poll and row.
    #[serde(borrow)]
    pub message_id: &'a str,
    /// Place in the batch, for metrics.
    #[serde(borrow, default)]
    pub batch: Option<BatchRow<'a>>,
    /// When the source said so. The only clock that the processor knows.
    pub observed_at: TimestampMs,
    /// The bytes exactly as received.
    #[serde(with = "serde_bytes", borrow)]
    pub payload: &'a [u8],
    /// What the source's mapping made of a payload that cannot be read alone.
    #[serde(borrow, default)]
    pub reading: Option<Reading<'a>>,
}

/// What the message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RawKind {
    /// `METRICS`.
    Metrics,
    /// `CAMPAIGN`.
    Campaign,
    /// `LEAD`.
    Lead,
    /// `FATIGUE`.
    Fatigue,
    /// `ACCOUNT`.
    Account,
    /// `TICK`.
    Tick,
}

impl RawKind {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Metrics => "METRICS",
            Self::Campaign => "CAMPAIGN",
            Self::Lead => "LEAD",
            Self::Fatigue => "FATIGUE",
            Self::Account => "ACCOUNT",
            Self::Tick => "TICK",
        }
    }
}

/// What the source's mapping made of a payload that cannot be read alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reading<'a> {
    /// A row of figures that cannot be read without its file's header, as the source's mapping read it.
    #[serde(rename = "adpulse.MetricsReading", borrow)]
    MetricsReading(MetricsReading<'a>),
    /// A CRM event as the source's mapping read it.
    #[serde(rename = "adpulse.LeadReading", borrow)]
    LeadReading(LeadReading<'a>),
}

/// A row of figures that cannot be read without its file's header, as the source's mapping read it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsReading<'a> {
    /// Campaign, third part of the campaign key.
    #[serde(borrow)]
    pub campaign_id: &'a str,
    /// Name shown to people.
    #[serde(borrow, default)]
    pub campaign_name: Option<&'a str>,
    /// Day in the account's time zone.
    pub day: Day,
    /// ISO 4217 currency of the row.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// The row's figures.
    pub figures: Figures,
}

/// A CRM event as the source's mapping read it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadReading<'a> {
    /// system:lead_id.
    #[serde(borrow)]
    pub lead_key: &'a str,
    /// The stage that the lead entered.
    pub stage: LeadStage,
    /// When it entered it.
    pub occurred_at: TimestampMs,
    /// The campaign that the event names, if it does.
    #[serde(borrow, default)]
    pub campaign_id: Option<&'a str>,
    /// Amount of a won deal, micros of the currency.
    #[serde(default)]
    pub amount_micros: Option<Micros>,
    /// ISO 4217 currency of the amount.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
}
