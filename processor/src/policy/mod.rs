//! skeleton
use std::sync::Arc;
/// Every constant of the rules, with its overrides per account. Deserialises from the `[policy]` table of the
/// configuration (unknown keys are refused, values are validated while deserialising); [`Policy::DEFAULT_TOML`] is
/// the commented table with every default.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Policy {}
/// The constants of SCORING.md in force for an account.
#[derive(Clone, Debug)]
pub struct ScorePolicy {}
/// What is in force for an account.
#[derive(Clone, Debug)]
pub struct AccountPolicy {
    /// Constants of the score.
    pub score: ScorePolicy,
}
/// Why a policy is refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a value of another type.
    #[error("the policy cannot be read: {0}")]
    Unreadable(String),
    /// A value outside its range.
    #[error("{key} is {value}, but {rule}")]
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
    fn default() -> Self {
        unimplemented!("next commit")
    }
}
impl Policy {
    /// The commented default table: the one source of truth of every default, to be shown or embedded as `[policy]`.
    pub const DEFAULT_TOML: &str = "";
    /// Reads a policy that may name only what differs from the defaults.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or a value out of range.
    pub fn from_toml(_text: &str) -> Result<Self, PolicyError> {
        unimplemented!("next commit")
    }
    /// Hash of the whole policy, 12 hex digits.
    #[must_use]
    pub fn version(&self) -> &str {
        unimplemented!("next commit")
    }
    /// What is in force for an account, named `platform:account_id` in the policy.
    #[must_use]
    pub fn account(&self, _platform: &str, _account_id: &str) -> Arc<AccountPolicy> {
        unimplemented!("next commit")
    }
}
