//! Why a score is what it is: codes with their figures, the most important first, and sentences for people.
//!
//! [`findings`] is cheap and without allocation, because it is computed for every scoring to see whether anything
//! published changed; sentences are written only for what is published. Guards come first, then the largest loss of
//! points against the cap; what limits the confidence costs no points and comes last.

use schemas::record::{Doubt, Guard};

use super::{Score, rounded};
use crate::policy::ScorePolicy;

/// Below this share of observed leads, quality is called unknown rather than low or high.
const QUALITY_KNOWN_MIN: f64 = 1.0 / 3.0;
/// One guard, five dimensions, fatigue, little data, old data, and every doubt.
const FINDINGS_MAX: usize = 9 + Doubt::ALL.len();

/// How many days of the window each doubt is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoubtfulDays(pub(crate) [u8; Doubt::ALL.len()]);

impl DoubtfulDays {
    /// One more day has this doubt.
    pub fn add(&mut self, doubt: Doubt) {
        self.0[doubt as usize] = self.0[doubt as usize].saturating_add(1);
    }

    /// One day less has this doubt.
    pub(crate) fn remove(&mut self, doubt: Doubt) {
        self.0[doubt as usize] = self.0[doubt as usize].saturating_sub(1);
    }
}

/// A reason before it has words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Code of SCORING.md section 5.
    pub code: &'static str,
    pub(super) kind: Kind,
    /// The campaign's figure: money in major units, rates as shares.
    pub figure: f64,
    /// What it is held against.
    pub target: f64,
    /// Points lost against the cap, for the order.
    loss: f64,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Guard(Guard),
    CostAboveTarget,
    CostBelowTarget,
    QualityLow,
    QualityHigh,
    QualityUnknown,
    VolumeLow,
    VolumeHigh,
    TrendDown,
    TrendUp,
    EngagementLow,
    EngagementHigh,
    Fatigue,
    LowData,
    StaleData,
    Doubt(Doubt),
}

/// The findings of one score.
#[derive(Clone, Copy, Debug)]
pub struct Findings {
    items: [Finding; FINDINGS_MAX],
    len: usize,
}

impl Findings {
    /// The findings, most important first.
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.items[..self.len]
    }

    fn new() -> Self {
        Self { items: [finding(Kind::LowData, 0.0, 0.0); FINDINGS_MAX], len: 0 }
    }

    fn push(&mut self, kind: Kind, figure: f64, target: f64, loss: f64) {
        self.items[self.len] = Finding { loss, ..finding(kind, figure, target) };
        self.len += 1;
    }
}

/// One that costs no points.
pub(super) const fn finding(kind: Kind, figure: f64, target: f64) -> Finding {
    Finding { code: kind.code(), kind, figure, target, loss: 0.0 }
}

/// The reasons for a score, most important first.
#[must_use]
pub fn findings(score: &Score, doubtful: &DoubtfulDays, policy: &ScorePolicy) -> Findings {
    let mut found = Findings::new();
    let detail = &score.detail;
    if let Some(guard) = score.guard {
        let targets = match guard {
            Guard::NoLeadsAt3xTarget => policy.guard_low_targets,
            Guard::NoLeadsAt5xTarget => policy.guard_high_targets,
        };
        let target = rounded(targets * policy.cost_per_lead_target);
        found.push(Kind::Guard(guard), rounded(detail.spend), target, f64::INFINITY);
    }
    cost(&mut found, score, policy);
    quality(&mut found, score, policy);
    volume(&mut found, score, policy);
    trend(&mut found, score, policy);
    engagement(&mut found, score, policy);
    if rounded(detail.confidence.fresh) < policy.confidence_min {
        found.push(Kind::LowData, rounded(detail.confidence.fresh), policy.confidence_min, -1.0);
    }
    if let Some(hours) = detail.confidence.metrics_age_hours
        && hours > policy.metrics_fresh_hours
    {
        let limit = if hours > policy.metrics_age_hours_max {
            policy.metrics_age_hours_max
        } else {
            policy.metrics_fresh_hours
        };
        found.push(Kind::StaleData, hours.floor(), limit, -2.0);
    }
    for (doubt, days) in Doubt::ALL.into_iter().zip(doubtful.0).filter(|(_, days)| *days > 0) {
        found.push(Kind::Doubt(doubt), f64::from(days), 0.0, -3.0);
    }
    let len = found.len;
    // A stable sort: equal losses stay in the order of the dimensions.
    found.items[..len].sort_by(|a, b| b.loss.total_cmp(&a.loss));
    found
}

