//! The constants of the score: their names, their ranges, and what is computed from them once.

use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::layer::Section;

/// The constants of SCORING.md in force for an account. Money is in major units of the account's currency.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is described in default.toml, the one place that people read")]
pub struct ScorePolicy {
    pub cost_per_lead_target: f64,
    pub qualified_rate_target: f64,
    pub won_rate_target: f64,
    pub ctr_target: f64,
    pub leads_target: f64,
    pub roas_target: f64,
    pub roas_weight: f64,
    pub cost_prior_leads: f64,
    pub qualified_prior_leads: f64,
    pub won_prior_leads: f64,
    pub engagement_prior_impressions: f64,
    pub qualified_known: Vec<[f64; 2]>,
    pub won_known: Vec<[f64; 2]>,
    pub cost_curve: [f64; 2],
    pub qualified_curve: [f64; 2],
    pub won_curve: [f64; 2],
    pub trend_curve: [f64; 2],
    pub engagement_curve: [f64; 2],
    pub qualified_weight: f64,
    pub volume_remainder: f64,
    pub trend_leads_weight: f64,
    pub frequency_free: f64,
    pub frequency_exponent: f64,
    pub fatigue_factor: f64,
    pub band_increase: f64,
    pub band_continue: f64,
    pub band_test: f64,
    pub band_reduce: f64,
    pub guard_low_targets: f64,
    pub guard_low_cap: f64,
    pub guard_high_targets: f64,
    pub guard_high_cap: f64,
    pub announce_margin: f64,
    pub reason_tolerance: f64,
    pub confidence_min: f64,
    pub metrics_age_hours_max: f64,
    pub metrics_fresh_hours: f64,
    pub confidence_decay_hours: f64,
    /// Share of qualifications and of wins known at each age of the window, laid out for the scorer.
    #[serde(skip)]
    known: Vec<[f64; 2]>,
}

/// The specification's symbols for the settings.
const SYMBOLS: [(&str, &str); 12] = [
    ("c0", "cost_per_lead_target"),
    ("q0", "qualified_rate_target"),
    ("w0", "won_rate_target"),
    ("ctr0", "ctr_target"),
    ("T", "leads_target"),
    ("rho0", "roas_target"),
    ("k", "cost_prior_leads"),
    ("kq", "qualified_prior_leads"),
    ("kw", "won_prior_leads"),
    ("ki", "engagement_prior_impressions"),
    ("Fq", "qualified_known"),
    ("Fw", "won_known"),
];

impl ScorePolicy {
    /// The same constants with some of them replaced, by name or by symbol of the specification.
    ///
    /// # Errors
    /// When a key is unknown or a value is out of range.
    pub fn with_overrides(&self, overrides: &toml::Table) -> Result<Self, PolicyError> {
        self.overlaid(overrides)
    }

    /// Shares of a cohort's qualifications and wins that are known at each age of 0 to 30 days.
    pub(crate) fn known(&self) -> &[[f64; 2]] {
        &self.known
    }

    fn check_ranges(&self) -> Result<(), PolicyError> {
        for (key, value) in [
            ("cost_per_lead_target", self.cost_per_lead_target),
            ("qualified_rate_target", self.qualified_rate_target),
            ("won_rate_target", self.won_rate_target),
            ("ctr_target", self.ctr_target),
            ("leads_target", self.leads_target),
            ("roas_target", self.roas_target),
            ("cost_prior_leads", self.cost_prior_leads),
            ("qualified_prior_leads", self.qualified_prior_leads),
            ("won_prior_leads", self.won_prior_leads),
            ("engagement_prior_impressions", self.engagement_prior_impressions),
            ("cost_curve", self.cost_curve[0]),
            ("qualified_curve", self.qualified_curve[0]),
            ("won_curve", self.won_curve[0]),
            ("trend_curve", self.trend_curve[0]),
            ("engagement_curve", self.engagement_curve[0]),
            ("frequency_free", self.frequency_free),
            ("guard_low_targets", self.guard_low_targets),
            ("guard_high_targets", self.guard_high_targets),
            ("confidence_decay_hours", self.confidence_decay_hours),
        ] {
            require(value > 0.0 && value <= 1e12, key, value, "it must be above 0 and at most 1e12")?;
        }
        for (key, value) in [
            ("cost_curve", self.cost_curve[1]),
            ("qualified_curve", self.qualified_curve[1]),
            ("won_curve", self.won_curve[1]),
            ("trend_curve", self.trend_curve[1]),
            ("engagement_curve", self.engagement_curve[1]),
            ("volume_remainder", self.volume_remainder),
        ] {
            require(value > 0.0 && value < 1.0, key, value, "it must lie between 0 and 1, both excluded")?;
        }
        for (key, value) in [
            ("roas_weight", self.roas_weight),
            ("qualified_weight", self.qualified_weight),
            ("fatigue_factor", self.fatigue_factor),
            ("confidence_min", self.confidence_min),
            ("reason_tolerance", self.reason_tolerance),
        ] {
            require((0.0..=1.0).contains(&value), key, value, "it must lie between 0 and 1")?;
        }
        for (key, value) in [
            ("trend_leads_weight", self.trend_leads_weight),
            ("frequency_exponent", self.frequency_exponent),
            ("announce_margin", self.announce_margin),
            ("metrics_fresh_hours", self.metrics_fresh_hours),
            ("metrics_age_hours_max", self.metrics_age_hours_max),
        ] {
            require((0.0..=1e6).contains(&value), key, value, "it must lie between 0 and 1e6")?;
        }
        Ok(())
    }

