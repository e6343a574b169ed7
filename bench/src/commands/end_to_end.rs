//! How long a webhook takes through the whole pipeline, while webhooks come at a steady rate whatever becomes of them (open loop): from
//! when it was due to be sent to when Postgres shows the recommendation that counts it.
//!
//! Each webhook creates a lead of the next campaign, so the leads that a score counts tell how many of its campaign's webhooks it has
//! seen. Roles are processes of their own, on the machine that also carries the engines and this program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use devstack::Engine;
use ingest::sample::CrmMessage;
use ingest::webhook::Secret;
use serde_json::json;

use super::float;
use super::latency::{START, summary};
use super::posting::{Door, Post};
use crate::process::Process;
use crate::report::{Figures, Report};
use crate::site::{Site, free_address};
use crate::{EndToEndArgs, Options};

const CRM: &str = "sample";
const ROLES: [&[&str]; 4] = [&["ingest"], &["normalize"], &["score"], &["sink", "postgres"]];
const CAMPAIGNS: u64 = 500;
/// Requests under way at once; a sender that waits for its answer does not hold up the others.
const SENDERS: usize = 240;
/// The beginning of the warm-up is slower by this factor.
const SLOWER: u64 = 5;
/// Postgres is asked so often; no latency is known better than this. At high rates less often: looking takes CPU from what is looked
/// at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_EVERY_BUSY: Duration = Duration::from_millis(25);
const BUSY: u64 = 1_000;
/// What is still under way at the end is waited for so long.
const DRAIN: Duration = Duration::from_secs(60);
const OPENS_WITHIN: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);
const SHOWN: &str = "SELECT campaign_id, window_crm_leads FROM scores";

/// Measures at each of the rates.
pub async fn run(options: &Options, args: EndToEndArgs) -> anyhow::Result<Report> {
    let EndToEndArgs { rates, seconds, warm_up } =
        if options.smoke { EndToEndArgs { rates: vec![50], seconds: 2, warm_up: 1 } } else { args };
    let mut report = Report::new("end-to-end", rates.iter().sum::<u64>() * seconds);
    for rate in rates {
        let plan = Plan::new(rate, warm_up, seconds);
        for _ in 0..options.run_count() {
            report.add(&format!("{rate} webhooks a second"), once(plan, options).await?);
        }
    }
    Ok(report)
}

async fn once(plan: Plan, options: &Options) -> anyhow::Result<Figures> {
    let mut site = Site::start(&[Engine::Kafka, Engine::ClickHouse, Engine::Postgres], options).await?;
    let secret = Secret::from_bytes(&options.seed.to_le_bytes().repeat(4)).context("a secret for the CRM")?;
    let door = free_address()?;
    site.set("INGEST__LISTEN", &door);
    site.set("CRM__SAMPLE__SECRET", &secret.reveal());
    let mut roles = Vec::new();
    for args in ROLES {
        site.set("METRICS__LISTEN", &free_address()?);
        roles.push(site.role(args, false)?);
    }
    opened(&mut roles[0], &door).await?;
    let start = Instant::now() + START;
    let path = format!("/webhooks/crm/{CRM}");
    let to = Door { address: door, path, secret, connections: SENDERS };
    let failed = std::sync::Arc::new(AtomicBool::new(false));
    let sending = {
        let failed = std::sync::Arc::clone(&failed);
        tokio::task::spawn_blocking(move || {
            let sent = plan.send(&to, start);
            failed.store(sent.is_err(), Ordering::Release);
            sent
        })
    };
    let seen = plan.watch(&site.postgres()?, start, &failed).await;
    let latest = sending.await??;
    let latencies = seen?;
    let mut figures = summary(latencies, latest);
    figures.insert("webhooks_per_second".to_owned(), float(plan.rate));
    for (args, role) in ROLES.iter().zip(&mut roles) {
        role.verify_running()?;
        figures.insert(format!("cpu_seconds_{}", args.join("_")), role.cpu_seconds()?);
    }
    for role in roles {
        role.stop().await?;
    }
    site.stop().await?;
    Ok(figures)
}

