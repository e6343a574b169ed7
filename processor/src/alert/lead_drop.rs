//! `LEAD_DROP`: the last 7 days brought far fewer leads than a week of the 21 before, for about the same money.

use super::sums::Sums;
use super::{CampaignView, Words, money};
use crate::policy::LeadDropAlert;

/// Weeks of the prior window.
const WEEKS: f64 = 3.0;

pub(super) fn holds(sums: &Sums, policy: &LeadDropAlert) -> bool {
    let (recent, prior) = (&sums.recent, &sums.prior);
    // Multiplied instead of divided, so that no rounding moves a threshold.
    recent.leads * WEEKS <= policy.ratio * prior.leads
        && prior.leads >= policy.leads_min * WEEKS
        && recent.spend * WEEKS >= policy.spend_share_min * prior.spend
}

pub(super) fn words(view: &CampaignView<'_>, sums: &Sums, fires: bool, policy: &LeadDropAlert) -> Words {
    let (leads, week) = (sums.recent.leads, sums.prior.leads / WEEKS);
    let spend = money(sums.recent.spend, view.currency);
    let week_spend = money(sums.prior.spend / WEEKS, view.currency);
    let only = if fires { "only " } else { "" };
    let sentence = format!(
        "The last 7 days brought {only}{leads} leads for {spend}; a week of the 21 days before brought {week:.1} for {week_spend}."
    );
    (Some(leads), Some((policy.ratio * week * 100.0).round() / 100.0), sentence)
}
