//! Levers against the score itself: what they say is needed reaches the band, and one step less does not.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "figures of the test are small")]

use processor::score::levers::{Figure, Lever, falls, levers};
use processor::{Policy, ScoreDay, ScoreInput, ScorePolicy, WindowInput, score};
use proptest::prelude::*;
use schemas::record::Action;
use schemas::{Day, Micros};

const AS_OF: Day = Day(20_000);

fn policy(roas_weight: f64) -> ScorePolicy {
    let overrides = format!("roas_weight = {roas_weight:?}").parse().unwrap();
    Policy::default().account("facebook", "1").score.with_overrides(&overrides).unwrap()
}

/// Days of ages 0 to 33; some have nothing, some are outside the window.
fn days() -> impl Strategy<Value = Vec<ScoreDay>> {
    let day = (0..90_000_000_i64, 0..4_000_i64, 0..9_i64, 0..9_i64, 0..=100_i64, 0..=100_i64);
    proptest::collection::btree_map(0..34_i32, day, 0..30).prop_map(|days| {
        let day = |(age, (spend, impressions, platform_leads, crm, qualified, won))| {
            let qualified = crm * qualified / 100;
            ScoreDay {
                day: Day(AS_OF.0 - age),
                spend: Micros(spend),
                impressions,
                link_clicks: impressions / 30,
                platform_leads,
                crm_leads: crm,
                qualified,
                won: qualified * won / 100,
                revenue: Micros(won * 1_000_000),
                purchases: 0,
            }
        };
        days.into_iter().map(day).collect()
    })
}

/// One step back from what is needed, or nothing at all when that was the first step.
fn one_step_less(input: &ScoreInput<'_>, lever: &Lever, needed: f64) -> WindowInput {
    let per_one = lever.figure.steps_per_one() as f64;
    let (needed, now) = ((needed * per_one).round(), lever.now * per_one);
    let before = if needed > now { needed - 1.0 } else { needed + 1.0 };
    let mut moved = WindowInput::from(input);
    if (needed > now && before > now) || (needed < now && before < now) {
        moved.set(lever.figure, before as i64);
    }
    moved
}

fn moved_to(input: &ScoreInput<'_>, lever: &Lever, needed: f64) -> WindowInput {
    let mut moved = WindowInput::from(input);
    moved.set(lever.figure, (needed * lever.figure.steps_per_one() as f64).round() as i64);
    moved
}

fn band(moved: &WindowInput, policy: &ScorePolicy) -> Action {
    score(&moved.input(), policy).recommendation
}

/// The same move, made by hand where that is plain.
fn by_hand(input: &ScoreInput<'_>, lever: &Lever, needed: f64, policy: &ScorePolicy) -> Option<Action> {
    let mut days = input.days.to_vec();
    let yesterday = Day(AS_OF.0 - 1);
    if !days.iter().any(|day| day.day == yesterday) {
        days.push(ScoreDay { day: yesterday, ..ScoreDay::default() });
    }
    let newest = days.iter_mut().find(|day| day.day == yesterday).unwrap();
    let more = (needed - lever.now) as i64;
    let mut frequency_7d = input.frequency_7d;
    match lever.figure {
        Figure::Leads if more > 0 => {
            newest.platform_leads = newest.platform_leads.max(newest.crm_leads) + more;
        }
        Figure::LinkClicks => newest.link_clicks += more,
        Figure::Qualified => newest.qualified += more,
        Figure::Won => newest.won += more,
        Figure::Frequency => frequency_7d = Some(needed),
        _ => return None,
    }
    Some(score(&ScoreInput { days: &days, frequency_7d, ..*input }, policy).recommendation)
}