/// Waits until the door takes connections.
async fn opened(role: &mut Process, address: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + OPENS_WITHIN;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        role.verify_running()?;
        ensure!(Instant::now() < deadline, "the door did not open:\n{}", role.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    rate: u64,
    webhooks: u64,
    /// So many of them come first and are not measured.
    warm_up: u64,
    /// So many of those come slowly.
    slow: u64,
}

impl Plan {
    /// Two thirds of the warm-up are slow: while a broker's compiler works, it carries less than afterwards, and what waits then
    /// would be measured as if it waited for us.
    fn new(rate: u64, warm_up_s: u64, seconds: u64) -> Self {
        let slow_s = warm_up_s * 2 / 3;
        let slow = rate * slow_s / SLOWER;
        let warm_up = slow + rate * (warm_up_s - slow_s);
        Self { rate, webhooks: warm_up + rate * seconds, warm_up, slow }
    }

    fn due(self, number: u64) -> Duration {
        let at_rate = |webhooks: u64| Duration::from_nanos(webhooks * 1_000_000_000 / self.rate);
        at_rate(number.min(self.slow) * SLOWER) + at_rate(number.saturating_sub(self.slow))
    }

    /// Posts each webhook when it is due. Returns how late the latest was sent.
    fn send(self, to: &Door, start: Instant) -> anyhow::Result<Duration> {
        let mut numbers = 0..self.webhooks;
        to.post(move || {
            let number = numbers.next()?;
            Some(webhook(number).map(|message| Post { due: start + self.due(number), message }))
        })
    }

    /// Reads the scores until they count every webhook. Returns the latencies of those after the warm-up, milliseconds.
    async fn watch(self, url: &str, start: Instant, failed: &AtomicBool) -> anyhow::Result<Vec<f64>> {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.context("connecting to Postgres")?;
        let connection = tokio::spawn(connection);
        let shown = client.prepare(SHOWN).await?;
        let mut counted = vec![0_u64; usize::try_from(CAMPAIGNS)?];
        let (mut left, mut latencies) = (self.webhooks, Vec::new());
        let deadline = start + self.due(self.webhooks) + DRAIN;
        let mut looks = tokio::time::interval(if self.rate < BUSY { LOOK_EVERY } else { LOOK_EVERY_BUSY });
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        while left > 0 {
            looks.tick().await;
            ensure!(!failed.load(Ordering::Acquire), "the sender failed");
            let rows = client.query(&shown, &[]).await?;
            let now = Instant::now();
            for row in rows {
                let (campaign, leads): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
                let campaign: u64 = campaign.parse().context("a campaign")?;
                let seen = &mut counted[usize::try_from(campaign)?];
                for number in *seen..leads.unsigned_abs() {
                    let number = number * CAMPAIGNS + campaign;
                    left = left.saturating_sub(1);
                    if number >= self.warm_up {
                        let due = start + self.due(number);
                        latencies.push(now.saturating_duration_since(due).as_secs_f64() * 1e3);
                    }
                }
                *seen = (*seen).max(leads.unsigned_abs());
            }
            ensure!(now < deadline, "{left} of {} webhooks were not counted in time", self.webhooks);
        }
        drop(client);
        connection.await??;
        Ok(latencies)
    }
}

/// A lead of the next campaign, created yesterday: today is not in the window of a score.
fn webhook(number: u64) -> anyhow::Result<CrmMessage> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock")?;
    let (created_at, timestamp_s) = (now.saturating_sub(DAY).as_millis(), i64::try_from(now.as_secs())?);
    let body = json!({
        "type": "lead.created",
        "timestamp": schemas::TimestampMs(i64::try_from(created_at)?).to_string(),
        "data": {"lead_id": format!("lead-{number}"), "account": "1", "campaign": (number % CAMPAIGNS).to_string()},
    });
    Ok(CrmMessage { id: format!("webhook-{number}"), timestamp_s, body: body.to_string().into_bytes() })
}
