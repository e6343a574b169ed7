//! Confidence, 0 to 1: how much was observed, and how long ago.

use super::window::Sums;
use crate::policy::ScorePolicy;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Confidence {
    /// Confidence now.
    pub(crate) value: f64,
    /// What it would be if the figures were fresh.
    pub(crate) fresh: f64,
    /// Hours since the newest figures were observed; absent while there are none.
    pub(crate) metrics_age_hours: Option<f64>,
}

pub(super) fn confidence(
    sums: &Sums,
    quality: f64,
    metrics_age_hours: Option<f64>,
    policy: &ScorePolicy,
) -> Confidence {
    let target = policy.cost_per_lead_target;
    let seen = sums.leads.max(sums.spend / target);
    let seen_recent = sums.leads_recent.max(sums.spend_recent / target);
    let fresh = 0.25 * saturation(seen, 10.0)
        + 0.25 * quality
        + 0.2 * saturation(sums.active_days, 7.0)
        + 0.2 * saturation(seen_recent, 10.0)
        + 0.1 * saturation(sums.impressions, 5000.0);
    let overdue = metrics_age_hours.map_or(0.0, |age| (age - policy.metrics_fresh_hours).max(0.0));
    let decay = if overdue > 0.0 { (-overdue / policy.confidence_decay_hours).exp() } else { 1.0 };
    Confidence { value: fresh * decay, fresh, metrics_age_hours }
}

/// 0 at 0, one half at `half`, rising towards 1.
fn saturation(value: f64, half: f64) -> f64 {
    value / (value + half)
}
