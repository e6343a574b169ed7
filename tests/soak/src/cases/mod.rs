//! The faults that must pass, each once, by what breaks. The cases of a group share an installation and follow each other; after
//! each fault something must get through again, and at the end nothing may be lost, doubled or wrong.

mod quick;
mod stores;

use std::time::Duration;

use crate::fault::{Engine, Fault, Link};
use crate::points::CRASH_POINTS;
use crate::proxy::Mode;
use crate::report::{Outcome, Report};
use crate::role::Role;
use crate::schedule::Step;

/// A rule, and the faults that it must hold under.
pub struct Case {
    /// In a sentence.
    pub rule: String,
    /// One after the other.
    pub faults: Vec<Fault>,
}

/// Cases that share an installation.
pub struct Group {
    /// What it is asked for by.
    pub name: &'static str,
    /// Of its traffic.
    pub seed: u64,
    cases: fn() -> Vec<Case>,
}

/// All groups. The last is the choice of the others that `cargo test` runs.
pub const GROUPS: [Group; 9] = [
    Group { name: "crash-points", seed: 101, cases: crash_points },
    Group { name: "network", seed: 102, cases: network },
    Group { name: "processes", seed: 103, cases: processes },
    Group { name: "engines", seed: 104, cases: engines },
    Group { name: "stores", seed: 105, cases: stores::stores },
    Group { name: "schemas", seed: 106, cases: stores::schemas },
    Group { name: "poison", seed: 107, cases: stores::poison },
    Group { name: "limits", seed: 108, cases: stores::limits },
    Group { name: "quick", seed: 109, cases: quick::quick },
];

impl Group {
    /// The group of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        GROUPS.iter().find(|group| group.name == name)
    }

    /// Its cases.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        (self.cases)()
    }

    /// Each of its cases with what a run says of it.
    #[must_use]
    pub fn judged(&self, report: &Report) -> Vec<(Case, Result<f64, String>)> {
        let mut outcomes = report.outcomes.as_slice();
        let judge = |case: Case| {
            let (own, others) = outcomes.split_at(case.faults.len().min(outcomes.len()));
            outcomes = others;
            let judged = case.judge(own);
            (case, judged)
        };
        self.cases().into_iter().map(judge).collect()
    }

    /// Its faults in order, each followed by the next.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let faults = self.cases().into_iter().flat_map(|case| case.faults);
        faults.map(|fault| Step { fault, then: Duration::ZERO }).collect()
    }
}

impl Case {
    /// What a run says of the case, of whose faults these are the outcomes: how long it was unavailable at most, in seconds.
    ///
    /// # Errors
    /// What did not go as planned.
    pub fn judge(&self, outcomes: &[Outcome]) -> Result<f64, String> {
        if outcomes.len() < self.faults.len() {
            return Err(format!("{} of {} faults were injected", outcomes.len(), self.faults.len()));
        }
        match outcomes.iter().find_map(|outcome| Some((&outcome.kind, outcome.problem.as_ref()?))) {
            Some((kind, problem)) => Err(format!("{kind}: {problem}")),
            None => Ok(outcomes.iter().map(|outcome| outcome.unavailable_s).fold(0.0, f64::max)),
        }
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn case(rule: &str, faults: Vec<Fault>) -> Case {
    Case { rule: rule.to_owned(), faults }
}

/// Killed at any crash point, nobody loses or repeats anything.
fn crash_points() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, point) in CRASH_POINTS.iter().enumerate() {
        if point.roles.is_empty() {
            let pass = if point.name == "csv.mid_file" { 20 } else { 1 };
            let rule = format!("an upload that is killed {} is uploaded again and counts once", point.place);
            cases.push(case(&rule, vec![Fault::CrashUpload { point: point.name, pass }]));
        }
        for &role in point.roles {
            let rule =
                format!("{} that is killed {} loses nothing and repeats nothing", role.name(), point.place);
            let process = number % role.processes();
            cases.push(case(&rule, vec![Fault::CrashPoint { role, process, point: point.name, pass: 1 }]));
        }
    }
    cases
}

/// Whatever the network does, nothing is lost or repeated.
fn network() -> Vec<Case> {
    let network = |link, mode, time| Fault::Network { link, mode, time: seconds(time) };
    vec![
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
        case(
            "a Postgres that answers slowly is only slow",
            vec![network(Link::Postgres, Mode::Latency(Duration::from_millis(80)), 4)],
        ),
    ]
}

/// Killed, frozen, stopped or rebalanced, nobody loses or repeats anything.
fn processes() -> Vec<Case> {
    let kill = |role, process| Fault::Kill { role, process };
    let freeze = |role| Fault::Freeze { role, process: 0, time: seconds(13) };
    let stop = |role, twice| Fault::Terminate { role, process: 0, twice };
    vec![
        case(
            "workers killed in rotation lose nothing and repeat nothing",
            [Role::Normalize, Role::Score]
                .into_iter()
                .flat_map(|role| [kill(role, 0), kill(role, 1), kill(role, 2)])
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
    ]
}

/// Engines that end or crash take nothing along.
fn engines() -> Vec<Case> {
    vec![
        case("a broker that is restarted loses nothing", vec![Fault::Restart(Engine::Kafka)]),
        case("a broker that is killed loses nothing", vec![Fault::Crash(Engine::Kafka, seconds(1))]),
        case("a broker that stops answering is waited for", vec![Fault::Pause(Engine::Kafka, seconds(6))]),
        case(
            "a ClickHouse that is killed or frozen has every row once afterwards",
            vec![Fault::Crash(Engine::ClickHouse, seconds(1)), Fault::Pause(Engine::ClickHouse, seconds(6))],
        ),
        case(
            "a Postgres that is killed or restarted has every row once afterwards",
            vec![Fault::Crash(Engine::Postgres, seconds(1)), Fault::Restart(Engine::Postgres)],
        ),
        case(
            "a standby of Postgres that takes over is given what it had not heard of",
            vec![Fault::FailOver(seconds(3)), Fault::FailOver(seconds(1))],
        ),
    ]
}
