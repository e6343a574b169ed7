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

/// Parts of the window that are summed apart.
const RECENT: usize = 0;
const PRIOR: usize = 1;
const REST: usize = 2;
/// The part that an age belongs to.
const PART: [usize; WINDOW_DAYS + 1] = {
    let mut part = [REST; WINDOW_DAYS + 1];
    let mut age = 1;
    while age <= PRIOR_AGE_MAX {
        part[age] = if age <= RECENT_DAYS { RECENT } else { PRIOR };
        age += 1;
    }
    part
};

/// Sums over the window. Money in micros; 30 days of the largest figure that is accepted still fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    totals: WindowTotals,
    parts: [Part; 3],
    /// CRM leads by age.
    crm_leads: [i64; WINDOW_DAYS + 1],
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    spend: i64,
    leads: i64,
}

/// Whether days may add up to more than the sums hold: many of them, or large ones.
#[derive(Clone, Copy, Debug, Default)]
struct Beyond {
    days: usize,
    bits: u64,
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
    /// Sums the days; one that lies outside the window before `as_of` does not count.
    pub(crate) fn of<'d>(as_of: Day, days: impl Iterator<Item = &'d ScoreDay> + Clone) -> Self {
        let mut beyond = Beyond::default();
        let window = Self::sum(as_of, days.clone().inspect(|day| beyond.note(day)), i64::wrapping_add);
        // The facts' limits leave room for the sum of a window; callers of the pure function may exceed them.
        if beyond.any() { Self::sum(as_of, days, i64::saturating_add) } else { window }
    }

    fn sum<'d>(as_of: Day, days: impl Iterator<Item = &'d ScoreDay>, plus: impl Fn(i64, i64) -> i64) -> Self {
        let mut window = Self::default();
        let add = |sum: &mut i64, value: i64| *sum = plus(*sum, value);
        for day in days {
            let age = usize::try_from(i64::from(as_of.0) - i64::from(day.day.0)).unwrap_or(0);
            if age == 0 || age > WINDOW_DAYS {
                continue;
            }
            let leads = day.platform_leads.max(day.crm_leads);
            let totals = &mut window.totals;
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
            add(&mut window.crm_leads[age], day.crm_leads);
            let part = &mut window.parts[PART[age]];
            add(&mut part.spend, day.spend.0);
            add(&mut part.leads, leads);
        }
        window
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
            spend_recent: Micros(self.parts[RECENT].spend).major().max(0.0),
            leads_recent: count(self.parts[RECENT].leads),
            spend_prior: Micros(self.parts[PRIOR].spend).major().max(0.0),
            leads_prior: count(self.parts[PRIOR].leads),
        }
    }

    /// Leads weighted with the share of their qualifications and of their wins that are known at their age.
    pub(super) fn known_leads(&self, policy: &ScorePolicy) -> [f64; 2] {
        let mut known = [0.0; 2];
        for (&leads, [qualified, won]) in self.crm_leads[1..].iter().zip(&policy.known()[1..]) {
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

impl Beyond {
    const DAYS: usize = 64;
    /// So many days of figures nearer to 0 than this add up to less than 2^63.
    const FIGURE: i64 = 1 << 57;

    fn note(&mut self, day: &ScoreDay) {
        self.days += 1;
        // Below twice the limit when the figure lies within it, whatever its sign.
        let bits = |figure: i64| figure.wrapping_add(Self::FIGURE).cast_unsigned();
        self.bits |= bits(day.spend.0)
            | bits(day.impressions)
            | bits(day.link_clicks)
            | bits(day.platform_leads)
            | bits(day.crm_leads)
            | bits(day.qualified)
            | bits(day.won)
            | bits(day.revenue.0)
            | bits(day.purchases);
    }

    fn any(&self) -> bool {
        self.days > Self::DAYS || self.bits >= 2 * Self::FIGURE.cast_unsigned()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts above 2^53 are rejected long before")]
fn count(value: i64) -> f64 {
    value.max(0) as f64
}
