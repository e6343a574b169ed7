//! A score's input that owns the days of its window, for those who ask what the score rests on.

use schemas::Day;

use super::window::WINDOW_DAYS;
use super::{ScoreDay, ScoreInput};

/// An input that owns the days of its window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowInput {
    pub(super) as_of: Day,
    /// The days of the window, the newest first; the day before the day scored is always there.
    pub(super) days: Vec<ScoreDay>,
    pub(super) frequency_7d: Option<f64>,
    pub(super) fatigue_high: bool,
    pub(super) metrics_age_hours: Option<f64>,
}

impl From<&ScoreInput<'_>> for WindowInput {
    fn from(input: &ScoreInput<'_>) -> Self {
        let age = |day: &ScoreDay| i64::from(input.as_of.0) - i64::from(day.day.0);
        let in_window =
            |day: &&ScoreDay| usize::try_from(age(day)).is_ok_and(|age| (1..=WINDOW_DAYS).contains(&age));
        let mut days: Vec<ScoreDay> = input.days.iter().filter(in_window).copied().collect();
        if !days.iter().any(|day| age(day) == 1) {
            days.push(ScoreDay { day: Day(input.as_of.0.saturating_sub(1)), ..ScoreDay::default() });
        }
        days.sort_unstable_by_key(|day| std::cmp::Reverse(day.day));
        Self {
            as_of: input.as_of,
            days,
            frequency_7d: input.frequency_7d,
            fatigue_high: input.fatigue_high,
            metrics_age_hours: input.metrics_age_hours,
        }
    }
}

impl WindowInput {
    /// The input.
    #[must_use]
    pub fn input(&self) -> ScoreInput<'_> {
        ScoreInput {
            as_of: self.as_of,
            days: &self.days,
            frequency_7d: self.frequency_7d,
            fatigue_high: self.fatigue_high,
            metrics_age_hours: self.metrics_age_hours,
        }
    }
}
