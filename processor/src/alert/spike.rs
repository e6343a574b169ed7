//! `SPEND_SPIKE` and `COST_PER_LEAD_SPIKE`: yesterday, the last full day, against the 7 days before it.

use super::sums::{Sums, Total};
use super::{CampaignView, MICROS, Words, cents, money};
use crate::policy::SpikeAlert;

/// Days of the mean.
const MEAN_DAYS: f64 = 7.0;

pub(super) fn spend_holds(sums: &Sums, policy: &SpikeAlert, target: f64) -> bool {
    // Multiplied instead of divided, so that no rounding moves the threshold.
    can_be_judged(sums, policy, target)
        && sums.yesterday.spend * MEAN_DAYS >= policy.ratio * sums.before.spend
}

pub(super) fn cost_per_lead_holds(sums: &Sums, policy: &SpikeAlert, target: f64) -> bool {
    let (yesterday, before) = (&sums.yesterday, &sums.before);
    can_be_judged(sums, policy, target)
        && yesterday.spend * leads(before) >= policy.ratio * before.spend * leads(yesterday)
}

pub(super) fn spend_words(view: &CampaignView<'_>, sums: &Sums, fires: bool, policy: &SpikeAlert) -> Words {
    let (spend, mean) = (sums.yesterday.spend, sums.before.spend / MEAN_DAYS);
    let (shown, shown_mean) = (money(spend, view.currency), money(mean, view.currency));
    let sentence = if fires && mean > 0.0 {
        let times = spend / mean;
        format!(
            "Yesterday's spend of {shown} is {times:.1} times the mean of {shown_mean} of the 7 days before."
        )
    } else {
        format!("Yesterday's spend was {shown}; the mean of the 7 days before was {shown_mean}.")
    };
    (Some(cents(spend)), Some(cents(policy.ratio * mean)), sentence)
}

pub(super) fn cost_per_lead_words(
    view: &CampaignView<'_>,
    sums: &Sums,
    fires: bool,
    policy: &SpikeAlert,
) -> Words {
    let cost = sums.yesterday.spend / leads(&sums.yesterday);
    let mean = sums.before.spend / leads(&sums.before);
    let (shown, shown_mean) = (money(cost, view.currency), money(mean, view.currency));
    let count = sums.yesterday.leads;
    let spent = money(sums.yesterday.spend, view.currency);
    let made = if count > 0.0 { format!("{count} for {spent}") } else { format!("none for {spent}") };
    let sentence = if fires && mean > 0.0 {
        let times = cost / mean;
        format!(
            "Yesterday's cost per lead of {shown} ({made}) is {times:.1} times the {shown_mean} of the 7 days before."
        )
    } else {
        format!("Yesterday's cost per lead was {shown} ({made}); that of the 7 days before was {shown_mean}.")
    };
    (Some(cents(cost)), Some(cents(policy.ratio * mean)), sentence)
}

/// Without spend before there is nothing to be a multiple of.
fn can_be_judged(sums: &Sums, policy: &SpikeAlert, target: f64) -> bool {
    sums.before_active >= policy.active_days_min
        && sums.before.spend > 0.0
        && sums.yesterday.spend > 0.0
        && sums.yesterday.spend >= policy.spend_targets_min * target * MICROS
}

/// Without a lead the whole spend is the cost so far.
fn leads(total: &Total) -> f64 {
    total.leads.max(1.0)
}
