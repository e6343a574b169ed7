//! Sums over the window before a day. They are integers, so the order of the days cannot show.

use schemas::record::WindowTotals;
use schemas::{Day, Micros};

use super::ScoreDay;
use crate::policy::ScorePolicy;

/// Days of the rolling window, ages 1 to 30.
pub(super) const WINDOW_DAYS: usize = 30;
/// Days of the recent window, ages 1 to 7.
const RECENT_DAYS: usize = 7;
/// Oldest age of the prior window, which starts after the recent one.
const PRIOR_AGE_MAX: usize = 28;

/// Sums over the window. Money in micros; 30 days of the largest figure that is accepted still fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    totals: WindowTotals,
    spend_recent: i64,
    leads_recent: i64,
    spend_prior: i64,
    leads_prior: i64,
    /// CRM leads by age.
    crm_leads: [i64; WINDOW_DAYS + 1],
}

/// The sums as the formulas read them: money in major units, nothing below 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) spend: f64,
    pub(super) leads: f64,
    pub(super) impressions: f64,
    pub(super) link_clicks: f64,
    pub(super) revenue: f64,
    pub(super) active_days: f64,
    pub(super) spend_recent: f64,
    pub(super) leads_recent: f64,
    pub(super) spend_prior: f64,
    pub(super) leads_prior: f64,
}

impl Window {
    /// Adds a day; one that lies outside the window before `as_of` changes nothing.
    pub(crate) fn add(&mut self, as_of: Day, day: &ScoreDay) {
        let age = i64::from(as_of.0) - i64::from(day.day.0);
        let Ok(age) = usize::try_from(age) else { return };
        if age == 0 || age > WINDOW_DAYS {
            return;
        }
        let leads = day.platform_leads.max(day.crm_leads);
        let totals = &mut self.totals;
        add(&mut totals.spend_micros.0, day.spend.0);
        add(&mut totals.impressions, day.impressions);
        add(&mut totals.link_clicks, day.link_clicks);
        add(&mut totals.leads, leads);
        add(&mut totals.crm_leads, day.crm_leads);
        add(&mut totals.qualified, day.qualified);
        add(&mut totals.won, day.won);
        add(&mut totals.revenue_micros.0, day.revenue.0);
        add(&mut totals.purchases, day.purchases);
        totals.active_days += i32::from(day.impressions > 0 || day.spend > Micros::ZERO);
        add(&mut self.crm_leads[age], day.crm_leads);
        if age <= RECENT_DAYS {
            add(&mut self.spend_recent, day.spend.0);
            add(&mut self.leads_recent, leads);
        } else if age <= PRIOR_AGE_MAX {
            add(&mut self.spend_prior, day.spend.0);
            add(&mut self.leads_prior, leads);
        }
    }

    pub(super) fn totals(&self) -> WindowTotals {
        self.totals
    }

    pub(super) fn sums(&self) -> Sums {
        let totals = &self.totals;
        Sums {
            spend: totals.spend_micros.major().max(0.0),
            leads: count(totals.leads),
            impressions: count(totals.impressions),
            link_clicks: count(totals.link_clicks),
            revenue: totals.revenue_micros.major().max(0.0),
            active_days: f64::from(totals.active_days),
            spend_recent: Micros(self.spend_recent).major().max(0.0),
            leads_recent: count(self.leads_recent),
            spend_prior: Micros(self.spend_prior).major().max(0.0),
            leads_prior: count(self.leads_prior),
        }
    }

    /// Leads weighted with the share of their qualifications and of their wins that are known at their age.
    pub(super) fn known_leads(&self, policy: &ScorePolicy) -> [f64; 2] {
        let mut known = [0.0; 2];
        for (age, &leads) in self.crm_leads.iter().enumerate().skip(1) {
            let [qualified, won] = policy.known(age);
            known[0] += count(leads) * qualified;
            known[1] += count(leads) * won;
        }
        known
    }

    pub(super) fn qualified(&self) -> f64 {
        count(self.totals.qualified)
    }

    pub(super) fn won(&self) -> f64 {
        count(self.totals.won)
    }
}

/// The facts' limits leave room for the sum of a window; callers of the pure function may exceed them, not overflow.
fn add(sum: &mut i64, value: i64) {
    *sum = sum.saturating_add(value);
}

#[expect(clippy::cast_precision_loss, reason = "counts above 2^53 are rejected long before")]
fn count(value: i64) -> f64 {
    value.max(0) as f64
}
