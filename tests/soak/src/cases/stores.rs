//! Stores that refuse, schemas that do not fit, bytes that are no records, and what the system does not give.

use super::{Case, case, seconds};
use crate::fault::{Contention, Fault, Link, Refusal};
use crate::generator::POISONED;
use crate::proxy::Mode;
use crate::role::Role;

/// A store that says no is waited for, and nothing is skipped.
pub(super) fn stores() -> Vec<Case> {
    vec![
        case(
            "a ClickHouse whose tables are read-only is waited for",
            vec![Fault::Refuse(Refusal::ReadOnly, seconds(2))],
        ),
        case(
            "a ClickHouse that has too many parts is waited for",
            vec![Fault::Refuse(Refusal::TooManyParts, seconds(2))],
        ),
        case(
            "a ClickHouse that keeps the rest of its disk is waited for",
            vec![Fault::Refuse(Refusal::LowDisk, seconds(2))],
        ),
        case("a ClickHouse whose disk is full is waited for", vec![Fault::FullDisk(seconds(6))]),
        case(
            "a column of ClickHouse that is not there stops its sink, which goes on when it is back",
            vec![Fault::Refuse(Refusal::SchemaDrift, seconds(2))],
        ),
        case(
            "a deadlock with somebody else's session in Postgres is tried again",
            vec![Fault::Contend(Contention::Deadlock)],
        ),
        case(
            "a serialization failure of Postgres is tried again",
            vec![Fault::Contend(Contention::Serialization)],
        ),
        case(
            "a sink that starts while its store is away waits for it",
            vec![
                start_behind(Role::SinkClickhouse, Link::ClickHouse, Mode::Refuse),
                start_behind(Role::SinkPostgres, Link::Postgres, Mode::Refuse),
            ],
        ),
    ]
}

fn start_behind(role: Role, link: Link, mode: Mode) -> Fault {
    Fault::StartBehind { role, process: 0, link, mode, time: seconds(4) }
}

/// Whatever the registry does, no record is skipped or misread.
pub(super) fn schemas() -> Vec<Case> {
    let network = |mode, time| Fault::Network { link: Link::Registry, mode, time: seconds(time) };
    vec![
        case(
            "without the registry, or with a slow one, known schemas go on",
            vec![network(Mode::Refuse, 3), network(Mode::Hang, 3)],
        ),
        case(
            "a role that starts without the registry does not work before it has asked it",
            vec![
                start_behind(Role::Normalize, Link::Registry, Mode::Refuse),
                start_behind(Role::SinkClickhouse, Link::Registry, Mode::Reset),
            ],
        ),
        case(
            "records of an unknown schema wait for the registry and are dead letters then",
            vec![Fault::UnknownSchema(seconds(5))],
        ),
        case(
            "where the registry holds a schema that ours is not compatible with, no role starts",
            vec![
                Fault::IncompatibleSchema(Role::Normalize),
                Fault::IncompatibleSchema(Role::Score),
                Fault::IncompatibleSchema(Role::SinkPostgres),
            ],
        ),
    ]
}

/// Bytes that are no record become dead letters, and the partition goes on.
pub(super) fn poison() -> Vec<Case> {
    let of = |topic: schemas::Topic| {
        let rule = format!("poison of every kind on {} becomes dead letters, each once", topic.name());
        case(&rule, vec![Fault::Poison(topic)])
    };
    POISONED.into_iter().map(of).collect()
}

/// What is not there is done without, in bounded memory.
pub(super) fn limits() -> Vec<Case> {
    let outage = |link, time| Fault::Outage { link, time: seconds(time) };
    let memory = |role, mib, enough| Fault::MemoryLimit { role, mib, time: seconds(8), enough };
    vec![
        case(
            "a ClickHouse that is away for long costs bounded memory, no rebalance, and is named",
            vec![outage(Link::ClickHouse, 45)],
        ),
        case(
            "a Postgres that is away for long costs bounded memory, no rebalance, and is named",
            vec![outage(Link::Postgres, 45)],
        ),
        case(
            "every role does with the memory that it is promised",
            Role::PROCESSORS.map(|role| memory(role, 256, true)).to_vec(),
        ),
        case(
            "a role that the system gives too little memory dies, loses nothing and repeats nothing",
            Role::PROCESSORS.map(|role| memory(role, 12, false)).to_vec(),
        ),
    ]
}
