//! Why a score is what it is: codes with their figures, the most important first, and sentences for people.
//!
//! [`findings`] is cheap and without allocation, because it is computed for every scoring to see whether anything
//! published changed; sentences are written only for what is published. Guards come first, then the largest loss of
//! points against the cap; what limits the confidence costs no points and comes last.

use std::fmt::Write as _;

use schemas::record::{Doubt, Guard};

use super::{Score, rounded};
use crate::policy::ScorePolicy;

/// Below this share of observed leads, quality is called unknown rather than low or high.
const QUALITY_KNOWN_MIN: f64 = 1.0 / 3.0;
/// One guard, five dimensions, fatigue, little data, old data, and every doubt.
const FINDINGS_MAX: usize = 9 + Doubt::ALL.len();

/// How many days of the window each doubt is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoubtfulDays([u8; Doubt::ALL.len()]);

impl DoubtfulDays {
    /// One more day has this doubt.
    pub fn add(&mut self, doubt: Doubt) {
        self.0[doubt as usize] = self.0[doubt as usize].saturating_add(1);
    }
}

/// A reason before it has words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Finding {
    /// Code of SCORING.md section 5.
    pub code: &'static str,
    /// The campaign's figure: money in major units, rates as shares.
    pub figure: f64,
    /// What it is held against.
    pub target: f64,
    /// Points lost against the cap, for the order.
    loss: f64,
}

/// The findings of one score.
#[derive(Clone, Copy, Debug, Default)]
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

    fn push(&mut self, code: &'static str, figure: f64, target: f64, loss: f64) {
        self.items[self.len] = Finding { code, figure, target, loss };
        self.len += 1;
    }
}

/// The reasons for a score, most important first.
#[must_use]
pub fn findings(score: &Score, doubtful: &DoubtfulDays, policy: &ScorePolicy) -> Findings {
    let mut found = Findings::default();
    let detail = &score.detail;
    if let Some(guard) = score.guard {
        let targets = match guard {
            Guard::NoLeadsAt3xTarget => policy.guard_low_targets,
            Guard::NoLeadsAt5xTarget => policy.guard_high_targets,
        };
        let target = rounded(targets * policy.cost_per_lead_target);
        found.push(guard.symbol(), rounded(detail.spend), target, f64::INFINITY);
    }
    cost(&mut found, score, policy);
    quality(&mut found, score, policy);
    volume(&mut found, score, policy);
    trend(&mut found, score, policy);
    engagement(&mut found, score, policy);
    if rounded(detail.confidence.fresh) < policy.confidence_min {
        found.push("LOW_DATA", rounded(detail.confidence.fresh), policy.confidence_min, -1.0);
    }
    if let Some(hours) = detail.confidence.metrics_age_hours
        && hours > policy.metrics_fresh_hours
    {
        let limit = if hours > policy.metrics_age_hours_max {
            policy.metrics_age_hours_max
        } else {
            policy.metrics_fresh_hours
        };
        found.push("STALE_DATA", hours.floor(), limit, -2.0);
    }
    for (doubt, days) in Doubt::ALL.into_iter().zip(doubtful.0).filter(|(_, days)| *days > 0) {
        found.push(doubt.symbol(), f64::from(days), 0.0, -3.0);
    }
    let len = found.len;
    // A stable sort: equal losses stay in the order of the dimensions.
    found.items[..len].sort_by(|a, b| b.loss.total_cmp(&a.loss));
    found
}

fn cost(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let detail = &score.detail;
    let code = match side(detail.cost.relative, policy) {
        Some(Side::Above) => "COST_ABOVE_TARGET",
        Some(Side::Below) => "COST_BELOW_TARGET",
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
        found.push("QUALITY_UNKNOWN", known, policy.qualified_prior_leads, loss);
        return;
    }
    let side = side(quality.relative, policy);
    let code = match side {
        Some(Side::Above) => "QUALITY_HIGH",
        Some(Side::Below) => "QUALITY_LOW",
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
        Some(Side::Above) => "VOLUME_HIGH",
        Some(Side::Below) => "VOLUME_LOW",
        None => return,
    };
    found.push(code, detail.leads, rounded(detail.volume.target), 20.0 - score.parts.volume);
}

fn trend(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let code = match side(score.detail.trend.ratio, policy) {
        Some(Side::Above) => "TREND_UP",
        Some(Side::Below) => "TREND_DOWN",
        None => return,
    };
    found.push(code, share(score.detail.trend.ratio), 1.0, 20.0 - score.parts.trend);
}

