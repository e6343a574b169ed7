//! The `[facts]` and `[facebook]` tables: which facts are taken, what is read of them, and which of several counts.
//!
//! Refuses a precedence that leaves a source out, and limits that are none. [`crate::Normalizer`] and
//! [`crate::Scorer`] read them.

use schemas::record::Source;
use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::layer::Section;
use super::score::require_shown;

/// Action types of one list.
const ACTIONS_MAX: usize = 100;

/// Which facts are taken, and which of several counts. One for all accounts, because it defines the state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
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

impl Section for FacebookPolicy {
    const NAME: &str = "facebook";

    fn checked(self) -> Result<Self, PolicyError> {
        for (key, actions) in
            [("lead_actions", &self.lead_actions), ("purchase_actions", &self.purchase_actions)]
        {
            let few = actions.len() <= ACTIONS_MAX;
            let rule = "a row is searched for each of them, at most 100";
            require_shown(few, &format!("facebook.{key}"), format!("{} types", actions.len()), rule)?;
        }
        Ok(self)
    }
}

impl Section for FactsPolicy {
    const NAME: &str = "facts";

    fn checked(self) -> Result<Self, PolicyError> {
        let sources = &self.source_precedence;
        let metrics_only = sources.iter().all(|source| matches!(source, Source::Facebook | Source::Csv));
        let distinct = sources.iter().enumerate().all(|(at, source)| !sources[..at].contains(source));
        let rule = "it must name FACEBOOK and CSV, each once; other sources report no figures";
        let shown = format!("{sources:?}");
        require_shown(
            metrics_only && distinct && sources.len() == 2,
            "facts.source_precedence",
            shown,
            rule,
        )?;
        for (key, value, max) in [
            ("facts.horizon_months", self.horizon_months, 1_200),
            ("facts.batch_rows_max", self.batch_rows_max, u16::MAX),
            ("facts.pending_batches_max", u16::from(self.pending_batches_max), 64),
        ] {
            let rule = "it must be at least 1 and not huge";
            require_shown((1..=max).contains(&value), key, value.to_string(), rule)?;
        }
        Ok(self)
    }
}