proptest! {
    #[test]
    fn what_is_needed_reaches_the_band_and_one_step_less_does_not(
        days in days(),
        frequency_7d in proptest::option::of(0.0..9.0_f64),
        fatigue_high in any::<bool>(),
        roas_weight in prop_oneof![Just(0.0), 0.1..1.0_f64],
    ) {
        let policy = policy(roas_weight);
        let input =
            ScoreInput { as_of: AS_OF, days: &days, frequency_7d, fatigue_high, metrics_age_hours: Some(3.0) };
        let now = score(&input, &policy).recommendation;
        for (lever, up) in levers(&input, &policy)
            .iter()
            .map(|lever| (lever, true))
            .chain(falls(&input, &policy).iter().map(|lever| (lever, false)))
        {
            let reached = |action: Action| if up { action < now } else { action > now };
            let Some(needed) = lever.needed else { continue };
            prop_assert_eq!(lever.figure.more_is_better() == up, needed > lever.now, "{:?}", lever);
            let at = band(&moved_to(&input, lever, needed), &policy);
            prop_assert!(reached(at), "{:?} gives {:?}", lever, at);
            prop_assert_eq!(at, lever.reaches);
            let before = band(&one_step_less(&input, lever, needed), &policy);
            prop_assert!(!reached(before), "one step less than {:?} gives {:?} already", lever, before);
            if let Some(by_hand) = by_hand(&input, lever, needed, &policy) {
                prop_assert_eq!(by_hand, at, "{:?}", lever);
            }
        }
    }

    #[test]
    fn what_does_not_move_a_figure_does_not_move_the_score(days in days(), frequency_7d in proptest::option::of(0.0..9.0_f64)) {
        let policy = policy(0.0);
        let input =
            ScoreInput { as_of: AS_OF, days: &days, frequency_7d, fatigue_high: false, metrics_age_hours: None };
        let standing = score(&input, &policy);
        prop_assert_eq!(score(&WindowInput::from(&input).input(), &policy), standing);
        let mut moved = WindowInput::from(&input);
        moved.set(Figure::Leads, standing.window.leads);
        moved.set(Figure::Qualified, standing.window.qualified);
        moved.set(Figure::Won, standing.window.won);
        moved.set(Figure::LinkClicks, standing.window.link_clicks);
        prop_assert_eq!(score(&moved.input(), &policy).total, standing.total);
    }
}

fn steady(spend: i64, leads: i64) -> Vec<ScoreDay> {
    let day = |age| ScoreDay {
        day: Day(AS_OF.0 - age),
        spend: Micros(spend * 1_000_000),
        impressions: 2_000,
        link_clicks: 52,
        platform_leads: leads,
        crm_leads: leads,
        ..ScoreDay::default()
    };
    (1..=30).map(day).collect()
}

fn found(found: &[Lever], figure: Figure) -> Lever {
    *found.iter().find(|lever| lever.figure == figure).unwrap()
}

#[test]
fn one_lead_lifts_the_guard_that_no_lead_holds_down() {
    let days = steady(10, 0);
    let input = ScoreInput {
        as_of: AS_OF,
        days: &days,
        frequency_7d: None,
        fatigue_high: false,
        metrics_age_hours: Some(1.0),
    };
    let policy = policy(0.0);
    assert_eq!(score(&input, &policy).recommendation, Action::PauseCampaign);
    let up = levers(&input, &policy);
    let leads = found(&up, Figure::Leads);
    assert_eq!((leads.now, leads.needed), (0.0, Some(1.0)));
    // Nothing is qualified of no leads, and a frequency that nobody knows cannot be changed.
    assert_eq!(found(&up, Figure::Qualified).needed, None);
    assert!(!up.iter().any(|lever| lever.figure == Figure::Frequency));
    assert!(falls(&input, &policy).is_empty(), "there is nothing below the lowest band");
}

#[test]
fn a_lever_reads_as_a_sentence() {
    let sentence = |lever: Lever| {
        let mut out = String::new();
        lever.write_sentence(Some("EUR"), &mut out);
        out
    };
    let lever =
        Lever { figure: Figure::Spend, now: 1_000.0, needed: Some(812.5), reaches: Action::ContinueOptimize };
    assert_eq!(
        sentence(lever),
        "Spend of 812.50 EUR instead of 1000.00 EUR would make it CONTINUE_OPTIMIZE (-19 %)."
    );
    assert_eq!(
        sentence(Lever { figure: Figure::Won, now: 2.0, needed: None, ..lever }),
        "Won leads alone, 2, would not do it, however far."
    );
}
