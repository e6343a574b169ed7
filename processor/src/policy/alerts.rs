//! The `[alerts]` tables: which alerts there are, how urgent they are and where their thresholds lie.
//!
//! Refuses thresholds that could never be crossed, or always would be. [`crate::alert`] evaluates by it.

use schemas::record::Severity;
use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::layer::Section;
use super::score::require_shown;

/// Everything about alerts. Each is described in default.toml.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertPolicy {
    pub(crate) spend_spike: SpikeAlert,
    pub(crate) cost_per_lead_spike: SpikeAlert,
    pub(crate) stale_data: StaleAlert,
    pub(crate) very_stale_data: StaleAlert,
    pub(crate) unused_campaign: UnusedAlert,
    pub(crate) lead_drop: LeadDropAlert,
    pub(crate) budget_exhausted: BudgetAlert,
    pub(crate) data_quality: QualityAlert,
    pub(crate) account_failure: FailureAlert,
}

/// Yesterday against the 7 days before it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpikeAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Yesterday's figure, in means of the 7 days before.
    pub(crate) ratio: f64,
    /// Active days needed among those 7.
    pub(crate) active_days_min: u8,
    /// Yesterday's spend needed, in target costs per lead.
    pub(crate) spend_targets_min: f64,
}

/// Figures that have not been renewed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaleAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Age of the newest figures.
    pub(crate) hours: f64,
    /// Only campaigns that delivered today or on so many days before are watched.
    pub(crate) delivery_days_max: u8,
}

/// A campaign that is on and does nothing.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnusedAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Full days without delivery.
    pub(crate) days: u8,
}

/// The last 7 days against the 21 before.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadDropAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Leads of the last 7 days, as a share of those of a week before.
    pub(crate) ratio: f64,
    /// Leads needed in a week before.
    pub(crate) leads_min: f64,
    /// Spend needed in the last 7 days, as a share of that of a week before.
    pub(crate) spend_share_min: f64,
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Spend as a share of the budget.
    pub(crate) share: f64,
    /// A daily budget that lasts until this hour of the account's day has done its work.
    pub(crate) before_hour: u8,
}

/// Records that are refused or doubted.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QualityAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    /// Of the records of an hour.
    pub(crate) share: f64,
    /// Records needed in an hour.
    pub(crate) records_min: u32,
}

/// An account that cannot be read, or that the platform does not serve.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailureAlert {
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
}

impl Section for AlertPolicy {
    const NAME: &str = "alerts";

    fn checked(self) -> Result<Self, PolicyError> {
        self.spend_spike.check("alerts.spend_spike")?;
        self.cost_per_lead_spike.check("alerts.cost_per_lead_spike")?;
        self.stale_data.check("alerts.stale_data")?;
        self.very_stale_data.check("alerts.very_stale_data")?;
        let later = self.very_stale_data.hours >= self.stale_data.hours;
        let rule = "it must not lie below alerts.stale_data.hours";
        require(later, "alerts.very_stale_data.hours", self.very_stale_data.hours, rule)?;
        let days = self.unused_campaign.days;
        require((1..=30).contains(&days), "alerts.unused_campaign.days", days.into(), DAYS_RULE)?;
        self.lead_drop.check()?;
        self.budget_exhausted.check()?;
        let QualityAlert { share, records_min, .. } = self.data_quality;
        require(share > 0.0 && share <= 1.0, "alerts.data_quality.share", share, SHARE_RULE)?;
        let rule = "it must be at least 1";
        require(records_min >= 1, "alerts.data_quality.records_min", records_min.into(), rule)?;
        Ok(self)
    }
}

const SHARE_RULE: &str = "it must be above 0 and at most 1";
const DAYS_RULE: &str = "it must lie between 1 and 30, the days of the window";

impl SpikeAlert {
    fn check(&self, table: &str) -> Result<(), PolicyError> {
        let ratio = self.ratio > 1.0 && self.ratio <= 1e6;
        require(ratio, &format!("{table}.ratio"), self.ratio, "it must be above 1 and at most 1e6")?;
        let days = self.active_days_min;
        let rule = "it must lie between 1 and 7, the days of the mean";
        require((1..=7).contains(&days), &format!("{table}.active_days_min"), days.into(), rule)?;
        let targets = self.spend_targets_min;
        let rule = "it must lie between 0 and 1e6";
        require((0.0..=1e6).contains(&targets), &format!("{table}.spend_targets_min"), targets, rule)
    }
}

