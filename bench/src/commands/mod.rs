//! One file per measurement.

mod backtest;
mod floor;
mod latency;
mod memory;
mod sinks;
mod stages;

use anyhow::Context as _;
use schemas::Topic;

use crate::process::Process;
use crate::report::Figures;
use crate::site::Site;
use crate::{Command, Options};

/// How long an idle role is let be after it has joined, before what its start took is read.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(500);

/// Dispatches.
pub async fn run(command: Command, options: &Options) -> anyhow::Result<()> {
    let report = match command {
        Command::Normalize => stages::normalize(options).await?,
        Command::Score => stages::score(options).await?,
        Command::Floor => floor::run(options).await?,
        Command::Backtest => backtest::run(options).await?,
        Command::Sinks => sinks::run(options).await?,
        Command::Latency(args) => latency::run(options, args).await?,
        Command::Memory => memory::run(options).await?,
    };
    report.print(options.json)
}

/// A role to be measured.
struct Subject<'a> {
    /// Its command line.
    args: &'a [&'a str],
    /// Its group without the prefix.
    group: &'a str,
    /// What it reads.
    inputs: &'a [Topic],
}

/// The role `score`.
const SCORE: Subject<'static> = Subject { args: &["score"], group: "score", inputs: &[Topic::Events] };

/// What starting a role takes when there is nothing to read.
async fn startup_cpu_seconds(site: &Site, subject: &Subject<'_>) -> anyhow::Result<f64> {
    let mut role = site.role(subject.args, false)?;
    site.joined(&mut role).await?;
    tokio::time::sleep(SETTLE).await;
    let cpu = role.cpu_seconds()?;
    role.stop().await?;
    Ok(cpu)
}

/// Lets a role work off what has been loaded. `startup` is subtracted from its CPU time.
async fn measure(site: &Site, subject: &Subject<'_>, records: u64, startup: f64) -> anyhow::Result<Figures> {
    let mut role = site.role(subject.args, true)?;
    site.joined(&mut role).await?;
    let joined = role.age();
    site.drained(&mut role, subject.group, subject.inputs).await?;
    let wall = (role.age() - joined).as_secs_f64();
    let cpu = role.cpu_seconds()?;
    let figures = figures(&role, records, (cpu, startup, wall))?;
    let transactions = site.counter(kafka::metrics::COMMITTED_TOTAL).await?;
    let aborted = site.counter(kafka::metrics::ABORTED_TOTAL).await?;
    role.stop().await?;
    anyhow::ensure!(aborted < 1.0, "{aborted} transactions were aborted: the run does not count");
    let mut figures = figures;
    if transactions > 0.0 {
        figures.insert("records_per_transaction".to_owned(), float(records) / transactions);
    }
    Ok(figures)
}

fn figures(role: &Process, records: u64, (cpu, startup, wall): (f64, f64, f64)) -> anyhow::Result<Figures> {
    let (own, count) = (cpu - startup, float(records));
    anyhow::ensure!(own > 0.0, "{records} records took no CPU time that could be measured: take more");
    Ok([
        ("records_per_cpu_second", count / own),
        ("cpu_us_per_record", own * 1e6 / count),
        ("records_per_second_wall", count / wall),
        ("cpu_seconds", own),
        ("startup_cpu_seconds", startup),
        ("wall_seconds", wall),
        ("peak_mib", role.memory().context("peak memory")?.peak),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
