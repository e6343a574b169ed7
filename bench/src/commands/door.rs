//! The webhook door: requests for each CPU-second of `adpulse ingest`, each answered when Kafka has acknowledged it, and of the same
//! router and server in a process without Kafka, which acknowledges at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devstack::Engine;
use httpserver::Limits;
use ingest::sample::{CrmMessage, SampleMessage, SampleOptions, generate};
use ingest::webhook::{self, CrmLimits, CrmMapping, CrmSource, Secret, SourceClock};
use ingest::{Ack, Record, RecordSink};
use schemas::{TimestampMs, Topic};
use tokio_util::sync::CancellationToken;

use super::posting::Door;
use super::{SETTLE, figures};
use crate::Options;
use crate::process::Process;
use crate::report::{Figures, Report};
use crate::site::{Site, free_address, spinner};

/// Few senders, whose requests share little, and many.
const CONNECTIONS: [usize; 2] = [8, 64];
const SOURCE: &str = "sample";
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let requests = options.size(100_000, 4_000);
    let secret = Secret::from_bytes(&options.seed.to_le_bytes().repeat(4)).context("a secret for the CRM")?;
    let mut report = Report::new("door", requests);
    for _ in 0..options.run_count() {
        for connections in CONNECTIONS {
            let posts = Posts { secret: &secret, connections, requests };
            let mut site = Site::start(&[Engine::Kafka], options).await?;
            let figures = to_kafka(&mut site, options, posts).await?;
            report.add(&format!("to Kafka, {connections} connections"), figures);
            let figures = alone(&site, options, posts).await?;
            report.add(&format!("without Kafka, {connections} connections"), figures);
            site.stop().await?;
        }
    }
    Ok(report)
}

#[derive(Clone, Copy)]
struct Posts<'s> {
    secret: &'s Secret,
    connections: usize,
    requests: u64,
}

async fn to_kafka(site: &mut Site, options: &Options, posts: Posts<'_>) -> anyhow::Result<Figures> {
    let address = free_address()?;
    site.set("INGEST__LISTEN", &address);
    site.set("CLOCK__TICK_INTERVAL_MS", "0");
    site.set("CRM__SAMPLE__SECRET", &posts.secret.reveal());
    let mut door = site.role(&["ingest"], true)?;
    let measured = posted(&mut door, &address, options, posts).await?;
    door.stop().await?;
    let (stored, requests) = (site.read(Topic::RawCrm, |_, _| ()).await?, posts.requests);
    anyhow::ensure!(
        stored == requests,
        "{requests} requests became {stored} records: the run does not count"
    );
    Ok(measured)
}

async fn alone(site: &Site, options: &Options, posts: Posts<'_>) -> anyhow::Result<Figures> {
    let address = free_address()?;
    let own: PathBuf = std::env::current_exe().context("finding this program")?;
    let mut command: Command = site.launched(&own, true);
    command.args(["http", &address, &posts.secret.reveal()]);
    let mut door = Process::start("http", command, &site.folder().join("http.log"))?;
    let measured = posted(&mut door, &address, options, posts).await?;
    door.stop().await?;
    Ok(measured)
}

/// Posts so many requests to a door that is starting, and tells what they took it.
async fn posted(
    door: &mut Process,
    address: &str,
    options: &Options,
    Posts { secret, connections, requests }: Posts<'_>,
) -> anyhow::Result<Figures> {
    let deadline = Instant::now() + READY_LIMIT;
    while std::net::TcpStream::connect(address).is_err() {
        door.verify_running()?;
        anyhow::ensure!(Instant::now() < deadline, "the door did not open:\n{}", door.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let (startup, started) = (door.cpu_seconds()?, Instant::now());
    let posts = messages(options, requests)?;
    let path = format!("/webhooks/crm/{SOURCE}");
    let to = Door { address: address.to_owned(), path, secret: secret.clone(), connections };
    let waiting = spinner(&format!("posting {requests} webhooks"));
    tokio::task::spawn_blocking(move || to.post_all(posts)).await??;
    waiting.finish_and_clear();
    figures(door, requests, (door.cpu_seconds()?, startup, started.elapsed().as_secs_f64()))
}

/// Events of a CRM, from the beginning again when there are not enough of them.
fn messages(options: &Options, requests: u64) -> anyhow::Result<Vec<CrmMessage>> {
    let sample = SampleOptions {
        seed: options.seed,
        campaigns: 50,
        accounts: 3,
        days: 40,
        end: TimestampMs(1_790_000_000_000),
    };
    let messages = generate(&sample).filter_map(|item| match item.message {
        SampleMessage::Crm(message) => Some(message),
        SampleMessage::Facebook(_) => None,
    });
    let messages: Vec<CrmMessage> = messages.collect();
    anyhow::ensure!(!messages.is_empty(), "the sample has no CRM events");
    Ok(messages.into_iter().cycle().take(usize::try_from(requests)?).collect())
}

/// Serves the door with nothing behind it, until it is told to end.
pub async fn serve(listen: SocketAddr, secret: &str) -> anyhow::Result<()> {
    let source = CrmSource {
        name: SOURCE.to_owned(),
        secrets: vec![secret.parse().context("the secret")?],
        system: SOURCE.to_owned(),
        platform: "facebook".to_owned(),
        account_id: "1".to_owned(),
        mapping: CrmMapping::default(),
        keep_payload: false,
        clock: SourceClock::Arrival,
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    };
    let router = webhook::router(vec![source], CrmLimits::default(), Arc::new(now), AtOnce)?;
    let listener = tokio::net::TcpListener::bind(listen).await.context("listening")?;
    let shutdown = CancellationToken::new();
    let ends = shutdown.clone();
    tokio::spawn(async move {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        terminated.recv().await;
        ends.cancel();
        anyhow::Ok(())
    });
    httpserver::serve(listener, router, Limits::default().named("bench"), shutdown).await?;
    Ok(())
}

/// Acknowledges at once and keeps nothing.
#[derive(Clone)]
struct AtOnce;

impl RecordSink for AtOnce {
    fn send(&self, record: Record<'_>) -> Ack {
        std::hint::black_box(record);
        Box::pin(std::future::ready(Ok(())))
    }
}
