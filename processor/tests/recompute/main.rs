//! The rules proven against a second opinion: whole logs are recomputed by plain loops over all their facts, written
//! from SCORING.md and from the meaning of the facts alone, and must agree with the records that the scorer wrote
//! fact by fact, whatever the transactions, aborts and restarts in between.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

mod batch;
mod chance;
mod compare;
mod fact;
mod formula;
mod history;
mod panel;
mod properties;
#[path = "../recorder/mod.rs"]
mod recorder;
mod run;

use batch::day_of;
use chance::Chance;
use history::{Plan, history};
use run::{Disturbed, Run};

fn plan(seed: u64, first_day: i32) -> Plan {
    Plan { seed, facts: 100_000, campaigns: 160, first_day, days: 95, bounded: true, ordered: true }
}

/// Reads a log of 100,000 facts under all disturbances and compares the whole state at each checkpoint.
fn check(plan: Plan) {
    let log = history(plan);
    assert!(log.facts.len() >= plan.facts);
    let mut run = Run::new(&log);
    let (mut lengths, mut fates) = (Chance::new(plan.seed + 1), Chance::new(plan.seed + 2));
    for (first, tick) in &log.checkpoints {
        run.read_to(*first, &mut lengths, &mut fates, Disturbed { aborts: 15, restarts: 1 });
        run.commit(tick + 1 - first);
        compare::state(&log, run.next, &run.out);
    }
    compare::announcements(&run.out);
    compare::alerts(&run.out);
    assert_eq!(run.next, log.facts.len());
    assert_eq!(run.outcomes.values().sum::<usize>(), log.facts.len(), "each event has one outcome");
    for outcome in ["Accepted", "Incomplete", "Outlier", "Duplicate", "Stale", "Rejected"] {
        assert!(run.outcomes.get(outcome).is_some_and(|count| *count > 5), "{outcome} of {:?}", run.outcomes);
    }
}

#[test]
fn a_recomputation_agrees_from_autumn_into_winter() {
    check(plan(11, day_of(2026, 9, 20, 0)));
}

#[test]
fn a_recomputation_agrees_over_a_leap_day_and_the_change_to_summer_time() {
    check(plan(12, day_of(2028, 1, 20, 0)));
}

#[test]
fn a_recomputation_agrees_when_a_country_crosses_the_date_line() {
    check(plan(13, day_of(2011, 11, 1, 0)));
}

#[test]
fn a_recomputation_agrees_over_the_ends_of_months_and_years() {
    check(plan(14, day_of(2026, 11, 28, 0)));
}
