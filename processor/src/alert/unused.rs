//! `UNUSED_CAMPAIGN`: the campaign is on and has delivered nothing for days.

use schemas::Day;

use super::sums::Sums;
use super::{CampaignView, Words, counted};
use crate::policy::UnusedAlert;

/// Full days that a view shows.
const SHOWN_DAYS: i64 = 30;

pub(super) fn holds(view: &CampaignView<'_>, sums: &Sums, policy: &UnusedAlert) -> bool {
    view.status == Some("ACTIVE") && idle_days(view, sums) >= i64::from(policy.days)
}

pub(super) fn words(view: &CampaignView<'_>, sums: &Sums, fires: bool, policy: &UnusedAlert) -> Words {
    let idle = idle_days(view, sums);
    let days = counted(super::sums::count(idle), "day");
    let sentence = if fires {
        let limit = counted(policy.days.into(), "day");
        format!("The campaign is ACTIVE, but nothing was delivered in the last {days}; {limit} is the limit.")
    } else if view.status != Some("ACTIVE") {
        view.status.map_or_else(
            || "The campaign's status is not known.".to_owned(),
            |status| format!("The campaign's status is {status}."),
        )
    } else if let Some(age) = sums.delivered_age {
        format!("The campaign delivered on {}.", Day(view.as_of.0.saturating_sub(age.into())))
    } else {
        format!("The campaign has been known for {days}, without delivery.")
    };
    (Some(super::sums::count(idle)), Some(policy.days.into()), sentence)
}

/// Full days without delivery, of those on which the campaign was known, up to today; 0 when that is not known. The
/// day it was first heard of is read in UTC, so that the count changes with `as_of` alone.
fn idle_days(view: &CampaignView<'_>, sums: &Sums) -> i64 {
    let Some(since) = view.known_since else { return 0 };
    let known = i64::from(view.as_of.0) - i64::from(since.day_utc().0);
    let idle = sums.delivered_age.map_or(SHOWN_DAYS, |age| i64::from(age) - 1);
    idle.min(known).max(0)
}