impl StaleAlert {
    fn check(&self, table: &str) -> Result<(), PolicyError> {
        let hours = self.hours > 0.0 && self.hours <= 8_760.0;
        require(hours, &format!("{table}.hours"), self.hours, "it must be above 0 and at most 8760, a year")?;
        let days = self.delivery_days_max;
        require((1..=30).contains(&days), &format!("{table}.delivery_days_max"), days.into(), DAYS_RULE)
    }
}

impl LeadDropAlert {
    fn check(&self) -> Result<(), PolicyError> {
        let rule = "it must lie between 0 and 1, 1 excluded";
        require((0.0..1.0).contains(&self.ratio), "alerts.lead_drop.ratio", self.ratio, rule)?;
        let leads = self.leads_min > 0.0 && self.leads_min <= 1e6;
        let rule = "it must be above 0 and at most 1e6";
        require(leads, "alerts.lead_drop.leads_min", self.leads_min, rule)?;
        let share = self.spend_share_min;
        let rule = "it must lie between 0 and 1e6";
        require((0.0..=1e6).contains(&share), "alerts.lead_drop.spend_share_min", share, rule)
    }
}

impl BudgetAlert {
    fn check(&self) -> Result<(), PolicyError> {
        let share = self.share > 0.0 && self.share <= 100.0;
        let rule = "it must be above 0 and at most 100";
        require(share, "alerts.budget_exhausted.share", self.share, rule)?;
        let hour = self.before_hour;
        let rule = "it must be an hour from 1 to 24";
        require((1..=24).contains(&hour), "alerts.budget_exhausted.before_hour", hour.into(), rule)
    }
}

fn require(holds: bool, key: &str, value: f64, rule: &'static str) -> Result<(), PolicyError> {
    require_shown(holds, key, value.to_string(), rule)
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_threshold_that_makes_no_sense_is_refused_by_its_key() {
        for (table, line, key) in [
            ("spend_spike", "ratio = 1", "alerts.spend_spike.ratio is 1"),
            ("spend_spike", "ratio = nan", "alerts.spend_spike.ratio is NaN"),
            ("cost_per_lead_spike", "active_days_min = 8", "alerts.cost_per_lead_spike.active_days_min is 8"),
            ("cost_per_lead_spike", "spend_targets_min = -1", "cost_per_lead_spike.spend_targets_min is -1"),
            ("stale_data", "hours = 0", "alerts.stale_data.hours is 0"),
            ("stale_data", "delivery_days_max = 31", "alerts.stale_data.delivery_days_max is 31"),
            ("very_stale_data", "hours = 23", "must not lie below alerts.stale_data.hours"),
            ("unused_campaign", "days = 31", "alerts.unused_campaign.days is 31"),
            ("lead_drop", "ratio = 1", "alerts.lead_drop.ratio is 1"),
            ("lead_drop", "leads_min = 0", "alerts.lead_drop.leads_min is 0"),
            ("lead_drop", "spend_share_min = inf", "alerts.lead_drop.spend_share_min is inf"),
            ("budget_exhausted", "share = 0", "alerts.budget_exhausted.share is 0"),
            ("budget_exhausted", "before_hour = 25", "alerts.budget_exhausted.before_hour is 25"),
            ("data_quality", "share = 1.5", "alerts.data_quality.share is 1.5"),
            ("data_quality", "records_min = 0", "alerts.data_quality.records_min is 0"),
            ("account_failure", "severity = \"LOUD\"", "alerts.account_failure.severity"),
            ("account_failure", "share = 1", "unknown field `share`"),
            ("cost_spike", "ratio = 2", "unknown field `cost_spike`"),
        ] {
            let text = format!("[alerts.{table}]\n{line}");
            let error = Policy::from_toml(&text).expect_err(line).to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
