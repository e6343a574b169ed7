//! The choice that `cargo test` runs: of each kind of fault at least one, of each role at least one crash point, in a few minutes.

use super::{Case, case, seconds};
use crate::fault::{Contention, Engine, Fault, Link, Refusal};
use crate::points::CRASH_POINTS;
use crate::proxy::Mode;
use crate::role::Role;

/// Crash points that stand for the others: where a promise has been made and not yet been noted.
const POINTS: [(Role, &str); 6] = [
    (Role::Ingest, "ingest.before_reply"),
    (Role::Normalize, "stage.after_send_offsets"),
    (Role::Score, "stage.during_restore"),
    (Role::Score, "stage.after_commit"),
    (Role::SinkClickhouse, "clickhouse.after_insert"),
    (Role::SinkPostgres, "postgres.after_commit"),
];

pub(super) fn quick() -> Vec<Case> {
    let mut cases: Vec<Case> = POINTS.into_iter().map(|(role, name)| point(role, name)).collect();
    cases.push(case(
        "an upload that is killed in the middle of a file is uploaded again and counts once",
        vec![Fault::CrashUpload { point: "csv.mid_file", pass: 20 }],
    ));
    let network = |link, mode, time| Fault::Network { link, mode, time: seconds(time) };
    cases.extend([
        case(
            "a transaction whose end is not answered is found out about",
            vec![network(Link::Kafka, Mode::CutAnswer, 3)],
        ),
        case(
            "an insert whose answer is lost after its success lands once",
            vec![network(Link::ClickHouse, Mode::CutAnswer, 3)],
        ),
        case("a COMMIT whose answer is lost counts once", vec![network(Link::Postgres, Mode::CutAnswer, 3)]),
        case(
            "a worker that is killed loses nothing and repeats nothing",
            vec![Fault::Kill { role: Role::Normalize, process: 0 }],
        ),
        case(
            "a worker frozen beyond its session comes back as a zombie and is fenced",
            vec![Fault::Freeze { role: Role::Score, process: 0, time: seconds(13) }],
        ),
        case(
            "SIGTERM with work in flight ends in order",
            vec![Fault::Terminate { role: Role::SinkPostgres, process: 0, twice: false }],
        ),
        case("a broker that is killed loses nothing", vec![Fault::Crash(Engine::Kafka, seconds(1))]),
        case(
            "a ClickHouse that is killed has every row once afterwards",
            vec![Fault::Crash(Engine::ClickHouse, seconds(1))],
        ),
        case(
            "a Postgres that is killed has every row once afterwards",
            vec![Fault::Crash(Engine::Postgres, seconds(1))],
        ),
        case(
            "a standby of Postgres that takes over is given what it had not heard of",
            vec![Fault::FailOver(seconds(2))],
        ),
    ]);
    cases.extend(refusals());
    cases
}

/// What stores, the registry and the system refuse, and what the roles refuse.
fn refusals() -> [Case; 7] {
    [
        case(
            "a ClickHouse that has too many parts is waited for",
            vec![Fault::Refuse(Refusal::TooManyParts, seconds(1))],
        ),
        case(
            "a deadlock with somebody else's session in Postgres is tried again",
            vec![Fault::Contend(Contention::Deadlock)],
        ),
        case(
            "records of an unknown schema wait for the registry and are dead letters then",
            vec![Fault::UnknownSchema(seconds(3))],
        ),
        case(
            "where the registry holds a schema that ours is not compatible with, no role starts",
            vec![Fault::IncompatibleSchema(Role::Normalize)],
        ),
        case(
            "poison of every kind becomes dead letters, each once",
            vec![
                Fault::Poison(schemas::Topic::RawCrm),
                Fault::Poison(schemas::Topic::Events),
                Fault::Poison(schemas::Topic::Alerts),
            ],
        ),
        case(
            "a role that the system gives too little memory dies, loses nothing and repeats nothing",
            vec![Fault::MemoryLimit { role: Role::Score, mib: 12, time: seconds(4), enough: false }],
        ),
        case(
            "a ClickHouse that is away for long costs bounded memory, no rebalance, and is named",
            vec![Fault::Outage { link: Link::ClickHouse, time: seconds(20) }],
        ),
    ]
}

fn point(role: Role, name: &'static str) -> Case {
    let place = CRASH_POINTS.iter().find(|point| point.name == name).map_or(name, |point| point.place);
    let rule = format!("{} that is killed {place} loses nothing and repeats nothing", role.name());
    case(&rule, vec![Fault::CrashPoint { role, process: 0, point: name, pass: 1 }])
}
