//! `BUDGET_EXHAUSTED`: a daily budget used up long before the day ends, or a lifetime budget used up.

use schemas::Micros;

use super::sums::{Sums, count};
use super::{CampaignView, Words, cents, money};
use crate::policy::BudgetAlert;

pub(super) fn holds(view: &CampaignView<'_>, sums: &Sums, was_firing: bool, policy: &BudgetAlert) -> bool {
    // That the day's money is gone stays news until the day ends, but in the evening it is no news any more.
    let early = was_firing || view.local_hour < policy.before_hour;
    (early && is_used_up(sums.spend_today, view.daily_budget, policy))
        || is_used_up(lifetime_spend(view), view.lifetime_budget, policy)
}

pub(super) fn words(view: &CampaignView<'_>, sums: &Sums, fires: bool, policy: &BudgetAlert) -> Words {
    let today = sums.spend_today;
    let lifetime = lifetime_spend(view);
    let daily_budget = positive(view.daily_budget);
    // Of two budgets the one that is used up is named.
    let of_day = daily_budget.filter(|_| !fires || is_used_up(today, view.daily_budget, policy));
    if let Some(budget) = of_day {
        let (spent, shown) = (money(today, view.currency), money(budget, view.currency));
        let percent = 100.0 * today / budget;
        let sentence = format!("Today's spend of {spent} is {percent:.0} % of the daily budget of {shown}.");
        return (Some(cents(today)), Some(cents(policy.share * budget)), sentence);
    }
    if let Some(budget) = positive(view.lifetime_budget) {
        let (spent, shown) = (money(lifetime, view.currency), money(budget, view.currency));
        let percent = 100.0 * lifetime / budget;
        let sentence =
            format!("The spend of {spent} so far is {percent:.0} % of the lifetime budget of {shown}.");
        return (Some(cents(lifetime)), Some(cents(policy.share * budget)), sentence);
    }
    (None, None, "The campaign has no budget of its own any more.".to_owned())
}

fn is_used_up(spend: f64, budget: Option<Micros>, policy: &BudgetAlert) -> bool {
    positive(budget).is_some_and(|budget| spend >= policy.share * budget)
}

/// A budget of 0 limits nothing that could be used up.
fn positive(budget: Option<Micros>) -> Option<f64> {
    budget.map(|budget| count(budget.0)).filter(|budget| *budget > 0.0)
}

fn lifetime_spend(view: &CampaignView<'_>) -> f64 {
    count(view.lifetime_spend.0)
}
