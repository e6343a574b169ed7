//! The faults that must pass, each once, on real engines. Faults of one kind share an installation and follow each other; after each
//! one something must get through again, and at the end nothing may be lost, doubled or wrong.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use soak::fault::{Engine, Fault, Link};
use soak::points::CRASH_POINTS;
use soak::proxy::Mode;
use soak::role::Role;
use soak::run::{Plan, run};
use soak::schedule::Step;

/// A rule, and the faults that it must hold under.
type Case = (String, Vec<Fault>);

/// Runs all cases on one installation, which is all that a small machine has room for at a time.
fn check(seed: u64, cases: &[Case]) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let step = |fault: &Fault| Step { fault: *fault, then: Duration::ZERO };
    let steps = cases.iter().flat_map(|(_, faults)| faults).map(step).collect();
    let report = run(&Plan::of(seed, steps), &|_| ()).unwrap();
    for (rule, faults) in cases {
        let slowest = faults.iter().filter_map(|fault| report.unavailable_s.get(&fault.kind()));
        let slowest = slowest.copied().fold(0.0, f64::max);
        eprintln!("{rule}: {} faults, unavailable for at most {slowest} s", faults.len());
        for fault in faults {
            assert!(report.faults.contains_key(&fault.kind()), "{rule}: {fault:?} was not injected");
        }
    }
    eprintln!("{}", serde_json::to_string(&report).unwrap());
    assert!(report.passed(), "seed {seed}: {:#?}\n{:#?}", report.not_as_planned, report.violations);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn case(rule: &str, faults: Vec<Fault>) -> Case {
    (rule.to_owned(), faults)
}

#[test]
fn killed_at_any_crash_point_nobody_loses_or_repeats_anything() {
    let mut cases = Vec::new();
    for (number, point) in CRASH_POINTS.iter().enumerate() {
        if point.roles.is_empty() {
            let pass = if point.name == "csv.mid_file" { 20 } else { 1 };
            let rule = format!("an upload that is killed {} is uploaded again and counts once", point.place);
            cases.push((rule, vec![Fault::CrashUpload { point: point.name, pass }]));
        }
        for &role in point.roles {
            let rule =
                format!("{} that is killed {} loses nothing and repeats nothing", role.name(), point.place);
            let process = number % role.processes();
            cases.push((rule, vec![Fault::CrashPoint { role, process, point: point.name, pass: 1 }]));
        }
    }
    check(101, &cases);
}

#[test]
fn whatever_the_network_does_nothing_is_lost_or_repeated() {
    let network = |link, mode, time| Fault::Network { link, mode, time: seconds(time) };
    check(
        102,
        &[
            case(
                "a broker that cannot be reached beyond the delivery timeout is waited for",
                vec![network(Link::Kafka, Mode::Refuse, 10)],
            ),
            case(
                "connections to the broker that are reset or cut in the middle are made again",
                vec![network(Link::Kafka, Mode::Reset, 2), network(Link::Kafka, Mode::CutAfter(5_000), 2)],
            ),
            case(
                "a transaction that ends later than its timeout is found out about",
                vec![network(Link::Kafka, Mode::Hang, 7), network(Link::Kafka, Mode::CutAnswer, 3)],
            ),
            case(
                "a slow broker is only slow",
                vec![network(Link::Kafka, Mode::Latency(Duration::from_millis(100)), 4)],
            ),
            case(
                "ClickHouse away, hanging or slow holds up nothing but itself",
                vec![
                    network(Link::ClickHouse, Mode::Refuse, 2),
                    network(Link::ClickHouse, Mode::Hang, 7),
                    network(Link::ClickHouse, Mode::Throttle(20_000), 3),
                ],
            ),
            case(
                "an insert whose answer is lost after its success lands once",
                vec![
                    network(Link::ClickHouse, Mode::CutAnswer, 3),
                    network(Link::ClickHouse, Mode::CutAfter(2_000), 3),
                ],
            ),
            case(
                "a COMMIT whose answer is lost counts once",
                vec![network(Link::Postgres, Mode::CutAnswer, 3), network(Link::Postgres, Mode::Reset, 2)],
            ),
            case("a Postgres that hangs is waited for", vec![network(Link::Postgres, Mode::Hang, 6)]),
            case("without the registry known schemas go on", vec![network(Link::Registry, Mode::Refuse, 3)]),
        ],
    );
}

#[test]
fn killed_frozen_stopped_or_rebalanced_nobody_loses_or_repeats_anything() {
    let kill = |role, process| Fault::Kill { role, process };
    let freeze = |role| Fault::Freeze { role, process: 0, time: seconds(13) };
    let stop = |role, twice| Fault::Terminate { role, process: 0, twice };
    check(
        103,
        &[
            case(
                "workers killed in rotation lose nothing and repeat nothing",
                [Role::Normalize, Role::Score]
                    .into_iter()
                    .flat_map(|role| [kill(role, 0), kill(role, 1)])
                    .collect(),
            ),
            case(
                "a worker frozen beyond its session comes back as a zombie and is fenced",
                vec![freeze(Role::Normalize), freeze(Role::Score)],
            ),
            case(
                "a sink frozen beyond its session writes nothing late",
                vec![freeze(Role::SinkClickhouse), freeze(Role::SinkPostgres)],
            ),
            case(
                "SIGTERM with work in flight ends in order",
                [Role::Ingest, Role::Normalize, Role::Score, Role::SinkClickhouse, Role::SinkPostgres]
                    .map(|role| stop(role, false))
                    .to_vec(),
            ),
            case(
                "a second SIGTERM ends at once and is as safe",
                [Role::Normalize, Role::Score, Role::SinkPostgres].map(|role| stop(role, true)).to_vec(),
            ),
            case(
                "members that leave and join again and again change no figure",
                vec![Fault::RebalanceStorm { role: Role::Normalize, times: 3 }],
            ),
        ],
    );
}

#[test]
fn engines_that_end_or_crash_take_nothing_along() {
    check(
        104,
        &[
            case("a broker that is restarted loses nothing", vec![Fault::Restart(Engine::Kafka)]),
            case("a broker that is killed loses nothing", vec![Fault::Crash(Engine::Kafka, seconds(1))]),
            case(
                "a broker that stops answering is waited for",
                vec![Fault::Pause(Engine::Kafka, seconds(6))],
            ),
            case(
                "a ClickHouse that is killed or frozen has every row once afterwards",
                vec![
                    Fault::Crash(Engine::ClickHouse, seconds(1)),
                    Fault::Pause(Engine::ClickHouse, seconds(6)),
                ],
            ),
            case(
                "a Postgres that is killed or restarted has every row once afterwards",
                vec![Fault::Crash(Engine::Postgres, seconds(1)), Fault::Restart(Engine::Postgres)],
            ),
        ],
    );
}
