//! The sums of a campaign's window, kept from one score to the next, so that scoring reads the days that changed and not all
//! thirty.
//!
//! Promises exactly what [`View::summed`] would say, which a test holds it to; where it cannot promise that it says so, and
//! everything is read. That is where the spend of a day may have to be held against the median of the others, where figures
//! are larger than sums hold, and when the campaign is scored on an earlier day or more than a few days later. Between scores
//! they lie packed ([`Stored`]), and nowhere but in memory: after a restart the first score of a campaign reads everything.

mod stored;

use schemas::{Day, Micros};

use super::figures::Currency;
use super::journal::Journal;
use super::judged::Case;
use super::layout;
use super::view::{Seen, Summed, View, seen};
use crate::policy::FactsPolicy;
use crate::score::window::{WINDOW_DAYS, age};

/// Fewer days are read as fast.
const DAYS_MIN: usize = 8;
/// More days later everything is read as fast.
const DAYS_LATER_MAX: i64 = 3;

pub(super) use stored::Stored;

/// The sums as they were when the campaign was last scored.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Kept {
    as_of: Day,
    /// The currency that money had to have.
    currency: Option<Currency>,
    summed: Summed,
    spends: Spends,
}

/// What is known of the spends of the days, without looking at them again.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
struct Spends {
    /// Not above any spend in the window.
    least: Micros,
    /// Not below any.
    most: Micros,
    /// Whether one may have to be held against the others.
    is_open: bool,
}

/// How the days of a campaign are read.
struct Reading<'a> {
    case: &'a Case<'a>,
    rules: &'a FactsPolicy,
    currency: Option<&'a str>,
}

impl Kept {
    /// Sums days that were all read, in place of what it was. Returns whether they can be kept.
    pub(super) fn sum(&mut self, view: &View, case: &Case<'_>) -> bool {
        self.as_of = view.as_of();
        self.summed = view.summed();
        self.spends = Spends { least: Micros(i64::MAX), most: Micros::ZERO, is_open: false };
        let Some(currency) = code(case.currency_counted_in()) else { return false };
        self.currency = currency;
        for day in view.seen() {
            let Some(age) = age(self.as_of, day.counted.day) else { return false };
            self.spends.note(day, age, case);
        }
        view.seen().len() >= DAYS_MIN && self.summed.window.is_exact() && !self.spends.may_be_doubted(case)
    }

    pub(super) fn summed(&self) -> &Summed {
        &self.summed
    }

    /// Brings the sums up to `as_of` and to the days as the open transaction has left them. `false` where everything must be
    /// read; what is kept is then of no use any more.
    pub(super) fn follow(
        &mut self,
        case: &Case<'_>,
        as_of: Day,
        (journal, rules): (&Journal, &FactsPolicy),
    ) -> bool {
        let later = i64::from(as_of.0) - i64::from(self.as_of.0);
        let currency = case.currency_counted_in();
        if !(0..=DAYS_LATER_MAX).contains(&later) || code(currency) != Some(self.currency) {
            return false;
        }
        let reading = Reading { case, rules, currency };
        self.take_changes(&reading, journal);
        for _ in 0..later {
            self.grow_older(&reading);
        }
        self.summed.window.is_exact() && !self.spends.may_be_doubted(case)
    }

    /// Counts the days that the open transaction touched as they are, in place of what they were.
    fn take_changes(&mut self, reading: &Reading<'_>, journal: &Journal) {
        for touched in journal.days_of(reading.case.campaign.touch) {
            let Some(age) = age(self.as_of, touched.day) else { continue };
            if let Some(before) = journal.before_and_on(touched) {
                self.take_out(&reading.unpacked(touched.day, before), age);
            }
            if let Some(now) = reading.day(touched.day) {
                self.put(&now, age, reading.case);
            }
        }
    }

    /// Makes the day after the one that was scored the one that is.
    fn grow_older(&mut self, reading: &Reading<'_>) {
        let day_at = |age: usize| reading.day(Day(self.as_of.0.checked_sub(i32::try_from(age).ok()?)?));
        let (closed, last) = (day_at(0), day_at(WINDOW_DAYS));
        let moving = |age| match age {
            0 => closed,
            WINDOW_DAYS => last,
            _ => day_at(age),
        };
        self.summed.window.grow_older(|age| moving(age).map(|day| day.counted));
        let doubtful = &mut self.summed.doubtful;
        last.iter().flat_map(Seen::doubts).for_each(|doubt| doubtful.remove(doubt));
        closed.iter().flat_map(Seen::doubts).for_each(|doubt| doubtful.add(doubt));
        closed.iter().for_each(|day| self.spends.note(day, 1, reading.case));
        self.as_of = Day(self.as_of.0.saturating_add(1));
        if let Some(today) = reading.day(self.as_of) {
            self.put(&today, 0, reading.case);
        }
    }

    fn put(&mut self, day: &Seen, age: usize, case: &Case<'_>) {
        self.spends.note(day, age, case);
        let Summed { window, doubtful } = &mut self.summed;
        window.add(age, &day.counted);
        day.doubts().filter(|_| age > 0).for_each(|doubt| doubtful.add(doubt));
    }

    fn take_out(&mut self, day: &Seen, age: usize) {
        let Summed { window, doubtful } = &mut self.summed;
        window.remove(age, &day.counted);
        day.doubts().filter(|_| age > 0).for_each(|doubt| doubtful.remove(doubt));
    }
}

impl Spends {
    /// Takes note of a day; the one that is scored belongs to no window yet.
    fn note(&mut self, day: &Seen, age: usize, case: &Case<'_>) {
        self.is_open |= day.is_open(case.spend_min);
        if age > 0 && day.spend > Micros::ZERO {
            self.least = self.least.min(day.spend);
            self.most = self.most.max(day.spend);
        }
    }

    /// Whether a day may have spent so many times the median that it is doubted: the median is not below the least.
    fn may_be_doubted(&self, case: &Case<'_>) -> bool {
        let limit = self.least.major() * case.policy.quality.spend_median_ratio;
        self.is_open && self.most.major() >= limit
    }
}

impl Reading<'_> {
    /// The day as it is now; `None` while nothing is known of it.
    fn day(&self, day: Day) -> Option<Seen> {
        let days = &self.case.campaign.days;
        days.find(day).map(|place| self.unpacked(day, days.from(&place)))
    }

    fn unpacked(&self, day: Day, bytes: &[u8]) -> Seen {
        let mut seen = seen(day, &layout::read_counted(bytes, self.rules), self.currency);
        if !self.case.policy.quality.count_outliers {
            seen.leave_out_outlier();
        }
        seen
    }
}

/// The currency as it is kept; `None` for a text that is no code.
fn code(currency: Option<&str>) -> Option<Option<Currency>> {
    match currency {
        None => Some(None),
        Some(text) => Currency::new(text).map(Some),
    }
}

#[cfg(test)]
mod tests;
