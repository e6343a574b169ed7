//! Values of `scores`.

use serde::{Deserialize, Serialize};

use super::{Action, Guard, Origin, Parts, Reason};
use crate::{Day, Micros, TimestampMs};

/// The current score of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignScore<'a> {
    /// Ad platform, first part of the campaign key.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account, second part of the campaign key.
    #[serde(borrow)]
    pub account_id: &'a str,
    /// Campaign, third part of the campaign key.
    #[serde(borrow)]
    pub campaign_id: &'a str,
    /// The day scored; the window ends the day before.
    pub as_of: Day,
    /// The five dimensions.
    pub parts: Parts,
    /// 0 to 100, rounded to 2 decimals, after guards.
    pub total: f64,
    /// The band of the total.
    pub recommendation: Action,
    /// 0 to 1, rounded to 2 decimals.
    pub confidence: f64,
    /// Whether to act on it.
    pub actionable: bool,
    /// The guard that fired.
    #[serde(default)]
    pub guard: Option<Guard>,
    /// Most important first.
    #[serde(borrow, default)]
    pub reasons: Vec<Reason<'a>>,
    /// What the score was computed from.
    pub window: WindowTotals,
    /// ISO 4217 currency.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Log time of the scoring.
    pub scored_at: TimestampMs,
    /// When the newest metrics were observed.
    #[serde(default)]
    pub metrics_observed_at: Option<TimestampMs>,
    /// Hash of the effective policy.
    #[serde(borrow)]
    pub policy_version: &'a str,
    /// What was last announced.
    #[serde(default)]
    pub announced: Option<Announcement>,
    /// Codes of the alerts that are firing.
    #[serde(borrow, default)]
    pub firing: Vec<&'a str>,
    /// The record that caused the scoring.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// Sums over the 30 days before as_of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowTotals {
    /// Spend, micros.
    pub spend_micros: Micros,
    /// Impressions.
    pub impressions: i64,
    /// Link clicks, or clicks where absent.
    pub link_clicks: i64,
    /// Per day the larger of platform leads and CRM leads.
    pub leads: i64,
    /// Leads created in the CRM.
    pub crm_leads: i64,
    /// Of them qualified.
    pub qualified: i64,
    /// Of them won.
    pub won: i64,
    /// Revenue of the won, micros.
    pub revenue_micros: Micros,
    /// Purchases as the platform counts them.
    pub purchases: i64,
    /// Days with delivery or spend.
    pub active_days: i32,
}

/// The recommendation that was last announced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// The action.
    pub action: Action,
    /// Its total.
    pub total: f64,
    /// Its day.
    pub as_of: Day,
    /// Log time.
    pub announced_at: TimestampMs,
}
