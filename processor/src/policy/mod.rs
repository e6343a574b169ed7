//! Every constant of the rules: read, validated, resolved per account and hashed.
//!
//! `default.toml` beside this file is the one source of the defaults. A policy given by the user is laid over it, so
//! it names only what differs. Unknown keys and impossible values are refused with the key and the rule it breaks.
//! The binary embeds the policy as the `[policy]` table of its settings ([`Policy`] deserialises from it); roles hand
//! it to [`crate::Normalizer`] and [`crate::Scorer`]. Windows (30, 7 and 21 days) and the caps of the parts are not
//! settings, because the published records are defined by them.

mod quality;
mod read;
mod score;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::Source;
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use quality::QualityPolicy;
pub use score::ScorePolicy;

/// Every constant of the rules, with its overrides per account. Deserialises from a table that may name only what
/// differs from [`Policy::DEFAULT_TOML`]; values are validated while deserialising.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) facts: FactsPolicy,
    pub(crate) quality: QualityPolicy,
    pub(crate) facebook: FacebookPolicy,
    base: Arc<AccountPolicy>,
    accounts: BTreeMap<String, Arc<AccountPolicy>>,
    version: String,
}

/// What is in force for an account.
#[derive(Clone, Debug)]
pub struct AccountPolicy {
    /// Time zone of the account, where the policy sets it.
    pub time_zone: Option<Tz>,
    /// ISO 4217 currency of the account, where the policy sets it.
    pub currency: Option<String>,
    /// Constants of the score.
    pub score: ScorePolicy,
    /// Hash of what is in force for the account, 12 hex digits. Overrides of other accounts do not change it.
    pub version: String,
}

/// Which facts are taken, and which of several counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactsPolicy {
    pub(crate) source_precedence: Vec<Source>,
    pub(crate) horizon_months: u16,
    pub(crate) batch_rows_max: u16,
    pub(crate) pending_batches_max: u8,
    pub(crate) lead_ahead_hours_max: u16,
}

/// Which of Facebook's action types count.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacebookPolicy {
    pub(crate) lead_actions: Vec<String>,
    pub(crate) purchase_actions: Vec<String>,
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

    /// What is in force for an account, which the policy names `platform:account_id`.
    #[must_use]
    pub fn account(&self, platform: &str, account_id: &str) -> Arc<AccountPolicy> {
        if self.accounts.is_empty() {
            return Arc::clone(&self.base);
        }
        let account = self.accounts.get(&format!("{platform}:{account_id}"));
        Arc::clone(account.unwrap_or(&self.base))
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        read::policy(table).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Policy::from_toml(text).expect_err("the policy is wrong").to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_specification() {
        let account = Policy::default().account("facebook", "1");
        let score = &account.score;
        assert_eq!((score.cost_per_lead_target, score.qualified_rate_target), (27.66, 0.30));
        assert_eq!((score.won_rate_target, score.ctr_target, score.leads_target), (0.08, 0.0259, 60.0));
        assert_eq!(account.time_zone, None);
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        assert!(refused("[score]\ncost_target = 3.0").contains("cost_target"));
        assert!(refused("[scores]\n").contains("scores"));
        assert!(refused("[accounts.\"facebook:1\"]\nscore = { c1 = 2.0 }").contains("c1"));
        assert!(refused("[accounts.\"facebook:1\"]\nzone = \"UTC\"").contains("zone"));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_rule() {
        assert!(refused("[score]\nc0 = 0.0").contains("cost_per_lead_target is 0"));
        assert!(refused("[score]\nroas_weight = 1.5").contains("between 0 and 1"));
        assert!(refused("[score]\nband_test = 70.0").contains("bands"));
        assert!(refused("[score]\nqualified_known = [[0.0, 0.0], [0.0, 1.0]]").contains("qualified_known"));
        assert!(refused("[accounts.\"facebook:1\"]\ntime_zone = \"Mars/Olympus\"").contains("Mars/Olympus"));
        assert!(refused("[accounts.\"facebook:1\"]\ncurrency = \"euro\"").contains("euro"));
        assert!(refused("[facts]\nbatch_rows_max = 0").contains("batch_rows_max"));
        assert!(refused("[accounts.\"123\"]").contains("platform:account_id"));
    }

    #[test]
    fn an_override_changes_its_account_and_no_other() {
        let policy = Policy::from_toml(
            "[accounts.\"facebook:1\"]\ntime_zone = \"Pacific/Apia\"\ncurrency = \"WST\"\nscore = { c0 = 40, T = 10 }",
        )
        .unwrap();
        let (one, two) = (policy.account("facebook", "1"), policy.account("facebook", "2"));
        assert_eq!((one.score.cost_per_lead_target, two.score.cost_per_lead_target), (40.0, 27.66));
        assert_eq!((one.score.leads_target, one.score.qualified_rate_target), (10.0, 0.30));
        assert_eq!(one.time_zone, Some(Tz::Pacific__Apia));
        assert_ne!(one.version, two.version);
        assert_eq!(two.version, Policy::default().account("facebook", "2").version);
        assert_ne!(policy.version(), Policy::default().version());
    }

    #[test]
    fn the_version_depends_on_values_and_not_on_how_they_are_written() {
        let written = Policy::from_toml("[score]\nc0 = 27.66").unwrap();
        assert_eq!(written.version(), Policy::default().version());
        assert_ne!(Policy::from_toml("[score]\nc0 = 27.67").unwrap().version(), written.version());
        assert_eq!(written.version().len(), 12);
    }
}
