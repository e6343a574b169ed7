//! Volume, 20 points: leads against the target for the days that the campaign was active.

use super::window::Sums;
use crate::policy::ScorePolicy;

const CAP: f64 = 20.0;
/// A campaign is held to at least a week of its target.
const ACTIVE_DAYS_MIN: f64 = 7.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Volume {
    pub(crate) points: f64,
    /// Leads wanted for the active days.
    pub(crate) target: f64,
}

pub(super) fn volume(sums: &Sums, policy: &ScorePolicy) -> Volume {
    let target = policy.leads_target * sums.active_days.max(ACTIVE_DAYS_MIN) / 30.0;
    Volume { points: CAP * (1.0 - policy.volume_remainder.powf(sums.leads / target)), target }
}
