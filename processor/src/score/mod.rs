//! The score of a campaign: a pure function of its days, the day it is scored on and the policy.
//!
//! One file per dimension; each reads the sums over the window and gives its points between 0 and its cap, for
//! any input. The published figures are rounded here and nowhere else. [`crate::Scorer`] calls it for each campaign a
//! transaction touched; tools that test or replay a policy call [`score`] with plain days.

mod confidence;
mod cost;
mod engagement;
mod quality;
mod reasons;
mod sentence;
mod decimals;
mod trend;
mod volume;
pub(crate) mod window;
mod window_input;
pub mod levers;

use schemas::record::{Action, Guard, Parts, WindowTotals};
use schemas::{Day, Micros};

pub use reasons::{DoubtfulDays, Finding, Findings, findings};
pub(crate) use window::Window;
pub use window_input::WindowInput;

use crate::policy::ScorePolicy;
use crate::recommendation;

/// The figures of one day of a campaign that the score reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScoreDay {
    /// The day, in the time zone of the ad account.
    pub day: Day,
    /// Spend.
    pub spend: Micros,
    /// Impressions.
    pub impressions: i64,
    /// Link clicks, or clicks where link clicks are absent.
    pub link_clicks: i64,
    /// Leads as the platform counts them.
    pub platform_leads: i64,
    /// Leads created in the CRM.
    pub crm_leads: i64,
    /// Of them qualified so far.
    pub qualified: i64,
    /// Of them won so far.
    pub won: i64,
    /// Revenue of the won.
    pub revenue: Micros,
    /// Purchases as the platform counts them; shown, not scored.
    pub purchases: i64,
}

/// What a score is computed from.
#[derive(Clone, Copy, Debug)]
pub struct ScoreInput<'a> {
    /// The day scored, in the account's time zone; the window ends the day before.
    pub as_of: Day,
    /// Days in any order, each at most once; those outside the window do not count.
    pub days: &'a [ScoreDay],
    /// Impressions per person over the last 7 days, where the platform reported them.
    pub frequency_7d: Option<f64>,
    /// Whether the platform signalled HIGH creative fatigue within the last 7 days.
    pub fatigue_high: bool,
    /// Hours since the newest figures were observed; absent while there are none.
    pub metrics_age_hours: Option<f64>,
}

/// A score as it is published, with the figures behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The five dimensions, points rounded to 2 decimals.
    pub parts: Parts,
    /// 0 to 100, rounded to 2 decimals, after guards.
    pub total: f64,
    /// The band of the total.
    pub recommendation: Action,
    /// 0 to 1, rounded to 2 decimals.
    pub confidence: f64,
    /// Whether to act on the recommendation.
    pub actionable: bool,
    /// The guard that fired.
    pub guard: Option<Guard>,
    /// Sums over the window.
    pub window: WindowTotals,
    /// What the dimensions found, unrounded, for the reasons.
    pub(crate) detail: Detail,
}

/// Figures behind the parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detail {
    pub(crate) cost: cost::Cost,
    pub(crate) quality: quality::Quality,
    pub(crate) volume: volume::Volume,
    pub(crate) trend: trend::Trend,
    pub(crate) engagement: engagement::Engagement,
    pub(crate) confidence: confidence::Confidence,
    /// Spend over the window, major units, never below 0.
    pub(crate) spend: f64,
    /// Leads over the window, never below 0.
    pub(crate) leads: f64,
}

/// The score of a campaign, as SCORING.md defines it. Never panics; every part lies within 0 and its cap.
#[must_use]
pub fn score(input: &ScoreInput<'_>, policy: &ScorePolicy) -> Score {
    let window = Window::of(input.as_of, input.days.iter());
    score_window(&window, input.frequency_7d, input.fatigue_high, input.metrics_age_hours, policy)
}

/// The score of days already summed.
pub(crate) fn score_window(
    window: &Window,
    frequency_7d: Option<f64>,
    fatigue_high: bool,
    metrics_age_hours: Option<f64>,
    policy: &ScorePolicy,
) -> Score {
    let sums = window.sums();
    let cost = cost::cost(&sums, policy);
    let quality = quality::quality(window, cost.gate, policy);
    let volume = volume::volume(&sums, policy);
    let trend = trend::trend(&sums, cost.gate, policy);
    let engagement = engagement::engagement(&sums, frequency_7d, fatigue_high, policy);
    let confidence = confidence::confidence(&sums, quality.confidence, metrics_age_hours, policy);
    let unguarded = cost.points + quality.points + volume.points + trend.points + engagement.points;
    let (total, guard) = recommendation::guarded(unguarded, sums.spend, sums.leads, policy);
    let total = rounded(total);
    let published_confidence = rounded(confidence.value);
    Score {
        parts: Parts {
            cost_efficiency: rounded(cost.points),
            lead_quality: rounded(quality.points),
            volume: rounded(volume.points),
            trend: rounded(trend.points),
            engagement: rounded(engagement.points),
        },
        total,
        recommendation: recommendation::band(total, policy),
        confidence: published_confidence,
        actionable: recommendation::actionable(published_confidence, guard, metrics_age_hours, policy),
        guard,
        window: window.totals(),
        detail: Detail {
            cost,
            quality,
            volume,
            trend,
            engagement,
            confidence,
            spend: sums.spend,
            leads: sums.leads,
        },
    }
}

/// Rounded to 2 decimals, half away from zero.
fn rounded(value: f64) -> f64 {
    whole(value * 100.0) / 100.0
}

/// [`f64::round`], several times faster where no instruction does it, for numbers that an `i64` holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the number is cut off on purpose, and is below 2^52"
)]
fn whole(value: f64) -> f64 {
    let size = value.abs();
    if size < (1_u64 << 52) as f64 {
        let cut = size as i64 as f64;
        let up = if size - cut >= 0.5 { 1.0 } else { 0.0 };
        (cut + up).copysign(value)
    } else {
        value.round()
    }
}

/// `h(r; s, m)`: 0 at 0, `m` at 1, rising towards 1. `curve` is `[s, m]`.
fn curve(ratio: f64, [steepness, at_target]: [f64; 2]) -> f64 {
    let risen = at_target * power(ratio, steepness);
    if risen.is_infinite() { 1.0 } else { risen / (risen + 1.0 - at_target) }
}

/// `base^exponent`, with the default exponents spelled out because they are many times faster so.
#[expect(clippy::float_cmp, reason = "the exponents are settings, either exactly these or not")]
fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 3.0 {
        base * base * base
    } else if exponent == 2.0 {
        base * base
    } else if exponent == 1.5 {
        base * base.sqrt()
    } else {
        base.powf(exponent)
    }
}
