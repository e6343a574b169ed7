//! Values of `campaigns`.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::{Micros, TimestampMs};

/// A campaign as last observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign<'a> {
    /// Ad platform, first part of the campaign key.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account, second part of the campaign key.
    #[serde(borrow)]
    pub account_id: &'a str,
    /// Campaign, third part of the campaign key.
    #[serde(borrow)]
    pub campaign_id: &'a str,
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
    /// When the frequency was observed.
    #[serde(default)]
    pub frequency_at: Option<TimestampMs>,
    /// Newest creative-fatigue signal.
    #[serde(default)]
    pub fatigue_level: Option<FatigueLevel>,
    /// When it was observed.
    #[serde(default)]
    pub fatigue_at: Option<TimestampMs>,
    /// When the newest HIGH signal was observed.
    #[serde(default)]
    pub fatigue_high_at: Option<TimestampMs>,
    /// When the newest HIGH signal of an earlier day was observed.
    #[serde(default)]
    pub fatigue_high_before_at: Option<TimestampMs>,
    /// When the campaign itself was last observed; absent while only its figures are known.
    #[serde(default)]
    pub observed_at: Option<TimestampMs>,
    /// When the name was observed.
    #[serde(default)]
    pub name_at: Option<TimestampMs>,
    /// When the status was observed.
    #[serde(default)]
    pub status_at: Option<TimestampMs>,
    /// When the objective was observed.
    #[serde(default)]
    pub objective_at: Option<TimestampMs>,
    /// When the budget was observed.
    #[serde(default)]
    pub budget_at: Option<TimestampMs>,
    /// When the time zone was observed.
    #[serde(default)]
    pub time_zone_at: Option<TimestampMs>,
    /// When the currency was observed.
    #[serde(default)]
    pub currency_at: Option<TimestampMs>,
    /// Log time at which the campaign was first heard of.
    #[serde(default)]
    pub known_since: Option<TimestampMs>,
    /// The record that caused this state.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// Level of the platform's creative-fatigue signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FatigueLevel {
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
}

impl FatigueLevel {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}
