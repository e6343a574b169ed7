//! What would move a score to another band: one figure at a time, everything else as it is.
//!
//! Nothing here is solved from formulas. A figure is moved step by step along its path, the whole score is computed
//! anew, and the answer is a step that reaches the band while the step before it does not. Explanations call it.
//!
//! What moving a figure means:
//!
//! - *Spend* is the sum of the window, in hundredths; all days keep their shares of it.
//! - *Leads* come, as the platform counts them, on the day before the day scored, so that they say nothing of quality.
//!   Fewer leads are the newest ones gone, with what the CRM knew of them; revenue stays.
//! - *Qualified* leads are leads that the CRM knows already, at most all of them and at least the won; *won* leads are
//!   qualified already.
//! - *Link clicks* are at most the impressions; *frequency*, in hundredths, moves only where it is known; *fatigue* is
//!   the platform's signal, there or not; *revenue*, in whole units, counts only where the policy weighs it.

mod moved;
mod sentence;

use schemas::record::Action;

use super::{Score, ScoreInput, WindowInput, score};
use crate::policy::ScorePolicy;

/// More than this nobody gets or spends; a band that is not reached by then is not reached.
const COUNT_MAX: i64 = 1_000_000;
const SPEND_GROWTH_MAX: i64 = 1_000;
const MICROS_PER_HUNDREDTH: i64 = 10_000;
const MICROS_PER_UNIT: i64 = 1_000_000;
/// Of revenue, whole units.
const REVENUE_GROWTH_MAX: i64 = 1_000_000_000;
const FREQUENCY_MAX_HUNDREDTHS: i64 = 10_000;
/// Points of a path looked at in equal distances, besides the near ones.
const LOOKS: i64 = 64;

/// A figure that a score is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Spend of the window, major units.
    Spend,
    /// Leads of the window.
    Leads,
    /// Qualified leads of the window.
    Qualified,
    /// Won leads of the window.
    Won,
    /// Revenue of the window, major units.
    Revenue,
    /// Link clicks of the window.
    LinkClicks,
    /// Impressions per person over 7 days.
    Frequency,
    /// The signal of creative fatigue: 1 while it holds.
    Fatigue,
}

/// How far one figure is from where it would change the band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lever {
    /// What is moved.
    pub figure: Figure,
    /// What it is.
    pub now: f64,
    /// What it would have to be; absent when even the furthest it can go does not reach another band.
    pub needed: Option<f64>,
    /// The band that is then reached, or that was to be reached.
    pub reaches: Action,
}

/// The values a figure takes from where it is to its furthest, in steps of one.
#[derive(Clone, Copy, Debug)]
struct Path {
    figure: Figure,
    /// The value, in steps, that the first step leads away from.
    from: i64,
    direction: i64,
    len: i64,
}

impl Figure {
    /// Every figure, in the order of the enum.
    pub const ALL: [Self; 8] = [
        Self::Spend,
        Self::Leads,
        Self::Qualified,
        Self::Won,
        Self::Revenue,
        Self::LinkClicks,
        Self::Frequency,
        Self::Fatigue,
    ];

    /// Its name in output for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Leads => "leads",
            Self::Qualified => "qualified",
            Self::Won => "won",
            Self::Revenue => "revenue",
            Self::LinkClicks => "link_clicks",
            Self::Frequency => "frequency_7d",
            Self::Fatigue => "fatigue",
        }
    }

    /// How many steps make one.
    #[must_use]
    pub const fn steps_per_one(self) -> i64 {
        match self {
            Self::Spend | Self::Frequency => 100,
            _ => 1,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        !matches!(self, Self::Spend | Self::Frequency | Self::Fatigue)
    }
}

/// For each figure alone, what it would have to be for the next band up. Empty in the highest band.
#[must_use]
pub fn levers(input: &ScoreInput<'_>, policy: &ScorePolicy) -> Vec<Lever> {
    let now = score(input, policy).recommendation;
    let Some(wanted) = neighbour(now, -1) else { return Vec::new() };
    let reached = |action: Action| action <= wanted;
    moved_each(input, policy, true, wanted, reached)
}

/// For each figure alone, how much worse it may become before the band falls: the first value at which it does. Empty
/// in the lowest band.
#[must_use]
pub fn falls(input: &ScoreInput<'_>, policy: &ScorePolicy) -> Vec<Lever> {
    let now = score(input, policy).recommendation;
    let Some(below) = neighbour(now, 1) else { return Vec::new() };
    moved_each(input, policy, false, below, |action| action > now)
}

/// The band next to one, up (-1) or down (1).
fn neighbour(action: Action, step: isize) -> Option<Action> {
    let bands = [
        Action::IncreaseBudget,
        Action::ContinueOptimize,
        Action::TestChanges,
        Action::ReduceBudget,
        Action::PauseCampaign,
    ];
    let at = bands.iter().position(|band| *band == action)?;
    bands.get(at.checked_add_signed(step)?).copied()
}

