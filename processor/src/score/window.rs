//! Sums over the window before a day, and over that day itself. They are integers, so the order of the days cannot show,
//! and a day can be taken out again.

use schemas::record::WindowTotals;
use schemas::{Day, Micros};

use super::ScoreDay;
use crate::policy::ScorePolicy;

/// Days of the rolling window, ages 1 to 30.
pub(crate) const WINDOW_DAYS: usize = 30;
/// Ages that are summed: the day scored, which only the alerts read, and the window.
const AGES: usize = WINDOW_DAYS + 1;

/// Ages that whoever reads the sums puts together in the same way.
pub(crate) const TODAY: usize = 0;
pub(crate) const YESTERDAY: usize = 1;
/// The rest of the last 7 days.
pub(crate) const WEEK: usize = 2;
/// The 8th day before, which belongs to the prior weeks and to the 7 days before yesterday.
pub(crate) const EIGHTH: usize = 3;
/// The rest of the prior weeks, up to the 28th day before.
pub(crate) const PRIOR: usize = 4;
const REST: usize = 5;
const PLACES: usize = 6;
/// Where an age is summed.
const PLACE: [usize; AGES] = {
    let mut place = [REST; AGES];
    let mut age = 0;
    while age <= 28 {
        place[age] = match age {
            0 => TODAY,
            1 => YESTERDAY,
            2..=7 => WEEK,
            8 => EIGHTH,
            _ => PRIOR,
        };
        age += 1;
    }
    place
};
/// Ages that are summed elsewhere, or not any more, when they are a day older.
const MOVING: [usize; 6] = [0, 1, 7, 8, 28, WINDOW_DAYS];

/// Sums over the window and the day scored. Money in micros; 30 days of the largest figure that is accepted still fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// But for the active days.
    totals: WindowTotals,
    places: [Place; PLACES],
    /// CRM leads by age; more than four billion on a day count as so many.
    crm_leads: [u32; AGES],
    /// Bit n: the day of age n had impressions or spend.
    active: u32,
    /// Whether a day may be more than the sums hold.
    is_beyond: bool,
}

/// Sums over some of the ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) spend: i64,
    /// Of each day the larger of the platform's and the CRM's.
    pub(crate) leads: i64,
}

