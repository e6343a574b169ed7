//! Every case of `vectors.json`, to the cent, and the properties of SCORING.md section 6.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

use processor::score::{DoubtfulDays, ScoreDay, ScoreInput, findings, score};
use processor::{Policy, ScorePolicy};
use proptest::prelude::*;
use schemas::{Day, Micros};
use serde::Deserialize;

const AS_OF: Day = Day(20_000);

#[derive(Deserialize)]
struct Case {
    name: String,
    policy: toml::Table,
    frequency_7d: Option<f64>,
    creative_fatigue_high: bool,
    age_hours: f64,
    days: Vec<CaseDay>,
    expect: Expected,
}

#[derive(Deserialize)]
struct CaseDay {
    age: i32,
    spend: String,
    impressions: i64,
    link_clicks: i64,
    platform_leads: i64,
    crm_leads: i64,
    qualified: i64,
    won: i64,
    revenue: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    cost_efficiency: f64,
    lead_quality: f64,
    volume: f64,
    trend: f64,
    engagement: f64,
    total: f64,
    recommendation: String,
    confidence: f64,
    actionable: bool,
    guard: Option<String>,
}

fn policy() -> ScorePolicy {
    Policy::default().account("facebook", "1").score.clone()
}

#[test]
fn every_vector_matches_to_the_cent() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    assert_eq!(cases.len(), 40);
    for case in &cases {
        let policy = policy().with_overrides(&case.policy).unwrap();
        let days: Vec<_> = case.days.iter().map(score_day).collect();
        let scored = score(
            &ScoreInput {
                as_of: AS_OF,
                days: &days,
                frequency_7d: case.frequency_7d,
                fatigue_high: case.creative_fatigue_high,
                metrics_age_hours: Some(case.age_hours),
            },
            &policy,
        );
        let got = Expected {
            cost_efficiency: scored.parts.cost_efficiency,
            lead_quality: scored.parts.lead_quality,
            volume: scored.parts.volume,
            trend: scored.parts.trend,
            engagement: scored.parts.engagement,
            total: scored.total,
            recommendation: scored.recommendation.symbol().to_owned(),
            confidence: scored.confidence,
            actionable: scored.actionable,
            guard: scored.guard.map(|guard| guard.symbol().to_owned()),
        };
        assert_eq!(got, case.expect, "{}", case.name);
    }
}

fn score_day(day: &CaseDay) -> ScoreDay {
    ScoreDay {
        day: Day(AS_OF.0 - day.age),
        spend: Micros::parse(&day.spend).unwrap(),
        impressions: day.impressions,
        link_clicks: day.link_clicks,
        platform_leads: day.platform_leads,
        crm_leads: day.crm_leads,
        qualified: day.qualified,
        won: day.won,
        revenue: Micros::parse(&day.revenue).unwrap(),
        purchases: 0,
    }
}

fn input(days: &[ScoreDay]) -> ScoreInput<'_> {
    ScoreInput { as_of: AS_OF, days, frequency_7d: None, fatigue_high: false, metrics_age_hours: Some(0.0) }
}

fn any_day(age: i32) -> impl Strategy<Value = ScoreDay> {
    let figures = (0..500_000_000_i64, 0..50_000_i64, 0..2_000_i64, 0..40_i64);
    let leads = (0..30_i64, 0..=100_i64, 0..=100_i64, 0..2_000_000_000_i64);
    (figures, leads).prop_map(move |((spend, impressions, clicks, platform), (crm, q, w, revenue))| {
        let qualified = crm * q / 100;
        ScoreDay {
            day: Day(AS_OF.0 - age),
            spend: Micros(spend),
            impressions,
            link_clicks: clicks.min(impressions),
            platform_leads: platform,
            crm_leads: crm,
            qualified,
            won: qualified * w / 100,
            revenue: Micros(revenue),
            purchases: 0,
        }
    })
}

