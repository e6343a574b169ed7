//! From a total to a recommendation: guards, bands, whether to act, and when a change is announced.

use schemas::record::{Action, Guard};

use crate::policy::ScorePolicy;
use crate::score::Score;

/// Caps a total while money is spent without one lead. Spend in major units.
pub(crate) fn guarded(total: f64, spend: f64, leads: f64, policy: &ScorePolicy) -> (f64, Option<Guard>) {
    let targets_spent = spend / policy.cost_per_lead_target;
    if leads > 0.0 || targets_spent < policy.guard_low_targets {
        (total, None)
    } else if targets_spent >= policy.guard_high_targets {
        (total.min(policy.guard_high_cap), Some(Guard::NoLeadsAt5xTarget))
    } else {
        (total.min(policy.guard_low_cap), Some(Guard::NoLeadsAt3xTarget))
    }
}

/// The band of a published total.
pub(crate) fn band(total: f64, policy: &ScorePolicy) -> Action {
    if total >= policy.band_increase {
        Action::IncreaseBudget
    } else if total >= policy.band_continue {
        Action::ContinueOptimize
    } else if total >= policy.band_test {
        Action::TestChanges
    } else if total >= policy.band_reduce {
        Action::ReduceBudget
    } else {
        Action::PauseCampaign
    }
}

/// Whether to act on a recommendation of this published confidence.
pub(crate) fn actionable(
    confidence: f64,
    guard: Option<Guard>,
    metrics_age_hours: Option<f64>,
    policy: &ScorePolicy,
) -> bool {
    let too_little = confidence < policy.confidence_min && guard.is_none();
    let too_old = metrics_age_hours.is_some_and(|age| age > policy.metrics_age_hours_max);
    !too_little && !too_old
}

/// Whether a score is announced after `announced`: the first one is, then a new band that the total lies inside of by
/// the margin, or one that a guard decided.
pub(crate) fn is_announced(score: &Score, announced: Option<Action>, policy: &ScorePolicy) -> bool {
    match announced {
        None => true,
        Some(action) if action == score.recommendation => false,
        Some(_) => score.guard.is_some() || inside_by(score, policy) >= policy.announce_margin,
    }
}

/// How far the total lies inside its band, from the nearer edge. The outer ends of the scale are no edges.
fn inside_by(score: &Score, policy: &ScorePolicy) -> f64 {
    let [lower, upper] = band_edges(score.recommendation, policy);
    let above = lower.map_or(f64::INFINITY, |edge| score.total - edge);
    let below = upper.map_or(f64::INFINITY, |edge| edge - score.total);
    // Totals have 2 decimals; the difference of two of them is compared as such, not with the error of its last bit.
    (above.min(below) * 100.0).round() / 100.0
}

/// Lower and upper edge of a band on the published total. The outer ends of the scale are no edges.
#[must_use]
pub fn band_edges(band: Action, policy: &ScorePolicy) -> [Option<f64>; 2] {
    match band {
        Action::IncreaseBudget => [Some(policy.band_increase), None],
        Action::ContinueOptimize => [Some(policy.band_continue), Some(policy.band_increase)],
        Action::TestChanges => [Some(policy.band_test), Some(policy.band_continue)],
        Action::ReduceBudget => [Some(policy.band_reduce), Some(policy.band_test)],
        Action::PauseCampaign => [None, Some(policy.band_reduce)],
    }
}