fn engagement(found: &mut Findings, score: &Score, policy: &ScorePolicy) {
    let engagement = &score.detail.engagement;
    if let Some(ctr) = engagement.observed {
        let code = match side(engagement.relative, policy) {
            Some(Side::Above) => Some("ENGAGEMENT_HIGH"),
            Some(Side::Below) => Some("ENGAGEMENT_LOW"),
            None => None,
        };
        if let Some(code) = code {
            found.push(code, share(ctr), policy.ctr_target, 10.0 - engagement.fresh_points);
        }
    }
    if engagement.freshness < 1.0 {
        let lost = engagement.fresh_points - engagement.points;
        found.push("FATIGUE", share(engagement.freshness), 1.0, lost);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
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

impl Finding {
    /// Appends the sentence for a person. `currency` is the account's, where known.
    pub fn write_sentence(&self, currency: Option<&str>, out: &mut String) {
        let written = match doubt_in_words(self.code) {
            Some(doubt) => {
                let are = if self.figure < 1.5 { "is" } else { "are" };
                write!(out, "{:.0} of the last 30 days {are} doubtful: {doubt}.", self.figure)
            }
            None => self.write_on_score(currency, out),
        };
        written.expect("writing to a String cannot fail");
    }

    /// The sentences about the score itself.
    fn write_on_score(&self, currency: Option<&str>, out: &mut String) -> std::fmt::Result {
        let (figure, target) = (self.figure, self.target);
        let money = currency.map_or(String::new(), |code| format!(" {code}"));
        let percent = |share: f64| share * 100.0;
        match self.code {
            "NO_LEADS_AT_3X_TARGET" | "NO_LEADS_AT_5X_TARGET" => {
                write!(
                    out,
                    "{figure:.2}{money} were spent in 30 days without a single lead; {target:.2}{money} is the limit."
                )
            }
            "COST_ABOVE_TARGET" => {
                write!(out, "A lead costs {figure:.2}{money}, more than the target of {target:.2}{money}.")
            }
            "COST_BELOW_TARGET" => {
                write!(out, "A lead costs {figure:.2}{money}, less than the target of {target:.2}{money}.")
            }
            "QUALITY_LOW" => write!(
                out,
                "Too few leads get on: about {:.1} % by their age, where {:.1} % is the target.",
                percent(figure),
                percent(target)
            ),
            "QUALITY_HIGH" => write!(
                out,
                "Many leads get on: about {:.1} % by their age, where {:.1} % is the target.",
                percent(figure),
                percent(target)
            ),
            "QUALITY_UNKNOWN" => {
                write!(
                    out,
                    "The CRM has judged about {figure:.0} leads so far; quality is an estimate until about {target:.0}."
                )
            }
            "VOLUME_LOW" => {
                write!(out, "{figure:.0} leads came where {target:.0} are the target for the active days.")
            }
            "VOLUME_HIGH" => {
                write!(out, "{figure:.0} leads came, more than the {target:.0} wanted for the active days.")
            }
            "TREND_DOWN" => write!(
                out,
                "The last 7 days were worse than the 21 before: cost and leads stand at {:.0} % of what they were.",
                percent(figure)
            ),
            "TREND_UP" => write!(
                out,
                "The last 7 days were better than the 21 before: cost and leads stand at {:.0} % of what they were.",
                percent(figure)
            ),
            "ENGAGEMENT_LOW" | "ENGAGEMENT_HIGH" => write!(
                out,
                "{:.2} % of impressions are clicked, where {:.2} % is the target.",
                percent(figure),
                percent(target)
            ),
            "FATIGUE" => write!(
                out,
                "People have seen the ads too often: {:.0} % of the engagement is left.",
                percent(figure)
            ),
            "LOW_DATA" => {
                write!(
                    out,
                    "Little has been observed: confidence {figure:.2} where {target:.2} is needed to act."
                )
            }
            _ => write!(out, "The newest figures are {figure:.0} hours old; {target:.0} hours is the limit."),
        }
    }
}

/// What is doubtful about a day, where the code is the symbol of a [`Doubt`].
fn doubt_in_words(code: &str) -> Option<&'static str> {
    let doubt = Doubt::ALL.into_iter().find(|doubt| doubt.symbol() == code)?;
    Some(match doubt {
        Doubt::SpendMissing => "no spend was reported",
        Doubt::ImpressionsMissing => "no impressions were reported",
        Doubt::BudgetUnreadable => "the budget cannot be read without a currency",
        Doubt::AmountInOtherCurrency => "a deal was won in another currency than the account's",
        Doubt::FigureNegative => "a figure is below zero",
        Doubt::ClicksAboveImpressions => "there are more clicks than impressions",
        Doubt::ReachAboveImpressions => "more people were reached than impressions shown",
        Doubt::CtrAboveLimit => "more impressions are clicked than is believable",
        Doubt::SpendAboveMedian => "the spend is many times that of an ordinary day",
        Doubt::DayAhead => "the day had not begun when it was reported",
        Doubt::CurrencyUnlikeAccount => "the currency is not the account's",
    })
}
