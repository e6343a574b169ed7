//! What can be done to a running installation, as plain data.

use std::time::Duration;

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
    /// An engine ends in order and starts again.
    Restart(Engine),
    /// An engine is killed and starts again after a while.
    Crash(Engine, Duration),
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
            Self::Restart(engine) => format!("restart.{}", engine.name()),
            Self::Crash(engine, _) => format!("crash.{}", engine.name()),
            Self::Pause(engine, _) => format!("pause.{}", engine.name()),
        }
    }
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::ClickHouse, Self::Postgres, Self::Registry];

    const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::ClickHouse => "clickhouse",
            Self::Postgres => "postgres",
            Self::Registry => "registry",
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
