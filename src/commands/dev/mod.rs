//! `adpulse dev`: the whole pipeline on one machine. Engines, every role, traffic, and a table to look at.
//!
//! engines → topics and tables → roles → sample traffic or files → live table; with --once until all of it has
//! reached both stores, and then the final table.

mod drain;
mod engines;
mod table;
mod traffic;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::migrate::migrate;
use super::{context, csv, print};
use crate::cli::{ClockChoice, DevArgs};
use crate::config::Config;
use crate::roles::{self, Context, Role};
use crate::topics;
use engines::Engines;

/// Roles are at work within this long, or something is wrong.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Everything sent has reached both stores within this long after the last record.
const DRAIN_LIMIT: Duration = Duration::from_secs(300);
const REDRAW_EVERY: Duration = Duration::from_secs(1);

pub async fn run(mut config: Config, args: DevArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let secret = traffic::new_secret()?;
    engines::add_sample_crm(&mut config, &secret);
    let engines = tokio::select! {
        engines = Engines::start(&mut config, &args) => engines?,
        // Dropping what has been started so far stops it.
        _ = tokio::signal::ctrl_c() => bail!("stopped while the engines were starting"),
    };
    let outcome = with_engines(config, &args, &engines, &secret, started).await;
    let stopped = engines.stop().await;
    outcome?;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

async fn with_engines(
    config: Config,
    args: &DevArgs,
    engines: &Engines,
    secret: &ingest::webhook::Secret,
    started: Instant,
) -> anyhow::Result<()> {
    if !engines.in_memory() {
        kafka::Admin::new(&crate::connect::kafka_settings(&config.kafka)?)?
            .ensure(&topics::specs(&config.kafka)?)
            .await?;
    }
    migrate(&config).await?;
    // A file that brings its own time must not be outrun by the computer's.
    let ticks =
        (args.csv.is_empty() || args.reading.clock == ClockChoice::Wall) && config.clock.tick_interval_ms > 0;
    let context = context(config, ticks && !args.once, engines.listeners()).await?;
    context.shutdown.on_signals()?;
    let running = {
        let context = context.clone();
        tokio::spawn(async move { roles::run(&context, &Role::ALL).await })
    };
    let driven = drive(&context, args, secret, ticks, started).await;
    context.shutdown.request();
    let ran = running.await.context("a role panicked")?;
    // A role that failed is why the rest ended.
    ran.and(driven)
}

async fn drive(
    context: &Context,
    args: &DevArgs,
    secret: &ingest::webhook::Secret,
    ticks: bool,
    started: Instant,
) -> anyhow::Result<()> {
    ready(context).await?;
    addresses(context, started);
    let sending = send(context, args, secret, ticks);
    if args.once {
        tokio::select! {
            sent = sending => sent?,
            () = context.shutdown.requested() => bail!("stopped before everything was sent"),
        }
        drain::drained(context, DRAIN_LIMIT).await?;
        return finish(context, args.json, started).await;
    }
    tokio::select! {
        ended = async { tokio::try_join!(sending, watch(context)) } => ended.map(drop),
        () = context.shutdown.requested() => Ok(()),
    }
}

/// Waits until every worker is at work.
async fn ready(context: &Context) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    // Two stages with their workers, and two sinks.
    let expected = 2 * context.config.processing.workers + 2;
    loop {
        let health = context.health.all();
        if health.len() >= expected && health.values().all(Result::is_ok) {
            return Ok(());
        }
        if context.shutdown.is_requested() {
            bail!("a role ended while starting");
        }
        if Instant::now() >= deadline {
            bail!("the roles were not at work within {} s: {health:?}", START_LIMIT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn addresses(context: &Context, started: Instant) {
    let config = &context.config;
    eprintln!("adpulse is running after {:.1} s", started.elapsed().as_secs_f64());
    eprintln!("  dashboard   http://{}/", config.api.listen);
    eprintln!("  API         http://{}/api/campaigns", config.api.listen);
    eprintln!("  metrics     http://{}/metrics", config.api.listen);
    eprintln!("  webhooks    http://{}/webhooks/crm/{{source}}", config.ingest.listen);
    eprintln!("  Kafka       {}", config.kafka.brokers);
    eprintln!("  ClickHouse  {}  (database {})", config.clickhouse.url, config.clickhouse.database);
    eprintln!("  Postgres    {}", config.postgres.url);
}

/// Everything that goes in: the files, or the sample traffic; then, where nothing else says what time it is, a tick.
async fn send(
    context: &Context,
    args: &DevArgs,
    secret: &ingest::webhook::Secret,
    ticks: bool,
) -> anyhow::Result<()> {
    let sink = traffic::sink(context)?;
    if args.csv.is_empty() {
        traffic::sample(context, args, secret, &sink).await?;
    } else {
        for path in args.csv.clone() {
            let (upload, reading) = (csv::Upload::new(&context.config)?, args.reading.clone());
            let sent = tokio::task::spawn_blocking(move || {
                let plan = csv::plan(&path, &reading)?;
                let summary = upload.send(&plan)?;
                anyhow::Ok((path, summary))
            });
            let (path, summary) = sent.await??;
            eprintln!("{}: {} of {} rows sent", path.display(), summary.accepted, summary.rows);
        }
    }
    if ticks && args.once {
        sink.tick(roles::now(), context.config.kafka.partitions).await?;
    }
    Ok(())
}

/// Redraws the table on a terminal until the end; says now and then how things stand elsewhere.
async fn watch(context: &Context) -> anyhow::Result<()> {
    let live = std::io::stdout().is_terminal();
    loop {
        tokio::time::sleep(if live { REDRAW_EVERY } else { REDRAW_EVERY * 30 }).await;
        let api = context.config.api.listen.clone();
        match tokio::task::spawn_blocking(move || table::campaigns(&api)).await? {
            Ok(campaigns) if live => {
                // Clear the screen and start at its top.
                print(&format!("\x1b[2J\x1b[H{}\n{}", table::render(&campaigns), links(context)))?;
            }
            Ok(campaigns) => tracing::info!(campaigns = campaigns.len(), "running"),
            Err(error) => tracing::warn!("{error:#}"),
        }
    }
}

fn links(context: &Context) -> String {
    format!("dashboard http://{}/   Ctrl-C ends", context.config.api.listen)
}

async fn finish(context: &Context, json: bool, started: Instant) -> anyhow::Result<()> {
    let api = context.config.api.listen.clone();
    let campaigns = tokio::task::spawn_blocking(move || table::campaigns(&api)).await??;
    if json {
        print(&serde_json::to_string_pretty(&json!({ "campaigns": campaigns }))?)
    } else {
        eprintln!("everything sent has reached both stores after {:.1} s", started.elapsed().as_secs_f64());
        print(&table::render(&campaigns))
    }
}
