//! Values of `recommendations`.

use serde::{Deserialize, Serialize};

use super::{Action, Guard, Origin, Parts, Reason};
use crate::{Day, TimestampMs};

/// An announced change of what to do with a campaign's budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation<'a> {
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
    pub campaign_name: Option<&'a str>,
    /// The day scored; the window ends the day before.
    pub as_of: Day,
    /// The five dimensions.
    pub parts: Parts,
    /// 0 to 100, rounded to 2 decimals, after guards.
    pub total: f64,
    /// What to do.
    pub action: Action,
    /// What was announced before; absent the first time.
    #[serde(default)]
    pub previous_action: Option<Action>,
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
    /// Hash of the effective policy.
    #[serde(borrow)]
    pub policy_version: &'a str,
    /// Log time of the announcement.
    pub announced_at: TimestampMs,
    /// The record that caused it.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}
