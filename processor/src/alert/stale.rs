//! `STALE_DATA` and `VERY_STALE_DATA`: a campaign delivers, or did until lately, and its figures are not renewed.
//!
//! Both hold together when the figures are old enough, since what the first says stays true. When nothing has been
//! delivered for long, there is nothing to renew, and [`super::unused`] takes over.

use schemas::TimestampMs;

use super::sums::Sums;
use super::{CampaignView, Words, counted};
use crate::calendar::hours_between;
use crate::policy::{EffectivePolicy, StaleAlert};

/// How many of the thresholds the figures' age has passed. Time alone changes a staleness alert exactly when this
/// changes, so a tick need not look at more.
pub(crate) fn age_class(
    metrics_at: Option<TimestampMs>,
    log_time: TimestampMs,
    policy: &EffectivePolicy,
) -> u8 {
    let Some(hours) = hours_between(metrics_at, log_time) else { return 0 };
    let alerts = &policy.alerts;
    let passed = |alert: &StaleAlert| u8::from(alert.enabled && hours >= alert.hours);
    passed(&alerts.stale_data) + passed(&alerts.very_stale_data)
}

pub(super) fn holds(view: &CampaignView<'_>, sums: &Sums, policy: &StaleAlert) -> bool {
    is_watched(view)
        && delivers(sums, policy)
        && hours_between(view.metrics_at, view.log_time).is_some_and(|hours| hours >= policy.hours)
}

pub(super) fn words(view: &CampaignView<'_>, sums: &Sums, fires: bool, policy: &StaleAlert) -> Words {
    let Some(hours) = hours_between(view.metrics_at, view.log_time) else {
        return (None, Some(policy.hours), "No figures are known of the campaign.".to_owned());
    };
    let age = counted(hours.floor(), "hour");
    let sentence = if fires {
        let limit = counted(policy.hours, "hour");
        format!("The newest figures are {age} old; {limit} is the limit while a campaign delivers.")
    } else if let Some(status) = view.status.filter(|_| !is_watched(view)) {
        format!("The newest figures are {age} old; the campaign's status is {status}.")
    } else if !delivers(sums, policy) {
        let days = counted(policy.delivery_days_max.into(), "day");
        format!("The newest figures are {age} old; nothing was delivered today or in the {days} before.")
    } else {
        format!("The newest figures are {age} old.")
    };
    (Some(hours.floor()), Some(policy.hours), sentence)
}

/// A campaign that is known to be off has no reason to deliver.
fn is_watched(view: &CampaignView<'_>) -> bool {
    view.status.is_none_or(|status| status == "ACTIVE")
}

fn delivers(sums: &Sums, policy: &StaleAlert) -> bool {
    sums.delivered_age.is_some_and(|age| age <= policy.delivery_days_max)
}
