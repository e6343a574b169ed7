//! Values of `alerts`.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::TimestampMs;

/// Something that a person should look at; fires once and resolves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert<'a> {
    /// What happened.
    #[serde(borrow)]
    pub code: &'a str,
    /// How urgent.
    pub severity: Severity,
    /// Whether it holds.
    pub state: AlertState,
    /// Ad platform.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account.
    #[serde(borrow)]
    pub account_id: &'a str,
    /// Campaign; absent for alerts of an account.
    #[serde(borrow, default)]
    pub campaign_id: Option<&'a str>,
    /// The figure that crossed the threshold.
    #[serde(default)]
    pub figure: Option<f64>,
    /// The threshold.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// For a person.
    #[serde(borrow)]
    pub sentence: &'a str,
    /// Log time.
    pub raised_at: TimestampMs,
    /// The record that caused it.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// `CRITICAL`.
    Critical,
    /// `HIGH`.
    High,
    /// `MEDIUM`.
    Medium,
    /// `LOW`.
    Low,
}

impl Severity {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// Whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertState {
    /// `FIRING`.
    Firing,
    /// `RESOLVED`.
    Resolved,
}

impl AlertState {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Firing => "FIRING",
            Self::Resolved => "RESOLVED",
        }
    }
}
