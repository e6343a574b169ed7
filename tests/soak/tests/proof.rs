//! The proof, in short: a fixed choice of faults on real engines, each of which must be injected and survived, and defects that
//! the oracle must find.
//!
//! A program of its own rather than a list of tests, because all of them share one start of the engines. It prints a line for
//! each case and each defect, as `cargo test` does, and takes a filter and `--list` as it does.

#![allow(clippy::print_stdout, reason = "what a test program prints is its result")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use soak::bugs;
use soak::cases::Group;
use soak::engines::Engines;
use soak::points::{SEEDED_BUGS, SeededBug};
use soak::report::Report;
use soak::run::{Plan, Progress, run_on};

/// Found without waiting for a timeout, and of four kinds: what is written, what is remembered, what is counted, what is committed.
const BUGS: [&str; 4] =
    ["commit_before_insert", "state_not_restored", "deduplication_off", "window_off_by_one_day"];
const TELL_EVERY: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    soak::disk::keep_mounts_private();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter.as_str()));
    let group = Group::named("quick").expect("the choice of cases has a name");
    let bugs: Vec<&SeededBug> =
        SEEDED_BUGS.iter().filter(|bug| BUGS.contains(&bug.name) && wanted(&rule(bug))).collect();
    let cases = group.cases().iter().any(|case| wanted(&case.rule));
    if arguments.iter().any(|argument| argument == "--list") {
        group.cases().iter().for_each(|case| println!("{}: test", case.rule));
        bugs.iter().for_each(|bug| println!("{}: test", rule(bug)));
        return ExitCode::SUCCESS;
    }
    if !cases && bugs.is_empty() {
        return ExitCode::SUCCESS;
    }
    match prove(group, cases, &bugs) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            println!("{failures} failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("no verdict: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn rule(bug: &SeededBug) -> String {
    format!("the defect {} is found by {}", bug.name, bug.breaks)
}

/// How much of it has failed.
fn prove(group: &Group, cases: bool, bugs: &[&SeededBug]) -> anyhow::Result<usize> {
    let begun = Instant::now();
    let engines = Arc::new(Engines::start(group.seed, None)?);
    let mut failures = 0;
    if cases {
        let plan = Plan::of(group.seed, group.steps());
        let report = run_on(&engines, group.name, &plan, &teller())?;
        for (case, judged) in group.judged(&report) {
            let told = judged.map(|seconds| format!("unavailable for at most {seconds} s"));
            failures += verdict(&case.rule, told);
        }
        failures += verdict("nothing was lost, doubled or wrong", whole(&report));
        println!("{}", serde_json::to_string(&report)?);
    }
    for bug in bugs {
        let plan = bugs::plan(bug.name, group.seed)?;
        let report = run_on(&engines, &bug.name.replace('_', "-"), &plan, &teller())?;
        let found = bugs::found(bug, &report).map(|()| format!("{} keys", broken(&report)));
        failures += verdict(&rule(bug), found);
    }
    println!("{:.0} s in all", begun.elapsed().as_secs_f64());
    Ok(failures)
}

fn verdict(rule: &str, judged: Result<String, String>) -> usize {
    match judged {
        Ok(told) => {
            println!("test {rule} ... ok ({told})");
            0
        }
        Err(problem) => {
            println!("test {rule} ... FAILED\n{problem}");
            1
        }
    }
}

fn broken(report: &Report) -> usize {
    report.violations.iter().map(|violation| violation.count).sum()
}

fn whole(report: &Report) -> Result<String, String> {
    if report.passed() {
        return Ok(format!("{} records, {} faults", report.records, report.faults.values().sum::<u64>()));
    }
    let mut text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for violation in &report.violations {
        let told = format!("{}: {} ({})", violation.what, violation.count, violation.first.join("; "));
        text.entry(violation.invariant).or_default().push(told);
    }
    Err(format!("{text:#?}\n{}", report.not_as_planned.join("\n")))
}

/// A line now and then, so that nobody takes a long test for a hanging one.
fn teller() -> impl Fn(&Progress) + Sync {
    let last = std::sync::Mutex::new(Instant::now());
    move |progress| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() >= TELL_EVERY {
            *last = Instant::now();
            eprintln!("soak: {} messages, {} faults, {}", progress.sent, progress.faults, progress.doing);
        }
    }
}
