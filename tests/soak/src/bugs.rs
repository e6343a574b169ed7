//! For each seeded defect the shortest run in which it shows: the oracle must end it with a failing verdict.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;

use crate::fault::{Fault, Link};
use crate::points::{SEEDED_BUGS, SeededBug};
use crate::proxy::Mode;
use crate::report::Report;
use crate::role::Role;
use crate::run::Plan;
use crate::schedule::Step;

/// Time for the traffic to meet the defect.
const MEET: Duration = Duration::from_secs(4);

/// Whether the oracle has found a defect: the run fails, by the invariant that the defect is listed with.
///
/// # Errors
/// Why it has not.
pub fn found(bug: &SeededBug, report: &Report) -> Result<(), String> {
    let broken: BTreeSet<&str> = report.violations.iter().map(|violation| violation.invariant).collect();
    match (report.passed(), report.breaks(bug.breaks)) {
        (true, _) => Err("the run passed".to_owned()),
        (false, false) => Err(format!("{} was found whole; broken: {broken:?}", bug.breaks)),
        (false, true) => Ok(()),
    }
}

/// The run of a defect.
///
/// # Errors
/// When there is no such defect.
pub fn plan(bug: &str, seed: u64) -> anyhow::Result<Plan> {
    let names = SEEDED_BUGS.map(|bug| bug.name);
    if !names.contains(&bug) {
        bail!("no defect is called {bug}; there are {}", names.join(", "));
    }
    let seconds = Duration::from_secs;
    let hang = |link, time| Fault::Network { link, mode: Mode::Hang, time: seconds(time) };
    let kill = |role, link, time| Fault::KillBehind {
        role,
        process: 0,
        link,
        mode: Mode::Hang,
        time: seconds(time),
    };
    let faults = match bug {
        // Between its offsets and its insert, so that the batch of that moment is the one that is lost.
        "commit_before_insert" => vec![Fault::CrashPoint {
            role: Role::SinkClickhouse,
            process: 0,
            point: "clickhouse.before_insert",
            pass: 3,
        }],
        "ack_before_delivery" => vec![kill(Role::Ingest, Link::Kafka, 3)],
        // Beyond the transaction's timeout and within the session's: the transaction is lost, the partitions stay.
        "state_kept_on_abort" => vec![hang(Link::Kafka, 7), hang(Link::Kafka, 7)],
        "state_not_restored" => {
            vec![
                Fault::Kill { role: Role::Normalize, process: 0 },
                Fault::Kill { role: Role::Normalize, process: 1 },
            ]
        }
        // The others show without any fault.
        _ => Vec::new(),
    };
    let mut steps: Vec<Step> = faults.into_iter().map(|fault| Step { fault, then: MEET }).collect();
    if steps.is_empty() {
        // A fault that changes nothing, so that traffic runs for a while.
        let fault = Fault::Network { link: Link::Registry, mode: Mode::Pass, time: MEET };
        steps.push(Step { fault, then: MEET });
    }
    let settle_within = seconds(20);
    Ok(Plan {
        bug: Some(bug.to_owned()),
        settle_within,
        wait: false,
        per_second: 100.0,
        ..Plan::of(seed, steps)
    })
}
