//! One file per measurement.

mod backtest;
mod csv;
mod door;
mod end_to_end;
mod floor;
mod growth;
mod posting;
mod restore;
mod sizing;
mod stores;
mod latency;
mod memory;
mod normalize;
mod pure;
mod score;
mod sinks;

use anyhow::Context as _;
use schemas::Topic;

use crate::corpus::steady::{Item, Made, Shape};
use crate::corpus::{Kind, Size, facts, steady};
use crate::process::Process;
use crate::report::Figures;
use crate::site::{Loader, Site};
use crate::{Command, Options};

/// How long an idle role is let be after it has joined, before what its start took is read.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(500);

/// Dispatches.
pub async fn run(command: Command, options: &Options) -> anyhow::Result<()> {
    let report = match command {
        Command::Normalize => normalize::normalize(options).await?,
        Command::Score => score::run(options).await?,
        Command::Floor => floor::run(options).await?,
        Command::Csv => csv::run(options).await?,
        Command::Backtest => backtest::run(options).await?,
        Command::Sinks => sinks::run(options).await?,
        Command::Latency(args) => latency::run(options, args).await?,
        Command::EndToEnd(args) => end_to_end::run(options, args).await?,
        Command::Door => door::run(options).await?,
        Command::Http { listen, secret } => return door::serve(listen, &secret).await,
        Command::Restore => restore::run(options).await?,
        Command::Growth { write } => growth::run(options, write).await?,
        Command::Sizing { measure } => sizing::run(options, measure).await?,
        Command::Codec => pure::codec(options)?,
        Command::Rules => pure::rules(options)?,
        Command::Instructions { record } => pure::instructions(options, record)?,
        Command::Work { work } => pure::work(work)?,
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
    /// What its metrics must tell.
    counts: Counts,
}

/// What is read from a role's metrics once it is done.
#[derive(Clone, Copy)]
enum Counts {
    /// Of a stage: its records by outcome, which must sum up.
    Outcomes,
    /// Of a sink: the rows it has written.
    Rows,
}

/// The role `score`.
const SCORE: Subject<'static> =
    Subject { args: &["score"], group: "score", inputs: &[Topic::Events], counts: Counts::Outcomes };

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
    let mut figures = figures(&role, records, (cpu, startup, wall))?;
    count_transactions(site, records, &mut figures).await?;
    match subject.counts {
        Counts::Outcomes => count_outcomes(site, records, &mut figures).await?,
        Counts::Rows => {
            figures.insert("rows".to_owned(), site.counter(sink::ROWS_TOTAL).await?);
        }
    }
    role.stop().await?;
    Ok(figures)
}

/// Adds how many records there were in a transaction, and refuses a run in which one was aborted.
async fn count_transactions(site: &Site, records: u64, figures: &mut Figures) -> anyhow::Result<()> {
    let transactions = site.counter(kafka::metrics::COMMITTED_TOTAL).await?;
    let aborted = site.counter(kafka::metrics::ABORTED_TOTAL).await?;
    anyhow::ensure!(aborted < 1.0, "{aborted} transactions were aborted: the run does not count");
    if transactions > 0.0 {
        figures.insert("records_per_transaction".to_owned(), float(records) / transactions);
    }
    Ok(())
}

/// Adds how many records had which outcome, and refuses a run in which they do not sum to the records.
async fn count_outcomes(site: &Site, records: u64, figures: &mut Figures) -> anyhow::Result<()> {
    let mut sum = 0.0;
    for (labels, count) in site.samples("adpulse_records_total").await? {
        let Some((_, outcome)) = labels.split_once("outcome=\"") else { continue };
        let outcome = outcome.split('"').next().unwrap_or_default();
        *figures.entry(format!("outcome_{outcome}")).or_default() += count;
        sum += count;
    }
    anyhow::ensure!(
        (sum - float(records)).abs() < 0.5,
        "{records} records had {sum} outcomes: the run does not count"
    );
    Ok(())
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

/// Loads the topic `events`. Returns how many campaigns it speaks of and what of it cannot be read.
async fn load_events(site: &Site, size: Size, options: &Options) -> anyhow::Result<Made> {
    let rates = match options.corpus {
        Kind::Steady => steady::STEADY,
        Kind::Hostile => steady::HOSTILE,
        Kind::CatchUp => {
            let fill = move |loader: &mut Loader| {
                facts::generate(size, |key, event| loader.put(Topic::Events, key, event))
            };
            let made = Made { campaigns: site.load(size.records, fill).await?, poison: 0 };
            readable(site, size.records).await?;
            return Ok(made);
        }
    };
    let usual = Shape::usual(size, rates);
    let shape = Shape {
        campaigns: options.campaigns.unwrap_or(usual.campaigns),
        history_days: options.history_days.unwrap_or(usual.history_days),
        ..usual
    };
    anyhow::ensure!(
        size.records >= shape.campaigns * (shape.history_days + 3),
        "{} events do not suffice for {} campaigns with {} days each; ask for more with --events",
        size.records,
        shape.campaigns,
        shape.history_days
    );
    load_shape(site, size, shape).await
}

/// Loads the topic `events` of an installation of a shape.
async fn load_shape(site: &Site, size: Size, shape: Shape) -> anyhow::Result<Made> {
    let fill = move |loader: &mut Loader| {
        steady::generate(size, shape, |key, item| match item {
            Item::Fact(event) => loader.put(Topic::Events, key, event),
            Item::Poison(event, damage) => loader.put_damaged(Topic::Events, key, event, damage),
        })
    };
    let made = site.load(size.records, fill).await?;
    readable(site, size.records).await?;
    Ok(made)
}

/// Waits until all of `events` can be read, which is when the transaction's markers are written: that happens after its commit is
/// answered.
async fn readable(site: &Site, records: u64) -> anyhow::Result<()> {
    let (admin, events) = (kafka::Admin::new(&site.kafka()?)?, [site.topic(Topic::Events)]);
    let records = i64::try_from(records)?;
    while admin.lag("bench-nobody", &events).await?.iter().map(|lag| lag.lag).sum::<i64>() < records {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}
