//! What a CPU-second of each role carries, measured on the real binary and real engines.
//!
//! Each command starts fresh engines for every run, loads a seeded corpus, lets `adpulse` work it off as a process of its own, and
//! reads that process's CPU time and memory from the kernel. It refuses to report a run that lost or refused a record. Nothing
//! calls it but people and CI; `README.md` beside it says how to read the figures.

#![expect(
    unreachable_pub,
    reason = "a binary has no public interface; `pub` says what the other modules use"
)]

mod commands;
mod corpus;
mod options;
mod peers;
mod plot;
mod process;
mod report;
mod site;
mod table;
mod work;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};

pub use options::{Options, Peer};

/// As in adpulse, so that the floors are those of the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of adpulse.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Raw messages to facts: insights rows and CRM events.
    Normalize,
    /// Facts to scores, coalesced, exactly once, commits every 100 ms.
    Score,
    /// What cannot be undercut: reading alone, passing on in a transaction, rows into both stores without a sink.
    Floor,
    /// The command `csv` with a large file: rows to records in one transaction.
    Csv,
    /// The command `backtest` over the topic of `score`: two policies at full speed.
    Backtest,
    /// Days and scores into ClickHouse, then into Postgres.
    Sinks,
    /// How long a fact takes through `score` at a steady rate: percentiles, open loop.
    Latency(LatencyArgs),
    /// How long a webhook takes until Postgres shows the recommendation that counts it, at steady rates: percentiles, open loop.
    EndToEnd(EndToEndArgs),
    /// Signed webhooks through the door to Kafka, and through the same server without Kafka.
    Door,
    /// The door without Kafka, for `door`.
    #[command(hide = true)]
    Http {
        /// Address.
        listen: std::net::SocketAddr,
        /// Signing secret.
        secret: String,
    },
    /// State back from its topics: seconds for a million campaign-days.
    Restore,
    /// CPU for each event and memory against campaigns, partitions, late events, history, members; restore against state.
    Growth {
        /// Put tables and plots into the README.
        #[arg(long)]
        write: bool,
    },
    /// What machines carry and what accounts need, computed from the figures in `figures.toml` into `docs/SIZING.md`.
    Sizing {
        /// Measure the figures first.
        #[arg(long)]
        measure: bool,
    },
    /// Records to bytes and back, without engines.
    Codec,
    /// Events to scores, raw messages and files to events, without engines.
    Rules,
    /// Counts the instructions of hot code with callgrind and compares them with `instructions.toml`.
    Instructions {
        /// Record the counts instead.
        #[arg(long)]
        record: bool,
    },
    /// Does a kind of work once, to be profiled.
    #[command(hide = true)]
    Work {
        /// Which.
        #[arg(value_enum)]
        work: work::Work,
    },
    /// Resident memory of `adpulse all`, idle and after sample traffic.
    Memory,
}

/// What `latency` sends.
#[derive(Clone, Copy, Debug, Args)]
pub struct LatencyArgs {
    /// Facts a second.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub rate: u64,
    /// For so many seconds, after the warm-up.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Facts of the first seconds do not count: the broker's compiler takes a core for about forty.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub warm_up: u64,
}

/// What `end-to-end` sends.
#[derive(Clone, Debug, Args)]
pub struct EndToEndArgs {
    /// Webhooks a second; several rates are measured one after the other.
    #[arg(long = "rate", value_delimiter = ',', default_values_t = [100, 5_000])]
    pub rates: Vec<u64>,
    /// For so many seconds, after the warm-up.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Webhooks of the first seconds do not count.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub warm_up: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = commands::run(cli.command.clone(), &cli.options) => outcome,
            // Dropping the work stops the role and the engines.
            _ = tokio::signal::ctrl_c() => bail!("stopped"),
        }
    });
    // A thread that is loading a topic cannot be interrupted, and need not be waited for.
    runtime.shutdown_background();
    outcome
}
