//! What all commands understand, and how much each takes when nothing is said.

use clap::{Args, ValueEnum};

use crate::corpus::Kind;

/// Another program for the work of `score`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Kafka Streams, in all its configurations.
    KafkaStreams,
    /// Quix Streams.
    Quix,
}

/// What all commands understand.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Records of the corpus; campaigns for `memory`.
    #[arg(long, global = true)]
    pub events: Option<u64>,
    /// Runs, each on fresh engines.
    #[arg(long, global = true)]
    pub runs: Option<usize>,
    /// Seed of the corpus.
    #[arg(long, global = true, default_value_t = 1)]
    pub seed: u64,
    /// Which topic `events` to make, where a command reads it.
    #[arg(long, global = true, value_enum, default_value_t = Kind::Steady)]
    pub corpus: Kind,
    /// Campaigns of the topic `events`, unless it catches up.
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub campaigns: Option<u64>,
    /// Full days that each of them has before the polls.
    #[arg(long, global = true, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub history_days: Option<u64>,
    /// Partitions of every topic.
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub partitions: u16,
    /// A transaction is committed so long after its first record.
    #[arg(long, global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub commit_ms: Option<u64>,
    /// Keep the broker on the last core and what is measured on the first.
    #[arg(long, global = true)]
    pub pin: bool,
    /// Measure another program beside it, with `score` and `latency`.
    #[arg(long, global = true, value_enum)]
    pub peer: Option<Peer>,
    /// Print one JSON object last on the standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Run small, to see that it works.
    #[arg(long, global = true)]
    pub smoke: bool,
    /// Settings file for the measured role, to try out settings.
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<std::path::PathBuf>,
    /// Run the measured role under this command, such as a profiler; the figures then mean nothing.
    #[arg(long, global = true, value_name = "COMMAND")]
    pub under: Option<String>,
}

impl Options {
    /// How many records to make: as asked for, else the command's own number.
    pub fn size(&self, usual: u64, smoke: u64) -> u64 {
        self.events.unwrap_or(if self.smoke { smoke } else { usual }).max(1)
    }

    /// How many runs.
    pub fn run_count(&self) -> usize {
        self.runs.unwrap_or(if self.smoke { 1 } else { 5 }).max(1)
    }

    /// How long a transaction lasts.
    pub fn commit_ms(&self) -> u64 {
        self.commit_ms.unwrap_or(100)
    }
}
