//! Values of `leads`.

use serde::{Deserialize, Serialize};

use super::{Contribution, Origin};
use crate::{Micros, TimestampMs};

/// The state of one lead; no personal data. Each time is that of the newest event of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead<'a> {
    /// Ad platform of the campaign.
    #[serde(borrow, default)]
    pub platform: Option<&'a str>,
    /// Ad account of the campaign.
    #[serde(borrow, default)]
    pub account_id: Option<&'a str>,
    /// Campaign that the lead is attributed to; absent while unattributed.
    #[serde(borrow, default)]
    pub campaign_id: Option<&'a str>,
    /// When the event that named the campaign occurred.
    #[serde(default)]
    pub campaign_at: Option<TimestampMs>,
    /// The stage that counts now.
    pub stage: LeadStage,
    /// Created.
    #[serde(default)]
    pub created_at: Option<TimestampMs>,
    /// Qualified.
    #[serde(default)]
    pub qualified_at: Option<TimestampMs>,
    /// Disqualified.
    #[serde(default)]
    pub disqualified_at: Option<TimestampMs>,
    /// Won.
    #[serde(default)]
    pub won_at: Option<TimestampMs>,
    /// Lost.
    #[serde(default)]
    pub lost_at: Option<TimestampMs>,
    /// Amount of the newest won event, micros.
    #[serde(default)]
    pub amount_micros: Option<Micros>,
    /// ISO 4217 currency of the amount.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// IANA time zone in which the creation day was told; absent while none is known.
    #[serde(borrow, default)]
    pub account_time_zone: Option<&'a str>,
    /// ISO 4217 currency in which the account counts revenue; absent while none is known.
    #[serde(borrow, default)]
    pub account_currency: Option<&'a str>,
    /// When the event that named them occurred.
    #[serde(default)]
    pub account_at: Option<TimestampMs>,
    /// What the lead adds to its campaign now.
    #[serde(default)]
    pub counted: Option<Contribution>,
    /// When the newest event was observed.
    pub observed_at: TimestampMs,
    /// The raw record that caused this state.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// How far a lead has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LeadStage {
    /// `CREATED`.
    Created,
    /// `QUALIFIED`.
    Qualified,
    /// `DISQUALIFIED`.
    Disqualified,
    /// `WON`.
    Won,
    /// `LOST`.
    Lost,
}

impl LeadStage {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Qualified => "QUALIFIED",
            Self::Disqualified => "DISQUALIFIED",
            Self::Won => "WON",
            Self::Lost => "LOST",
        }
    }
}
