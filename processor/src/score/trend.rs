//! Trend, 20 points: the last 7 days against the 21 before, in cost per lead and in leads.

use super::curve;
use super::window::Sums;
use crate::policy::ScorePolicy;

const CAP: f64 = 20.0;
/// How many recent windows the prior window is long.
const PRIOR_PER_RECENT: f64 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    pub(crate) points: f64,
    /// Above 1 when things get better.
    pub(crate) ratio: f64,
}

pub(super) fn trend(sums: &Sums, gate: f64, policy: &ScorePolicy) -> Trend {
    let (target, prior) = (policy.cost_per_lead_target, policy.cost_prior_leads);
    let recent = (sums.spend_recent + prior * target) / (sums.leads_recent + prior);
    let before = (sums.spend_prior + prior * target) / (sums.leads_prior + prior);
    let leads = (PRIOR_PER_RECENT * sums.leads_recent + prior) / (sums.leads_prior + prior);
    let ratio = ((before / recent).ln() + policy.trend_leads_weight * leads.ln()).exp();
    Trend { points: CAP * curve(ratio, policy.trend_curve) * (0.5 + 0.5 * gate), ratio }
}