/// A window that is exact, as numbers none of which follows from the others.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// Impressions, link clicks, CRM leads, qualified, won, revenue, purchases.
    pub(crate) totals: [i64; 7],
    pub(crate) spends: [i64; PLACES],
    pub(crate) leads: [i64; PLACES],
    pub(crate) crm_leads: [u32; AGES],
    pub(crate) active: u32,
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
    /// Sums the days; one that is neither `as_of` nor within the window before it does not count.
    pub(crate) fn of<'d>(as_of: Day, days: impl Iterator<Item = &'d ScoreDay> + Clone) -> Self {
        let mut beyond = Beyond::default();
        let window = Self::sum(as_of, days.clone().inspect(|day| beyond.note(day)), i64::wrapping_add);
        // The facts' limits leave room for the sum of a window; callers of the pure function may exceed them.
        if beyond.any() {
            Self { is_beyond: true, ..Self::sum(as_of, days, i64::saturating_add) }
        } else {
            window
        }
    }

    fn sum<'d>(as_of: Day, days: impl Iterator<Item = &'d ScoreDay>, plus: impl Fn(i64, i64) -> i64) -> Self {
        let mut window = Self::default();
        for day in days {
            if let Some(age) = age(as_of, day.day) {
                window.change(age, day, &plus);
                window.mark(age, day);
            }
        }
        window
    }

    /// Whether days can be added and taken out.
    pub(crate) fn is_exact(&self) -> bool {
        !self.is_beyond
    }

    /// The sums as numbers, if they are exact.
    pub(crate) fn numbers(&self) -> Numbers {
        let WindowTotals { impressions, link_clicks, crm_leads, qualified, won, purchases, .. } = self.totals;
        let revenue = self.totals.revenue_micros.0;
        Numbers {
            totals: [impressions, link_clicks, crm_leads, qualified, won, revenue, purchases],
            spends: self.places.map(|place| place.spend),
            leads: self.places.map(|place| place.leads),
            crm_leads: self.crm_leads,
            active: self.active,
        }
    }

    /// The window of which these are the numbers.
    pub(crate) fn of_numbers(numbers: &Numbers) -> Self {
        let Numbers { totals, spends, leads, crm_leads, active } = *numbers;
        let [impressions, link_clicks, total_crm_leads, qualified, won, revenue, purchases] = totals;
        let over =
            |places: [i64; PLACES]| places[YESTERDAY..].iter().fold(0, |sum: i64, at| sum.wrapping_add(*at));
        let totals = WindowTotals {
            spend_micros: Micros(over(spends)),
            impressions,
            link_clicks,
            leads: over(leads),
            crm_leads: total_crm_leads,
            qualified,
            won,
            revenue_micros: Micros(revenue),
            purchases,
            active_days: 0,
        };
        let mut places = [Place::default(); PLACES];
        for (place, (spend, leads)) in places.iter_mut().zip(spends.into_iter().zip(leads)) {
            *place = Place { spend, leads };
        }
        Self { totals, places, crm_leads, active, is_beyond: false }
    }

    /// Adds a day that was not there.
    pub(crate) fn add(&mut self, age: usize, day: &ScoreDay) {
        let mut beyond = Beyond::default();
        beyond.note(day);
        self.is_beyond |= beyond.any();
        self.change(age, day, &i64::wrapping_add);
        self.mark(age, day);
    }

    /// Takes a day out that was added, with the figures it had then.
    pub(crate) fn remove(&mut self, age: usize, day: &ScoreDay) {
        self.change(age, day, &i64::wrapping_sub);
        self.mark(age, &ScoreDay::default());
    }

    /// Makes every day a day older. `day_at` tells the days by the ages they have before; the new day scored is then to
    /// be added.
    pub(crate) fn grow_older(&mut self, day_at: impl Fn(usize) -> Option<ScoreDay>) {
        let moving = MOVING.map(|age| (age, day_at(age)));
        for (age, day) in &moving {
            day.iter().for_each(|day| self.change(*age, day, &i64::wrapping_sub));
        }
        self.crm_leads.copy_within(..WINDOW_DAYS, 1);
        self.crm_leads[TODAY] = 0;
        self.active = (self.active << 1) & ((1 << AGES) - 1);
        for (age, day) in moving.iter().filter(|(age, _)| *age < WINDOW_DAYS) {
            day.iter().for_each(|day| self.change(age + 1, day, &i64::wrapping_add));
        }
    }

    /// Adds or takes away what is summed over several ages.
    fn change(&mut self, age: usize, day: &ScoreDay, by: &impl Fn(i64, i64) -> i64) {
        let change = |sum: &mut i64, value: i64| *sum = by(*sum, value);
        let leads = day.platform_leads.max(day.crm_leads);
        let place = &mut self.places[PLACE[age]];
        change(&mut place.spend, day.spend.0);
        change(&mut place.leads, leads);
        if age == TODAY {
            return;
        }
        let totals = &mut self.totals;
        change(&mut totals.spend_micros.0, day.spend.0);
        change(&mut totals.impressions, day.impressions);
        change(&mut totals.link_clicks, day.link_clicks);
        change(&mut totals.leads, leads);
        change(&mut totals.crm_leads, day.crm_leads);
        change(&mut totals.qualified, day.qualified);
        change(&mut totals.won, day.won);
        change(&mut totals.revenue_micros.0, day.revenue.0);
        change(&mut totals.purchases, day.purchases);
    }

    /// Sets what is kept of an age alone.
    fn mark(&mut self, age: usize, day: &ScoreDay) {
        self.crm_leads[age] = u32::try_from(day.crm_leads.max(0)).unwrap_or(u32::MAX);
        let is_active = day.impressions > 0 || day.spend > Micros::ZERO;
        self.active = self.active & !(1 << age) | u32::from(is_active) << age;
    }

    pub(super) fn totals(&self) -> WindowTotals {
        let active_days = (self.active >> 1).count_ones().cast_signed();
        WindowTotals { active_days, ..self.totals }
    }

    /// The sums over the ages of some places.
    pub(crate) fn over(&self, places: &[usize]) -> Place {
        places.iter().fold(Place::default(), |sum, &at| Place {
            spend: sum.spend.saturating_add(self.places[at].spend),
            leads: sum.leads.saturating_add(self.places[at].leads),
        })
    }

    /// Bit n: the day of age n had impressions or spend.
    pub(crate) fn active(&self) -> u32 {
        self.active
    }

    pub(super) fn sums(&self) -> Sums {
        let totals = self.totals();
        let (recent, prior) = (self.over(&[YESTERDAY, WEEK]), self.over(&[EIGHTH, PRIOR]));
        Sums {
            spend: totals.spend_micros.major().max(0.0),
            leads: count(totals.leads),
            impressions: count(totals.impressions),
            link_clicks: count(totals.link_clicks),
            revenue: totals.revenue_micros.major().max(0.0),
            active_days: f64::from(totals.active_days),
            spend_recent: Micros(recent.spend).major().max(0.0),
            leads_recent: count(recent.leads),
            spend_prior: Micros(prior.spend).major().max(0.0),
            leads_prior: count(prior.leads),
        }
    }

    /// Leads weighted with the share of their qualifications and of their wins that are known at their age.
    pub(super) fn known_leads(&self, policy: &ScorePolicy) -> [f64; 2] {
        let mut known = [0.0; 2];
        for (&leads, [qualified, won]) in self.crm_leads[1..].iter().zip(&policy.known()[1..]) {
            known[0] += f64::from(leads) * qualified;
            known[1] += f64::from(leads) * won;
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

/// The age of a day that is summed.
pub(crate) fn age(as_of: Day, day: Day) -> Option<usize> {
    usize::try_from(i64::from(as_of.0) - i64::from(day.0)).ok().filter(|age| *age < AGES)
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