    fn check_order(&self) -> Result<(), PolicyError> {
        let edges = [
            ("", 100.0),
            ("band_increase", self.band_increase),
            ("band_continue", self.band_continue),
            ("band_test", self.band_test),
            ("band_reduce", self.band_reduce),
        ];
        let rule = "the lower edges of the bands must fall from 100 to 0: increase, continue, test, reduce";
        for pair in edges.windows(2) {
            let ((_, above), (key, edge)) = (pair[0], pair[1]);
            require(edge < above && edge > 0.0, key, edge, rule)?;
        }
        let later = self.guard_high_targets >= self.guard_low_targets;
        let rule = "the high guard must not come before the low one";
        require(later, "guard_high_targets", self.guard_high_targets, rule)?;
        let low = (0.0..=100.0).contains(&self.guard_low_cap);
        require(low, "guard_low_cap", self.guard_low_cap, "it must lie between 0 and 100")?;
        let high = (0.0..=self.guard_low_cap).contains(&self.guard_high_cap);
        require(high, "guard_high_cap", self.guard_high_cap, "it must lie between 0 and guard_low_cap")?;
        let ages = self.metrics_age_hours_max >= self.metrics_fresh_hours;
        require(
            ages,
            "metrics_age_hours_max",
            self.metrics_age_hours_max,
            "it must not lie below metrics_fresh_hours",
        )
    }
}

impl Section for ScorePolicy {
    const NAME: &str = "score";

    fn checked(mut self) -> Result<Self, PolicyError> {
        self.check_ranges()?;
        self.check_order()?;
        check_known("qualified_known", &self.qualified_known)?;
        check_known("won_known", &self.won_known)?;
        let by_age =
            |age: u32| [at(&self.qualified_known, f64::from(age)), at(&self.won_known, f64::from(age))];
        self.known = (0..=30).map(by_age).collect();
        Ok(self)
    }

    fn spelled_out(key: &str) -> &str {
        SYMBOLS.iter().find(|(symbol, _)| *symbol == key).map_or(key, |(_, name)| name)
    }
}

/// A table by age is never empty, ages rise from 0, shares rise within 0 to 1.
fn check_known(key: &str, points: &[[f64; 2]]) -> Result<(), PolicyError> {
    let rising = points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] <= pair[1][1]);
    let bounded = points.iter().all(|[age, share]| *age >= 0.0 && *age <= 1e6 && (0.0..=1.0).contains(share));
    let rule = "it needs points [age, share] with rising ages and shares that rise within 0 to 1";
    require_shown(
        !points.is_empty() && rising && bounded,
        &format!("score.{key}"),
        format!("{points:?}"),
        rule,
    )
}

fn require(holds: bool, key: &str, value: f64, rule: &'static str) -> Result<(), PolicyError> {
    require_shown(holds, &format!("score.{key}"), value.to_string(), rule)
}

pub(super) fn require_shown(
    holds: bool,
    key: &str,
    value: String,
    rule: &'static str,
) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError::OutOfRange { key: key.to_owned(), value, rule }) }
}

/// Linear between points, the last value kept after, the first before.
fn at(points: &[[f64; 2]], age: f64) -> f64 {
    let Some(next) = points.iter().position(|point| point[0] > age) else {
        return points.last().map_or(0.0, |last| last[1]);
    };
    let Some(before) = next.checked_sub(1) else { return points[0][1] };
    let ([age_0, share_0], [age_1, share_1]) = (points[before], points[next]);
    share_0 + (share_1 - share_0) * (age - age_0) / (age_1 - age_0)
}
