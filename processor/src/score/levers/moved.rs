//! Moves the figures of a score's input; what moving each means is written in [`super`].

use schemas::Micros;

use super::{Figure, MICROS_PER_HUNDREDTH, MICROS_PER_UNIT};
use crate::score::{ScoreDay, WindowInput};

impl WindowInput {
    /// Sets a figure, counted in its steps ([`Figure::steps_per_one`]).
    #[expect(clippy::cast_precision_loss, reason = "hundredths of a frequency are far below 2^53")]
    pub fn set(&mut self, figure: Figure, steps: i64) {
        match figure {
            Figure::Spend => self.set_spend(steps),
            Figure::Leads => self.set_leads(steps),
            Figure::Qualified => self.set_sum(steps, |day| (&mut day.qualified, day.won, day.crm_leads)),
            Figure::Won => self.set_sum(steps, |day| (&mut day.won, 0, day.qualified)),
            Figure::Revenue => {
                let micros = steps.saturating_mul(MICROS_PER_UNIT);
                self.set_sum(micros, |day| (&mut day.revenue.0, 0, i64::MAX));
            }
            Figure::LinkClicks => self.set_sum(steps, |day| (&mut day.link_clicks, 0, day.impressions)),
            Figure::Frequency => self.frequency_7d = Some(steps as f64 / 100.0),
            Figure::Fatigue => self.fatigue_high = steps > 0,
        }
    }

    /// Every day keeps its share of the sum; without a sum all of it falls on the newest day.
    fn set_spend(&mut self, hundredths: i64) {
        let wanted = i128::from(hundredths) * i128::from(MICROS_PER_HUNDREDTH);
        let micros = |wanted: i128| Micros(i64::try_from(wanted).unwrap_or(i64::MAX));
        let sum: i128 = self.days.iter().map(|day| i128::from(day.spend.0.max(0))).sum();
        if sum == 0 {
            if let Some(newest) = self.days.first_mut() {
                newest.spend = micros(wanted);
            }
            return;
        }
        for day in &mut self.days {
            day.spend = micros(i128::from(day.spend.0.max(0)) * wanted / sum);
        }
    }

    /// More leads are the platform's and come on the newest day; fewer are the newest ones gone, also from the CRM.
    fn set_leads(&mut self, wanted: i64) {
        let leads = |day: &ScoreDay| day.platform_leads.max(day.crm_leads);
        let now = self.days.iter().map(leads).fold(0, i64::saturating_add);
        if wanted >= now {
            if let Some(newest) = self.days.first_mut() {
                newest.platform_leads = leads(newest).saturating_add(wanted - now);
            }
            return;
        }
        let mut gone = now - wanted;
        for day in &mut self.days {
            let left = leads(day) - gone.min(leads(day).max(0));
            gone -= leads(day) - left;
            day.platform_leads = day.platform_leads.min(left);
            day.crm_leads = day.crm_leads.min(left);
            day.qualified = day.qualified.min(day.crm_leads);
            day.won = day.won.min(day.qualified);
        }
    }

    /// Sets the sum of a figure by moving it within each day's least and most, the newest day first. Only the sum
    /// counts for the figures that are moved this way.
    fn set_sum(&mut self, wanted: i64, figure: impl Fn(&mut ScoreDay) -> (&mut i64, i64, i64)) {
        let now = self.days.iter_mut().map(|day| *figure(day).0).fold(0, i64::saturating_add);
        let mut missing = wanted.saturating_sub(now);
        for day in &mut self.days {
            let (value, least, most) = figure(day);
            let moved = if missing > 0 {
                missing.min(most.saturating_sub(*value).max(0))
            } else {
                missing.max(least.saturating_sub(*value).min(0))
            };
            *value = value.saturating_add(moved);
            missing -= moved;
        }
    }
}
