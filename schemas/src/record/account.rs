//! Values of `accounts`.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::TimestampMs;

/// An ad account as last observed, and the quality of its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account<'a> {
    /// Ad platform, first part of the account key.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account, second part of the account key.
    #[serde(borrow)]
    pub account_id: &'a str,
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
    /// When the source last said whether it can read the account.
    #[serde(default)]
    pub failure_at: Option<TimestampMs>,
    /// When the account was last observed; absent while only its records are known.
    #[serde(default)]
    pub observed_at: Option<TimestampMs>,
    /// The newest hours that had records, oldest first; at most three.
    #[serde(default)]
    pub hours: Vec<QualityHour>,
    /// Codes of the alerts that are firing.
    #[serde(borrow, default)]
    pub firing: Vec<&'a str>,
    /// The record that caused this state.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// Records of an account observed in one hour, by outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityHour {
    /// Start of the hour.
    pub hour_start: TimestampMs,
    /// All of them.
    pub records: i64,
    /// Flagged INCOMPLETE.
    pub incomplete: i64,
    /// Flagged OUTLIER.
    pub outlier: i64,
    /// Refused to the dead letters.
    pub rejected: i64,
}
