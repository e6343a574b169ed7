//! Resident memory of `adpulse all`: idle, and after the sample traffic of some campaigns has gone through every role.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use devstack::Engine;
use ingest::sample::{SampleMessage, SampleOptions, generate};
use ingest::webhook::Secret;
use schemas::{TimestampMs, Topic};

use super::posting::Door;
use crate::Options;
use crate::report::{Figures, Report};
use crate::site::{Site, free_address, spinner};

const IDLE: Duration = Duration::from_secs(5);
const DAYS: u32 = 40;
const CRM: &str = "sample";
const GROUPS: [(&str, &[Topic]); 4] = [
    ("normalize", &[Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock]),
    ("score", &[Topic::Events]),
    ("sink-clickhouse", &sink::clickhouse::TOPICS),
    ("sink-postgres", &sink::postgres::TOPICS),
];

/// Of the CRM.
const CONNECTIONS: usize = 8;

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let campaigns = options.size(100, 5);
    let mut report = Report::new("memory", campaigns);
    for _ in 0..options.runs.unwrap_or(1).max(1) {
        report.add("adpulse all", once(u32::try_from(campaigns)?, options).await?);
    }
    Ok(report)
}

async fn once(campaigns: u32, options: &Options) -> anyhow::Result<Figures> {
    let mut site = Site::start(&[Engine::Kafka, Engine::ClickHouse, Engine::Postgres], options).await?;
    let (api, door) = (free_address()?, free_address()?);
    let secret =
        Secret::from_bytes(&options.seed.to_le_bytes().repeat(4)).context("a secret for the sample CRM")?;
    site.set("API__LISTEN", &api);
    site.set("INGEST__LISTEN", &door);
    site.set("CRM__SAMPLE__SECRET", &secret.reveal());
    site.set("CRM__SAMPLE__CLOCK", "data");
    let mut role = site.role(&["all"], false)?;
    ready(&api).await?;
    tokio::time::sleep(IDLE).await;
    role.verify_running()?;
    let idle = role.memory()?;

    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock")?.as_millis();
    let sample = SampleOptions {
        seed: options.seed,
        campaigns,
        accounts: 3,
        days: DAYS,
        end: TimestampMs(i64::try_from(end)?),
    };
    let mut posts = Vec::new();
    let (mut rows, mut objects) = (0_u64, Vec::new());
    for item in generate(&sample) {
        match item.message {
            SampleMessage::Facebook(message) => objects.push(message),
            SampleMessage::Crm(message) => posts.push(message),
        }
    }
    rows += objects.len() as u64;
    let loaded = site.load(rows, move |loader| {
        objects.iter().try_for_each(|message| loader.put(Topic::RawFacebook, &message.key, &message.event()))
    });
    loaded.await?;
    let messages = rows + posts.len() as u64;
    let path = format!("/webhooks/crm/{CRM}");
    let to = Door { address: door, path, secret, connections: CONNECTIONS };
    let waiting = spinner(&format!("posting {} webhooks", posts.len()));
    tokio::task::spawn_blocking(move || to.post_all(posts)).await??;
    waiting.finish_and_clear();
    for (group, topics) in GROUPS {
        site.drained(&mut role, group, topics).await?;
    }
    tokio::time::sleep(IDLE).await;
    let after = role.memory()?;
    role.stop().await?;
    site.stop().await?;
    Ok([
        ("idle_mib", idle.now),
        ("after_traffic_mib", after.now),
        ("peak_mib", after.peak),
        ("messages", super::float(messages)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

async fn ready(api: &str) -> anyhow::Result<()> {
    for _ in 0..600 {
        let url = format!("http://{api}/readyz");
        let answer = tokio::task::spawn_blocking(move || ureq::get(&url).call().is_ok()).await?;
        if answer {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("`adpulse all` was not ready within a minute")
}