fn any_days() -> impl Strategy<Value = Vec<ScoreDay>> {
    proptest::collection::vec(any::<bool>(), 35).prop_flat_map(|present| {
        let ages = (0..35).zip(present).filter(|(_, present)| *present).map(|(age, _)| any_day(age));
        ages.collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn the_order_of_days_does_not_matter(days in any_days(), seed in any::<u64>()) {
        let mut shuffled = days.clone();
        let len = shuffled.len().max(1);
        for at in 0..shuffled.len() {
            shuffled.swap(at, usize::try_from(seed.rotate_left(u32::try_from(at % 64).unwrap()) % len as u64).unwrap());
        }
        prop_assert_eq!(score(&input(&days), &policy()), score(&input(&shuffled), &policy()));
    }

    #[test]
    fn better_recent_figures_never_lower_the_score(
        mut days in any_days(), age in 1..=7_i32, what in 0..5, more in 1..20_i64
    ) {
        let policy = policy();
        if !days.iter().any(|day| day.day.0 == AS_OF.0 - age) {
            days.push(ScoreDay { day: Day(AS_OF.0 - age), spend: Micros(1), impressions: 1, ..ScoreDay::default() });
        }
        let before = score(&input(&days), &policy);
        let day = days.iter_mut().find(|day| day.day.0 == AS_OF.0 - age).unwrap();
        match what {
            0 => day.platform_leads += more,
            1 => day.qualified += more,
            2 => day.won += more,
            3 => day.link_clicks += more,
            // Spend may fall, but not to nothing, which would make the day inactive and lower the volume wanted.
            _ => day.spend = Micros((day.spend.0 - more * 1_000_000).max(1)),
        }
        let after = score(&input(&days), &policy);
        prop_assert!(after.total >= before.total - 1e-9, "{} fell to {}", before.total, after.total);
    }

    #[test]
    fn rising_frequency_never_raises_the_score(days in any_days(), low in 0.0..20.0_f64, more in 0.0..20.0_f64) {
        let at = |frequency| score(&ScoreInput { frequency_7d: Some(frequency), ..input(&days) }, &policy()).total;
        prop_assert!(at(low) >= at(low + more));
    }

    #[test]
    fn every_part_stays_within_its_cap_for_any_figures(
        figures in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>()), 0..40),
        frequency in proptest::option::of(any::<f64>()), hours in proptest::option::of(any::<f64>()),
    ) {
        let days: Vec<_> = figures.iter().zip(0..).map(|(&(a, b, c, d), age)| ScoreDay {
            day: Day(AS_OF.0 - age), spend: Micros(a), impressions: b, link_clicks: c, platform_leads: d,
            crm_leads: a, qualified: b, won: c, revenue: Micros(d), purchases: a,
        }).collect();
        let policy = policy();
        let scored = score(&ScoreInput {
            frequency_7d: frequency, metrics_age_hours: hours.filter(|hours| hours.is_finite()), ..input(&days)
        }, &policy);
        let parts = scored.parts;
        for (part, cap) in [(parts.cost_efficiency, 25.0), (parts.lead_quality, 25.0), (parts.volume, 20.0),
            (parts.trend, 20.0), (parts.engagement, 10.0), (scored.total, 100.0), (scored.confidence, 1.0)] {
            prop_assert!((0.0..=cap).contains(&part), "{part} is outside 0 to {cap}");
        }
        for finding in findings(&scored, &DoubtfulDays::default(), &policy).as_slice() {
            prop_assert!(finding.figure.is_finite() && finding.target.is_finite());
        }
    }
}

#[test]
fn the_reasons_name_the_largest_loss_first_and_a_guard_before_all() {
    let day = ScoreDay {
        day: Day(AS_OF.0 - 1),
        spend: Micros(200_000_000),
        impressions: 9_000,
        ..ScoreDay::default()
    };
    let days = [day];
    let policy = policy();
    let scored = score(&input(&days), &policy);
    let found = findings(&scored, &DoubtfulDays::default(), &policy);
    let codes: Vec<_> = found.as_slice().iter().map(|finding| finding.code).collect();
    assert_eq!(codes[0], "NO_LEADS_AT_5X_TARGET");
    assert!(codes.contains(&"COST_ABOVE_TARGET") && codes.contains(&"QUALITY_UNKNOWN"), "{codes:?}");
    let mut sentence = String::new();
    found.as_slice()[0].write_sentence(Some("EUR"), &mut sentence);
    assert_eq!(sentence, "200.00 EUR were spent in 30 days without a single lead; 138.30 EUR is the limit.");
}
