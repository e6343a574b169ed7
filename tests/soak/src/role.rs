//! The roles of adpulse that run as processes of their own.

/// What a process of the binary does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The webhook door and the scheduler.
    Ingest,
    /// Raw messages to facts.
    Normalize,
    /// Facts to scores.
    Score,
    /// Topics to ClickHouse.
    SinkClickhouse,
    /// Topics to Postgres.
    SinkPostgres,
    /// The API.
    Serve,
}

impl Role {
    /// All of them, in the order data moves.
    pub const ALL: [Self; 6] =
        [Self::Ingest, Self::Normalize, Self::Score, Self::SinkClickhouse, Self::SinkPostgres, Self::Serve];

    /// The roles that carry records from the raw topics to the stores, in the order data moves.
    pub const PROCESSORS: [Self; 4] =
        [Self::Normalize, Self::Score, Self::SinkClickhouse, Self::SinkPostgres];

    /// The command that runs it.
    #[must_use]
    pub const fn args(self) -> &'static [&'static str] {
        match self {
            Self::Ingest => &["ingest"],
            Self::Normalize => &["normalize"],
            Self::Score => &["score"],
            Self::SinkClickhouse => &["sink", "clickhouse"],
            Self::SinkPostgres => &["sink", "postgres"],
            Self::Serve => &["serve"],
        }
    }

    /// Its name; also that of its consumer group, without the prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Normalize => "normalize",
            Self::Score => "score",
            Self::SinkClickhouse => "sink-clickhouse",
            Self::SinkPostgres => "sink-postgres",
            Self::Serve => "serve",
        }
    }

    /// Whether it writes to Kafka in transactions.
    #[must_use]
    pub const fn has_transactions(self) -> bool {
        !matches!(self, Self::Ingest | Self::Serve)
    }

    /// How many processes of it a run has. Three of each stage, so that partitions move to two others when one dies or freezes.
    #[must_use]
    pub const fn processes(self) -> usize {
        match self {
            Self::Normalize | Self::Score => 3,
            _ => 1,
        }
    }
}
