//! The days around a moment, read once: what the score sums up, and what is doubtful about it.
//!
//! An outlier that no later batch repeated is left out, unless the policy counts outliers. Two doubts show only beside
//! other days: a currency that is not the campaign's, and a spend far above the campaign's median day.

use schemas::record::Doubt;
use schemas::{Day, Micros};

use super::figures::{CLICKS, IMPRESSIONS, LEADS, LINK_CLICKS, Marks, PURCHASES, SPEND};
use super::judged::Case;
use super::layout::{self, Counted, CountedFigures};
use crate::policy::{FactsPolicy, QualityPolicy};
use crate::score::{DoubtfulDays, ScoreDay, Window};

/// The days of the window and the day scored itself.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    as_of: Day,
    days: Vec<Seen>,
}

/// What a score and its reasons read of the days.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summed {
    pub(super) window: Window,
    /// How many days of the window each doubt is about.
    pub(super) doubtful: DoubtfulDays,
}

/// A day as it is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) counted: ScoreDay,
    /// The spend that the source reported, counted or not.
    pub(super) spend: Micros,
    marks: Marks,
    confirmed: bool,
}

impl View {
    /// Reads the days of a campaign around the day it is scored on, in place of what was read before.
    pub(super) fn read(&mut self, case: &Case<'_>, as_of: Day, rules: &FactsPolicy) {
        let known = &case.campaign.days;
        let first = Day(as_of.0.saturating_sub(30));
        let days = known.since(first).take_while(|(date, _)| *date <= as_of);
        self.as_of = as_of;
        self.days.clear();
        let currency = case.currency_counted_in();
        self.days.extend(days.map(|(date, bytes)| seen(date, &layout::read_counted(bytes, rules), currency)));
        let quality = &case.policy.quality;
        self.doubt_spends(case.spend_min, quality);
        if !quality.count_outliers {
            self.leave_out_outliers();
        }
    }

    /// Marks the days of the window that spent many times the median of its active days.
    fn doubt_spends(&mut self, spend_min: Micros, quality: &QualityPolicy) {
        let as_of = self.as_of;
        let days = &mut self.days;
        let is_open = |day: &Seen| day.is_open(spend_min) && day.counted.day < as_of;
        if !days.iter().any(is_open) {
            return;
        }
        // Ages 1 to 30.
        let mut spends = [0_i64; 30];
        let mut count = 0;
        for day in days.iter().filter(|day| day.spend > Micros::ZERO && day.counted.day < as_of) {
            spends[count] = day.spend.0;
            count += 1;
        }
        if count < usize::from(quality.spend_median_days_min) {
            return;
        }
        spends[..count].sort_unstable();
        let median = Micros(spends[(count - 1) / 2]);
        let limit = median.major() * quality.spend_median_ratio;
        for day in days.iter_mut().filter(|day| is_open(day) && day.spend.major() >= limit) {
            day.marks = day.marks.with(Marks::of(Doubt::SpendAboveMedian));
        }
    }

    fn leave_out_outliers(&mut self) {
        self.days.iter_mut().for_each(Seen::leave_out_outlier);
    }

    /// The sums over the window before the day scored, and over that day.
    pub(super) fn summed(&self) -> Summed {
        let mut doubtful = DoubtfulDays::default();
        for day in self.days.iter().filter(|day| day.counted.day < self.as_of) {
            day.doubts().for_each(|doubt| doubtful.add(doubt));
        }
        Summed { window: Window::of(self.as_of, self.days.iter().map(|day| &day.counted)), doubtful }
    }

    /// The day that the days were read around.
    pub(super) fn as_of(&self) -> Day {
        self.as_of
    }

    /// What the other days make doubtful about a day's spend.
    pub(super) fn doubt_of_spend(&self, date: Day) -> Option<Doubt> {
        let above = |day: &Seen| day.counted.day == date && day.marks.has(Doubt::SpendAboveMedian);
        self.seen().iter().any(above).then_some(Doubt::SpendAboveMedian)
    }

    /// The days, oldest first.
    pub(super) fn seen(&self) -> &[Seen] {
        &self.days
    }
}

impl Seen {
    /// Whether its spend is held against the median of the others.
    pub(super) fn is_open(&self, spend_min: Micros) -> bool {
        self.spend >= spend_min && !self.confirmed
    }

    /// An outlier counts for nothing but its leads.
    pub(super) fn leave_out_outlier(&mut self) {
        if self.marks.is_outlier() {
            let ScoreDay { day: date, crm_leads, qualified, won, revenue, .. } = self.counted;
            self.counted = ScoreDay { day: date, crm_leads, qualified, won, revenue, ..ScoreDay::default() };
        }
    }

    /// What is doubtful about it.
    pub(super) fn doubts(&self) -> impl Iterator<Item = Doubt> + use<> {
        let marks = self.marks;
        let all = if marks == Marks::default() { &[][..] } else { &Doubt::ALL[..] };
        all.iter().copied().filter(move |doubt| marks.has(*doubt))
    }
}

/// A day as its source tells it. `counted_in` is the currency that its money must have.
pub(super) fn seen(day: Day, counted: &Counted, counted_in: Option<&str>) -> Seen {
    let cohort = counted.cohort;
    let mut seen = Seen {
        counted: ScoreDay {
            day,
            crm_leads: cohort.leads,
            qualified: cohort.qualified,
            won: cohort.won,
            revenue: cohort.revenue_micros,
            ..ScoreDay::default()
        },
        ..Seen::default()
    };
    if let Some(CountedFigures { figures, marks, currency, confirmed }) = counted.figures {
        let value = |figure: usize| figures.values[figure];
        seen.counted.spend = Micros(value(SPEND));
        seen.counted.impressions = value(IMPRESSIONS);
        seen.counted.link_clicks = if figures.has(LINK_CLICKS) { value(LINK_CLICKS) } else { value(CLICKS) };
        seen.counted.platform_leads = value(LEADS);
        seen.counted.purchases = value(PURCHASES);
        seen.spend = seen.counted.spend;
        seen.confirmed = confirmed;
        seen.marks = if currency.zip(counted_in).is_some_and(|(figures, own)| !figures.is(own)) {
            marks.with(Marks::of(Doubt::CurrencyUnlikeAccount))
        } else {
            marks
        };
    }
    seen
}
