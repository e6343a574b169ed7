//! What can be done to a running installation, as plain data.

use std::time::Duration;

use schemas::Topic;

use crate::proxy::Mode;
use crate::role::Role;

/// A connection that a proxy stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Between every role and the broker.
    Kafka,
    /// Between its sink and ClickHouse.
    ClickHouse,
    /// Between its sink, the API and Postgres.
    Postgres,
    /// Between every role and the schema registry.
    Registry,
}

/// An engine's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The broker.
    Kafka,
    /// ClickHouse.
    ClickHouse,
    /// Postgres.
    Postgres,
}

/// Why ClickHouse takes no insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its tables are read-only.
    ReadOnly,
    /// Less of the disk is free than it insists on.
    LowDisk,
    /// A partition has too many parts.
    TooManyParts,
    /// A column is not what it was.
    SchemaDrift,
}

/// How somebody else gets in the way of the Postgres sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contention {
    /// Takes the sink's locks in the opposite order.
    Deadlock,
    /// Changes the sink's rows, while isolation is repeatable read.
    Serialization,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The process kills itself at a point's n-th pass; for that it is started again with the order to do so.
    CrashPoint {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
        /// Where.
        point: &'static str,
        /// When it passes for the n-th time.
        pass: u64,
    },
    /// A file's upload dies at a point.
    CrashUpload {
        /// Where.
        point: &'static str,
        /// When it passes for the n-th time.
        pass: u64,
    },
    /// SIGKILL, and started again.
    Kill {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
    },
    /// A proxy changes its mode, and in the middle of that the process is killed.
    KillBehind {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
        /// Where.
        link: Link,
        /// How.
        mode: Mode,
        /// For how long before the end of the process.
        time: Duration,
    },
    /// SIGSTOP, and SIGCONT after a while: beyond the session timeout it comes back as a zombie.
    Freeze {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
        /// For how long.
        time: Duration,
    },
    /// SIGTERM with work in flight, and started again; with a second SIGTERM at once it does not wait.
    Terminate {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
        /// Whether a second signal follows.
        twice: bool,
    },
    /// Members of a group leave and join again and again.
    RebalanceStorm {
        /// Whose group.
        role: Role,
        /// How often.
        times: u32,
    },
    /// A proxy changes its mode for a while.
    Network {
        /// Where.
        link: Link,
        /// How.
        mode: Mode,
        /// For how long.
        time: Duration,
    },
    /// A process is killed, and has to start while a link is in a mode.
    StartBehind {
        /// Who.
        role: Role,
        /// Which of its processes.
        process: usize,
        /// Where.
        link: Link,
        /// How.
        mode: Mode,
        /// For how long.
        time: Duration,
    },
    /// A store is away for long, while more arrives for it than its sink may hold.
    Outage {
        /// The store.
        link: Link,
        /// For how long.
        time: Duration,
    },
    /// ClickHouse itself refuses every insert for a while.
    Refuse(Refusal, Duration),
    /// ClickHouse's disk is full for a while.
    FullDisk(Duration),
    /// Another session gets in the way of the Postgres sink.
    Contend(Contention),
    /// Bytes of every kind that are no record arrive on a topic.
    Poison(Topic),
    /// Records name a schema that nobody knows, while the registry is away for so long.
    UnknownSchema(Duration),
    /// A role starts where the registry holds a schema that its own cannot follow.
    IncompatibleSchema(Role),
    /// The system gives a process no more than so much memory for a while.
    MemoryLimit {
        /// Who.
        role: Role,
        /// How much, MiB.
        mib: u64,
        /// For how long.
        time: Duration,
        /// Whether it has to do with so much; otherwise it has to die of it.
        enough: bool,
    },
    /// An engine ends in order and starts again.
    Restart(Engine),
    /// An engine is killed and starts again after a while.
    Crash(Engine, Duration),
    /// Postgres is killed, and a standby takes over that had not heard of its last commits, for so long.
    FailOver(Duration),
    /// An engine stops answering for a while.
    Pause(Engine, Duration),
}

impl Fault {
    /// The kind that reports count by.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::CrashPoint { role, point, .. } => format!("crash_point.{}.{point}", role.name()),
            Self::CrashUpload { point, .. } => format!("crash_point.{point}"),
            Self::Kill { role, .. } => format!("sigkill.{}", role.name()),
            Self::KillBehind { role, link, mode, .. } => {
                format!("sigkill.{}.{}_{}", role.name(), link.name(), mode.name())
            }
            Self::Freeze { role, .. } => format!("sigstop.{}", role.name()),
            Self::Terminate { role, twice: false, .. } => format!("sigterm.{}", role.name()),
            Self::Terminate { role, twice: true, .. } => format!("sigterm_twice.{}", role.name()),
            Self::RebalanceStorm { role, .. } => format!("rebalance_storm.{}", role.name()),
            Self::Network { link, mode, .. } => format!("network.{}.{}", link.name(), mode.name()),
            Self::StartBehind { role, link, mode, .. } => {
                format!("start.{}.{}_{}", role.name(), link.name(), mode.name())
            }
            Self::Outage { link, .. } => format!("outage.{}", link.name()),
            Self::Refuse(refusal, _) => format!("clickhouse.{}", refusal.name()),
            Self::FullDisk(_) => "clickhouse.full_disk".to_owned(),
            Self::Contend(Contention::Deadlock) => "postgres.deadlock".to_owned(),
            Self::Contend(Contention::Serialization) => "postgres.serialization_failure".to_owned(),
            Self::Poison(topic) => format!("poison.{}", topic.name()),
            Self::UnknownSchema(_) => "registry.unknown_schema".to_owned(),
            Self::IncompatibleSchema(role) => format!("registry.incompatible_schema.{}", role.name()),
            Self::MemoryLimit { role, enough: true, .. } => format!("memory_limit.{}", role.name()),
            Self::MemoryLimit { role, enough: false, .. } => format!("out_of_memory.{}", role.name()),
            Self::Restart(engine) => format!("restart.{}", engine.name()),
            Self::Crash(engine, _) => format!("crash.{}", engine.name()),
            Self::FailOver(_) => "failover.postgres".to_owned(),
            Self::Pause(engine, _) => format!("pause.{}", engine.name()),
        }
    }
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::ClickHouse, Self::Postgres, Self::Registry];

    /// Its name in reports, and how `/readyz` names the store behind it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::ClickHouse => "clickhouse",
            Self::Postgres => "postgres",
            Self::Registry => "registry",
        }
    }
}

impl Refusal {
    const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::LowDisk => "low_disk",
            Self::TooManyParts => "too_many_parts",
            Self::SchemaDrift => "schema_drift",
        }
    }
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::ClickHouse, Self::Postgres];

    const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::ClickHouse => "clickhouse",
            Self::Postgres => "postgres",
        }
    }
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Latency(_) => "latency",
            Self::Throttle(_) => "throttle",
            Self::CutAfter(_) => "cut_after",
            Self::CutAnswer => "cut_answer",
        }
    }
}
