//! Alerts: what a person should look at now, as codes while deciding and as figures and a sentence when asked.
//!
//! [`campaign_alerts`] and [`account_alerts`] say which alerts hold, without allocation, because they run for every
//! campaign that is rescored; an alert fires when its code appears in the answer and resolves when it is gone. The
//! describe functions put a firing or a resolved alert into words. Thresholds and severities are the policy's. An
//! alert that lacks the data to judge does not hold. [`crate::Scorer`] calls it.

mod code;
mod sums;
mod spike;
mod stale;
mod unused;
mod lead_drop;
mod budget;
mod data_quality;
mod account_failure;

use schemas::record::{AlertState, QualityHour, Severity};
use schemas::{Day, Micros, TimestampMs};

pub(crate) use code::{AlertCode, Codes};
pub(crate) use stale::age_class;
pub(crate) use sums::Sums;

use crate::policy::EffectivePolicy;

/// What the alerts of a campaign are judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CampaignView<'a> {
    /// Today, in the account's time zone.
    pub(crate) as_of: Day,
    pub(crate) log_time: TimestampMs,
    /// Hour of `log_time` in the account's time zone, 0 to 23.
    pub(crate) local_hour: u8,
    /// Effective status as the platform names it.
    pub(crate) status: Option<&'a str>,
    /// Log time at which the campaign was first heard of.
    pub(crate) known_since: Option<TimestampMs>,
    /// When the newest figures were observed.
    pub(crate) metrics_at: Option<TimestampMs>,
    pub(crate) daily_budget: Option<Micros>,
    pub(crate) lifetime_budget: Option<Micros>,
    /// Spend of all days; only read where there is a lifetime budget.
    pub(crate) lifetime_spend: Micros,
    /// ISO 4217.
    pub(crate) currency: Option<&'a str>,
    /// Its figures, summed.
    pub(crate) sums: Sums,
}

/// What the alerts of an account are judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountView<'a> {
    /// `ACTIVE`, or why the platform does not serve the account.
    pub(crate) status: Option<&'a str>,
    /// Why the source cannot read the account, for programs and for people.
    pub(crate) failure_code: Option<&'a str>,
    pub(crate) failure: Option<&'a str>,
    /// The newest hours that had records, oldest first.
    pub(crate) hours: &'a [QualityHour],
}

/// An alert in figures and words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) severity: Severity,
    /// What is held against the threshold: money in major units with 2 decimals, shares with 4. Absent where the alert
    /// is not about a figure, or the figure is not known any more.
    pub(crate) figure: Option<f64>,
    pub(crate) threshold: Option<f64>,
    pub(crate) sentence: String,
}

/// Figure, threshold and sentence of an alert.
type Words = (Option<f64>, Option<f64>, String);

/// Which alerts of a campaign hold now. `firing` are those that did before: a daily budget that was exhausted early
/// stays so until the day's end, whatever the hour.
pub(crate) fn campaign_alerts(view: &CampaignView<'_>, firing: Codes, policy: &EffectivePolicy) -> Codes {
    let sums = &view.sums;
    let alerts = &policy.alerts;
    let target = policy.score.cost_per_lead_target;
    let mut holding = Codes::default();
    let mut set = |code, enabled: bool, holds: bool| {
        if enabled && holds {
            holding.insert(code);
        }
    };
    let spike = &alerts.spend_spike;
    set(AlertCode::SpendSpike, spike.enabled, spike::spend_holds(sums, spike, target));
    let spike = &alerts.cost_per_lead_spike;
    set(AlertCode::CostPerLeadSpike, spike.enabled, spike::cost_per_lead_holds(sums, spike, target));
    let stale = &alerts.stale_data;
    set(AlertCode::StaleData, stale.enabled, stale::holds(view, sums, stale));
    let stale = &alerts.very_stale_data;
    set(AlertCode::VeryStaleData, stale.enabled, stale::holds(view, sums, stale));
    let unused = &alerts.unused_campaign;
    set(AlertCode::UnusedCampaign, unused.enabled, unused::holds(view, sums, unused));
    let drop = &alerts.lead_drop;
    set(AlertCode::LeadDrop, drop.enabled, lead_drop::holds(sums, drop));
    let budget = &alerts.budget_exhausted;
    let was_firing = firing.contains(AlertCode::BudgetExhausted);
    set(AlertCode::BudgetExhausted, budget.enabled, budget::holds(view, sums, was_firing, budget));
    holding
}

