//! The oracle finds every seeded defect. An oracle that finds nothing proves nothing.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use soak::bugs;
use soak::points::SEEDED_BUGS;
use soak::run::run;

#[test]
fn every_seeded_defect_ends_with_a_failing_verdict_that_names_the_invariant_it_breaks() {
    let mut missed = Vec::new();
    for bug in SEEDED_BUGS {
        let report = run(&bugs::plan(bug.name, 7).unwrap(), &|_| ()).unwrap();
        let named: Vec<_> = report.violations.iter().map(|violation| violation.invariant).collect();
        eprintln!("{}: {} ({named:?}), {} records", bug.name, report.verdict, report.records);
        if report.passed() || !named.contains(&bug.breaks) {
            missed.push(bug);
        }
    }
    assert!(missed.is_empty(), "the oracle did not find {missed:?}");
}
