//! The `[quality]` table: what makes a fact doubtful, each range with its own switch.
//!
//! Refuses ranges that could never be met or would doubt everything. [`crate::Normalizer`] judges single facts by it,
//! [`crate::Scorer`] a day's spend against the campaign's median day.

use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::score::require_shown;

/// What makes a fact doubtful.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QualityPolicy {
    pub(crate) count_outliers: bool,
    pub(crate) negative_is_outlier: bool,
    pub(crate) clicks_above_impressions_is_outlier: bool,
    pub(crate) reach_above_impressions_is_outlier: bool,
    pub(crate) ctr_above_limit_is_outlier: bool,
    pub(crate) ctr_max: f64,
    pub(crate) ctr_impressions_min: u32,
    pub(crate) day_ahead_is_outlier: bool,
    pub(crate) future_days_max: u16,
    pub(crate) currency_unlike_account_is_outlier: bool,
    pub(crate) spend_above_median_is_outlier: bool,
    /// Spend so many times the campaign's median day is doubted.
    pub(crate) spend_median_ratio: f64,
    /// Only days that spent at least so many target costs per lead are judged.
    pub(crate) spend_median_targets_min: f64,
    /// Active days needed for a median.
    pub(crate) spend_median_days_min: u16,
}

impl QualityPolicy {
    /// The same policy if every range can be met.
    pub(super) fn checked(self) -> Result<Self, PolicyError> {
        let require = |holds, key: &str, value: f64, rule| {
            require_shown(holds, &format!("quality.{key}"), value.to_string(), rule)
        };
        let ctr = self.ctr_max > 0.0 && self.ctr_max <= 1_000.0;
        require(ctr, "ctr_max", self.ctr_max, "it must be above 0 and at most 1000")?;
        let ahead = self.future_days_max;
        require(ahead <= 366, "future_days_max", f64::from(ahead), "it must be at most 366")?;
        let ratio = self.spend_median_ratio;
        let rule = "it must be above 1 and at most 1e6; a median day is not an outlier";
        require(ratio > 1.0 && ratio <= 1e6, "spend_median_ratio", ratio, rule)?;
        let targets = self.spend_median_targets_min;
        let rule = "it must lie between 0 and 1e6";
        require((0.0..=1e6).contains(&targets), "spend_median_targets_min", targets, rule)?;
        let days = self.spend_median_days_min;
        let rule = "it must lie between 1 and 30, the days of the window";
        require((1..=30).contains(&days), "spend_median_days_min", f64::from(days), rule)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_range_that_cannot_be_met_is_refused_by_its_key() {
        for (line, key) in [
            ("ctr_max = 0.0", "quality.ctr_max is 0"),
            ("ctr_max = nan", "quality.ctr_max is NaN"),
            ("ctr_max = inf", "quality.ctr_max is inf"),
            ("future_days_max = 367", "quality.future_days_max is 367"),
            ("spend_median_ratio = 1.0", "quality.spend_median_ratio is 1"),
            ("spend_median_targets_min = -1.0", "quality.spend_median_targets_min is -1"),
            ("spend_median_days_min = 0", "quality.spend_median_days_min is 0"),
            ("spend_median_days_min = 31", "quality.spend_median_days_min is 31"),
            ("negative_is_an_outlier = true", "negative_is_an_outlier"),
        ] {
            let error = Policy::from_toml(&format!("[quality]\n{line}")).expect_err(line).to_string();
            assert!(error.contains(key), "{line}: {error}");
        }
    }
}
