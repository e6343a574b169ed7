//! Engagement, 10 points: the click-through rate, less what a tired audience costs.

use super::curve;
use super::window::Sums;
use crate::policy::ScorePolicy;

const CAP: f64 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Engagement {
    pub(crate) points: f64,
    /// Points before fatigue.
    pub(crate) fresh_points: f64,
    /// Click-through rate with the pseudo-impressions, as a share of the target.
    pub(crate) relative: f64,
    /// Click-through rate as observed; absent without impressions.
    pub(crate) observed: Option<f64>,
    /// What fatigue leaves of engagement, 0 to 1.
    pub(crate) freshness: f64,
}

pub(super) fn engagement(
    sums: &Sums,
    frequency_7d: Option<f64>,
    fatigue_high: bool,
    policy: &ScorePolicy,
) -> Engagement {
    let prior = policy.engagement_prior_impressions;
    let ctr = (sums.link_clicks + prior * policy.ctr_target) / (sums.impressions + prior);
    let relative = ctr / policy.ctr_target;
    let mut freshness = match frequency_7d {
        Some(frequency) if frequency > policy.frequency_free => {
            (frequency / policy.frequency_free).powf(-policy.frequency_exponent).min(1.0)
        }
        _ => 1.0,
    };
    if fatigue_high {
        freshness = freshness.min(policy.fatigue_factor);
    }
    let fresh_points = CAP * curve(relative, policy.engagement_curve);
    let observed = (sums.impressions > 0.0).then(|| sums.link_clicks / sums.impressions);
    Engagement { points: fresh_points * freshness, fresh_points, relative, observed, freshness }
}