/// Which alerts of an account hold now.
pub(crate) fn account_alerts(view: &AccountView<'_>, policy: &EffectivePolicy) -> Codes {
    let alerts = &policy.alerts;
    let mut holding = Codes::default();
    if alerts.data_quality.enabled && data_quality::holds(view, &alerts.data_quality) {
        holding.insert(AlertCode::DataQuality);
    }
    if alerts.account_failure.enabled && account_failure::holds(view) {
        holding.insert(AlertCode::AccountFailure);
    }
    holding
}

/// A campaign's alert in words: why it fires, or, resolved, what holds instead. An account's alert has no words here.
pub(crate) fn describe_campaign(
    code: AlertCode,
    view: &CampaignView<'_>,
    state: AlertState,
    policy: &EffectivePolicy,
) -> Option<Description> {
    let sums = &view.sums;
    let alerts = &policy.alerts;
    let fires = state == AlertState::Firing;
    let (severity, words) = match code {
        AlertCode::SpendSpike => {
            let spike = &alerts.spend_spike;
            (spike.severity, spike::spend_words(view, sums, fires, spike))
        }
        AlertCode::CostPerLeadSpike => {
            let spike = &alerts.cost_per_lead_spike;
            (spike.severity, spike::cost_per_lead_words(view, sums, fires, spike))
        }
        AlertCode::StaleData => {
            (alerts.stale_data.severity, stale::words(view, sums, fires, &alerts.stale_data))
        }
        AlertCode::VeryStaleData => {
            (alerts.very_stale_data.severity, stale::words(view, sums, fires, &alerts.very_stale_data))
        }
        AlertCode::UnusedCampaign => {
            (alerts.unused_campaign.severity, unused::words(view, sums, fires, &alerts.unused_campaign))
        }
        AlertCode::LeadDrop => {
            (alerts.lead_drop.severity, lead_drop::words(view, sums, fires, &alerts.lead_drop))
        }
        AlertCode::BudgetExhausted => {
            (alerts.budget_exhausted.severity, budget::words(view, sums, fires, &alerts.budget_exhausted))
        }
        AlertCode::DataQuality | AlertCode::AccountFailure => return None,
    };
    Some(described(severity, words))
}

/// An account's alert in words. A campaign's alert has no words here.
pub(crate) fn describe_account(
    code: AlertCode,
    view: &AccountView<'_>,
    state: AlertState,
    policy: &EffectivePolicy,
) -> Option<Description> {
    let alerts = &policy.alerts;
    let fires = state == AlertState::Firing;
    match code {
        AlertCode::DataQuality => {
            let quality = &alerts.data_quality;
            Some(described(quality.severity, data_quality::words(view, fires, quality)))
        }
        AlertCode::AccountFailure => {
            Some(described(alerts.account_failure.severity, account_failure::words(view)))
        }
        _ => None,
    }
}

fn described(severity: Severity, (figure, threshold, sentence): Words) -> Description {
    Description { severity, figure, threshold, sentence }
}

/// Micros of a major unit.
const MICROS: f64 = 1e6;

/// Micros as people read them: in major units.
fn money(micros: f64, currency: Option<&str>) -> String {
    let amount = cents(micros);
    currency.map_or_else(|| format!("{amount:.2}"), |code| format!("{amount:.2} {code}"))
}

/// Micros in major units, rounded to 2 decimals, half away from zero.
fn cents(micros: f64) -> f64 {
    (micros / 10_000.0).round() / 100.0
}

/// A count with its noun: `1 hour`, `24 hours`.
fn counted(count: f64, noun: &str) -> String {
    let plural = if (count - 1.0).abs() < f64::EPSILON { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests;
