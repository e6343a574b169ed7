//! Every constant of the rules: read, validated, resolved per account and campaign, and hashed.
//!
//! `default.toml` beside this file is the one source of the defaults. Over it lie, each naming only what differs, the
//! policy given by the user, the account's table, and the first `[[campaigns]]` pattern that matches the campaign.
//! Unknown keys and impossible values are refused with the key and the rule it breaks; every combination of account
//! and pattern is resolved and validated while loading, so asking later cannot fail. The binary embeds the policy as
//! the `[policy]` table of its settings ([`Policy`] deserialises from it); roles hand it to [`crate::Normalizer`] and
//! [`crate::Scorer`]. Windows (30, 7 and 21 days) and the caps of the parts are not settings, because the published
//! records are defined by them.

mod layer;
mod score;
mod alerts;
mod quality;
mod facts;
mod pattern;
mod read;
mod explain;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use schemas::AccountKey;
use serde::{Deserialize, Deserializer};

pub(crate) use alerts::{
    AlertPolicy, BudgetAlert, LeadDropAlert, QualityAlert, SpikeAlert, StaleAlert, UnusedAlert,
};
pub use explain::{Layer, Setting};
pub(crate) use facts::{FacebookPolicy, FactsPolicy};
pub(crate) use quality::QualityPolicy;
pub use score::ScorePolicy;

use layer::Overrides;
use pattern::Pattern;

/// Every constant of the rules, with its overrides per account and campaign pattern. Deserialises from a table that
/// may name only what differs from [`Policy::DEFAULT_TOML`]; values are validated while deserialising.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) facts: FactsPolicy,
    base: Scope,
    /// By platform, then by account, so that looking one up needs no text made of both.
    accounts: BTreeMap<String, BTreeMap<String, Scope>>,
    patterns: Vec<Pattern>,
    version: String,
}

/// What is in force in an account.
#[derive(Clone, Debug)]
struct Scope {
    account: Arc<EffectivePolicy>,
    /// For those of its campaigns that each of the patterns means.
    campaigns: Vec<Arc<EffectivePolicy>>,
    /// What the account, or the policy itself, overrides, by section.
    tables: Overrides,
}

/// What is in force for a campaign, or for an account as a whole.
#[derive(Clone, Debug)]
pub struct EffectivePolicy {
    /// Time zone of the account, where the policy sets it.
    pub time_zone: Option<Tz>,
    /// ISO 4217 currency of the account, where the policy sets it.
    pub currency: Option<String>,
    /// Constants of the score.
    pub score: ScorePolicy,
    pub(crate) alerts: AlertPolicy,
    // Shared by all campaigns of the account: patterns do not override them.
    pub(crate) quality: Arc<QualityPolicy>,
    pub(crate) facebook: Arc<FacebookPolicy>,
    /// Hash of what is in force, 12 hex digits. Overrides for other accounts and campaigns do not change it.
    pub version: String,
}

/// Why a policy is refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a value of another type.
    #[error("the policy cannot be read: {0}")]
    Unreadable(String),
    /// A value outside its range.
    #[error("policy {key} is {value}, but {rule}")]
    OutOfRange {
        /// The key, as in the file.
        key: String,
        /// Its value.
        value: String,
        /// What must hold.
        rule: &'static str,
    },
}

impl Default for Policy {
    /// The policy of [`Policy::DEFAULT_TOML`].
    fn default() -> Self {
        Self::from_toml("").expect("the tests read the default policy")
    }
}

impl Policy {
    /// The commented default table: the one source of every default, to be shown, or embedded as `[policy]`.
    pub const DEFAULT_TOML: &str = include_str!("default.toml");

    /// Reads a policy that may name only what differs from the defaults.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or a value out of range.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let table = text.parse().map_err(|e: toml::de::Error| PolicyError::Unreadable(e.to_string()))?;
        read::policy(table)
    }

    /// Hash of the whole policy with every override, 12 hex digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The accounts that the policy names, in order.
    pub fn accounts(&self) -> impl Iterator<Item = AccountKey<'_>> {
        self.accounts.iter().flat_map(|(platform, accounts)| {
            accounts.keys().map(|account_id| AccountKey { platform, account_id })
        })
    }

    /// What is in force for an account as a whole, whatever the campaign.
    #[must_use]
    pub fn account(&self, platform: &str, account_id: &str) -> Arc<EffectivePolicy> {
        Arc::clone(&self.scope(platform, account_id).account)
    }

    /// What is in force for a campaign of an account, by its key as it stands in the topics and its name, where one is known.
    #[must_use]
    pub fn campaign(
        &self,
        platform: &str,
        account_id: &str,
        campaign_key: &str,
        name: Option<&str>,
    ) -> Arc<EffectivePolicy> {
        Arc::clone(self.in_force(platform, account_id, campaign_key, name))
    }

    /// [`Self::campaign`], to be looked at only.
    pub(crate) fn in_force(
        &self,
        platform: &str,
        account_id: &str,
        campaign_key: &str,
        name: Option<&str>,
    ) -> &Arc<EffectivePolicy> {
        let scope = self.scope(platform, account_id);
        let pattern = self.pattern(Some(campaign_key), name);
        pattern.map_or(&scope.account, |at| &scope.campaigns[at])
    }

    /// Whether the two make the same state of the same facts: those of one table, in days of the same time zones.
    pub(crate) fn takes_facts_like(&self, other: &Self) -> bool {
        self.facts == other.facts && self.time_zones().eq(other.time_zones())
    }

    /// The accounts for which a time zone is set, in order.
    fn time_zones(&self) -> impl Iterator<Item = (&str, &str, Tz)> {
        self.accounts.iter().flat_map(|(platform, accounts)| {
            accounts.iter().filter_map(move |(account_id, scope)| {
                Some((platform.as_str(), account_id.as_str(), scope.account.time_zone?))
            })
        })
    }

    fn scope(&self, platform: &str, account_id: &str) -> &Scope {
        let account = self.accounts.get(platform).and_then(|accounts| accounts.get(account_id));
        account.unwrap_or(&self.base)
    }

    /// Position of the first pattern that matches.
    fn pattern(&self, campaign_key: Option<&str>, name: Option<&str>) -> Option<usize> {
        if self.patterns.is_empty() {
            return None;
        }
        let name = name.map(str::to_lowercase);
        self.patterns.iter().position(|pattern| pattern.matches(campaign_key, name.as_deref()))
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        read::policy(table).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