fn moved_each(
    input: &ScoreInput<'_>,
    policy: &ScorePolicy,
    for_better: bool,
    wanted: Action,
    reached: impl Fn(Action) -> bool,
) -> Vec<Lever> {
    let sums = score(input, policy);
    let of = |figure: Figure| {
        let path = Path::new(figure, for_better, input, &sums, policy)?;
        let band = |step: i64| score(&path.moved(input, step).input(), policy).recommendation;
        let found = path.first(|step| reached(band(step)));
        Some(Lever {
            figure,
            now: now(figure, input, &sums)?,
            needed: found.map(|step| path.value(step)),
            reaches: found.map_or(wanted, band),
        })
    };
    Figure::ALL.into_iter().filter_map(of).collect()
}

/// What the figure is; absent where it is not known or does not count.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn now(figure: Figure, input: &ScoreInput<'_>, sums: &Score) -> Option<f64> {
    let window = &sums.window;
    match figure {
        Figure::Spend => Some(window.spend_micros.major()),
        Figure::Leads => Some(window.leads as f64),
        Figure::Qualified => Some(window.qualified as f64),
        Figure::Won => Some(window.won as f64),
        Figure::Revenue => Some(window.revenue_micros.major()),
        Figure::LinkClicks => Some(window.link_clicks as f64),
        Figure::Frequency => input.frequency_7d,
        Figure::Fatigue => Some(f64::from(u8::from(input.fatigue_high))),
    }
}

impl Path {
    /// The way of a figure for better or worse. `None` where it is unknown or does not count.
    fn new(
        figure: Figure,
        for_better: bool,
        input: &ScoreInput<'_>,
        sums: &Score,
        policy: &ScorePolicy,
    ) -> Option<Self> {
        let window = &sums.window;
        let rises = figure.more_is_better() == for_better;
        let (now, least, most) = match figure {
            Figure::Spend => {
                let (spend, up) = (window.spend_micros.0.max(0), i64::from(rises));
                let target = policy.cost_per_lead_target * 100.0;
                #[expect(clippy::cast_possible_truncation, reason = "a target is at most 1e12")]
                let most = (spend / MICROS_PER_HUNDREDTH).saturating_add(target as i64);
                // The first step leads away from what is spent, to the whole hundredth on the side moved to.
                let now = (spend + (1 - up) * (MICROS_PER_HUNDREDTH - 1)) / MICROS_PER_HUNDREDTH;
                (now, 0, most.saturating_mul(SPEND_GROWTH_MAX))
            }
            Figure::Leads => (window.leads, 0, window.leads.saturating_add(COUNT_MAX)),
            Figure::Qualified => (window.qualified, window.won, window.crm_leads),
            Figure::Won => (window.won, 0, window.qualified),
            Figure::Revenue if policy.roas_weight > 0.0 => {
                let now = window.revenue_micros.0.max(0) / MICROS_PER_UNIT;
                (now, 0, now.saturating_add(REVENUE_GROWTH_MAX))
            }
            Figure::Revenue => return None,
            Figure::LinkClicks => (window.link_clicks, 0, window.impressions),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a frequency is impressions by people, bounded below"
            )]
            Figure::Frequency => {
                let hundredths = (input.frequency_7d?.clamp(0.0, 1e9) * 100.0).round() as i64;
                (hundredths, 0, FREQUENCY_MAX_HUNDREDTHS.max(hundredths))
            }
            Figure::Fatigue => (i64::from(input.fatigue_high), 0, 1),
        };
        let len = if rises { most.saturating_sub(now) } else { now.saturating_sub(least) };
        Some(Self { figure, from: now, direction: if rises { 1 } else { -1 }, len: len.max(0) })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are far below 2^53")]
    fn value(&self, step: i64) -> f64 {
        (self.from + self.direction * step) as f64 / self.figure.steps_per_one() as f64
    }

    /// The input with the figure so many steps on its way.
    fn moved(&self, input: &ScoreInput<'_>, step: i64) -> WindowInput {
        let mut moved = WindowInput::from(input);
        if step > 0 {
            moved.set(self.figure, self.from + self.direction * step);
        }
        moved
    }

    /// The first step that reaches, as far as looking at near steps, and at the rest in equal distances, can tell; the
    /// step before it does not reach.
    fn first(&self, reaches: impl Fn(i64) -> bool) -> Option<i64> {
        let near = (0..63).map(|power| 1_i64 << power).take_while(|step| *step <= self.len);
        let mut looks: Vec<i64> = near.chain((1..=LOOKS).map(|look| step_of(self.len, look))).collect();
        looks.sort_unstable();
        let mut missed = 0;
        let reached = looks.into_iter().filter(|step| *step > 0).find(|step| {
            let reached = reaches(*step);
            if !reached {
                missed = *step;
            }
            reached
        });
        let mut reached = reached?;
        while reached - missed > 1 {
            let middle = missed + (reached - missed) / 2;
            if reaches(middle) {
                reached = middle;
            } else {
                missed = middle;
            }
        }
        Some(reached)
    }
}

/// The step at so many parts of the way, without overflow.
fn step_of(len: i64, look: i64) -> i64 {
    len / LOOKS * look + len % LOOKS * look / LOOKS
}
