//! Lead quality, 25 points: shares of leads qualified and won, corrected for how young the cohorts are.

use super::{Window, curve};
use crate::policy::ScorePolicy;

const CAP: f64 = 25.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    pub(crate) points: f64,
    /// Qualified per lead, with the pseudo-leads.
    pub(crate) qualified_rate: f64,
    /// Won per lead, with the pseudo-leads.
    pub(crate) won_rate: f64,
    /// Leads whose qualification is known.
    pub(crate) known_leads: f64,
    /// Share of the estimate that rests on observed leads, 0 to 1.
    pub(crate) confidence: f64,
    /// The estimate on its curves, as a share of its value at target.
    pub(crate) relative: f64,
}

pub(super) fn quality(window: &Window, gate: f64, policy: &ScorePolicy) -> Quality {
    let [known_qualified, known_won] = window.known_leads(policy);
    let (prior_q, prior_w) = (policy.qualified_prior_leads, policy.won_prior_leads);
    let qualified_rate =
        (window.qualified() + prior_q * policy.qualified_rate_target) / (known_qualified + prior_q);
    let won_rate = (window.won() + prior_w * policy.won_rate_target) / (known_won + prior_w);
    let confidence = known_qualified / (known_qualified + prior_q);
    let weight = policy.qualified_weight;
    let estimate = weight * curve(qualified_rate / policy.qualified_rate_target, policy.qualified_curve)
        + (1.0 - weight) * curve(won_rate / policy.won_rate_target, policy.won_curve);
    let at_target = weight * policy.qualified_curve[1] + (1.0 - weight) * policy.won_curve[1];
    Quality {
        points: CAP * estimate * (1.0 - (1.0 - confidence) * (1.0 - gate)),
        qualified_rate,
        won_rate,
        known_leads: known_qualified,
        confidence,
        relative: estimate / at_target,
    }
}