fn cost(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let detail = &score.detail;
    let code = match side(detail.cost.relative, policy) {
        Some(Side::Above) => Kind::CostAboveTarget,
        Some(Side::Below) => Kind::CostBelowTarget,
        None => return,
    };
    // Without a lead the whole spend is the cost so far.
    let cost_per_lead = detail.spend / detail.leads.max(1.0);
    found.push(code, rounded(cost_per_lead), policy.cost_per_lead_target, 25.0 - score.parts.cost_efficiency);
}

fn quality(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let quality = &score.detail.quality;
    let loss = 25.0 - score.parts.lead_quality;
    if quality.confidence < QUALITY_KNOWN_MIN {
        let known = rounded(quality.known_leads);
        found.push(Kind::QualityUnknown, known, policy.qualified_prior_leads, loss);
        return;
    }
    let side = side(quality.relative, policy);
    let code = match side {
        Some(Side::Above) => Kind::QualityHigh,
        Some(Side::Below) => Kind::QualityLow,
        None => return,
    };
    let qualified = (quality.qualified_rate, policy.qualified_rate_target);
    let won = (quality.won_rate, policy.won_rate_target);
    // The rate that pulls harder in that direction is the one to name.
    let harder = (qualified.0 / qualified.1 > won.0 / won.1) == (side == Some(Side::Above));
    let (rate, target) = if harder { qualified } else { won };
    found.push(code, share(rate), target, loss);
}

fn volume(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let detail = &score.detail;
    let code = match side(detail.leads / detail.volume.target, policy) {
        Some(Side::Above) => Kind::VolumeHigh,
        Some(Side::Below) => Kind::VolumeLow,
        None => return,
    };
    found.push(code, detail.leads, rounded(detail.volume.target), 20.0 - score.parts.volume);
}

fn trend(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let code = match side(score.detail.trend.ratio, policy) {
        Some(Side::Above) => Kind::TrendUp,
        Some(Side::Below) => Kind::TrendDown,
        None => return,
    };
    found.push(code, share(score.detail.trend.ratio), 1.0, 20.0 - score.parts.trend);
}

fn engagement(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let engagement = &score.detail.engagement;
    if let Some(ctr) = engagement.observed {
        let code = match side(engagement.relative, policy) {
            Some(Side::Above) => Some(Kind::EngagementHigh),
            Some(Side::Below) => Some(Kind::EngagementLow),
            None => None,
        };
        if let Some(code) = code {
            found.push(code, share(ctr), policy.ctr_target, 10.0 - engagement.fresh_points);
        }
    }
    if engagement.freshness < 1.0 {
        let lost = engagement.fresh_points - engagement.points;
        found.push(Kind::Fatigue, share(engagement.freshness), 1.0, lost);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::Guard(guard) => guard.symbol(),
            Self::CostAboveTarget => "COST_ABOVE_TARGET",
            Self::CostBelowTarget => "COST_BELOW_TARGET",
            Self::QualityLow => "QUALITY_LOW",
            Self::QualityHigh => "QUALITY_HIGH",
            Self::QualityUnknown => "QUALITY_UNKNOWN",
            Self::VolumeLow => "VOLUME_LOW",
            Self::VolumeHigh => "VOLUME_HIGH",
            Self::TrendDown => "TREND_DOWN",
            Self::TrendUp => "TREND_UP",
            Self::EngagementLow => "ENGAGEMENT_LOW",
            Self::EngagementHigh => "ENGAGEMENT_HIGH",
            Self::Fatigue => "FATIGUE",
            Self::LowData => "LOW_DATA",
            Self::StaleData => "STALE_DATA",
            Self::Doubt(doubt) => doubt.symbol(),
        }
    }
}

/// On which side of its target a figure lies, if it is far enough from it to be named.
fn side(relative: f64, policy: &ScorePolicy) -> Option<Side> {
    if relative > 1.0 + policy.reason_tolerance {
        Some(Side::Above)
    } else if relative < 1.0 - policy.reason_tolerance {
        Some(Side::Below)
    } else {
        None
    }
}

/// A share with 4 decimals: a hundredth of a percent.
fn share(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
