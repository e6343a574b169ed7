//! Cost efficiency, 25 points: cost per lead against its target, and return on ad spend where the policy weighs it.

use super::curve;
use super::window::Sums;
use crate::policy::ScorePolicy;

const CAP: f64 = 25.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) points: f64,
    /// How far money is well spent, 0 to 1; holds back what quality and trend can add.
    pub(crate) gate: f64,
    /// Cost per lead with the pseudo-leads, as a share of the target.
    pub(crate) relative: f64,
}

pub(super) fn cost(sums: &Sums, policy: &ScorePolicy) -> Cost {
    let (target, prior) = (policy.cost_per_lead_target, policy.cost_prior_leads);
    let cost_per_lead = (sums.spend + prior * target) / (sums.leads + prior);
    let mut efficiency = curve(target / cost_per_lead, policy.cost_curve);
    let weight = policy.roas_weight;
    if weight > 0.0 {
        let roas = (sums.revenue + prior * target * policy.roas_target) / (sums.spend + prior * target);
        let returned = curve(roas / policy.roas_target, policy.cost_curve);
        efficiency = efficiency.powf(1.0 - weight) * returned.powf(weight);
    }
    Cost {
        points: CAP * efficiency,
        gate: (efficiency / policy.cost_curve[1]).min(1.0),
        relative: cost_per_lead / target,
    }
}
