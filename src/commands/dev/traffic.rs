//! Sample traffic on the ways that real traffic takes: ad-platform objects onto `raw.facebook`, CRM events as signed
//! webhooks through the door.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::sample::{CrmMessage, SampleMessage, SampleOptions};
use ingest::webhook::{Secret, sign};
use ingest::{Record, RecordSink as _};
use schemas::{TimestampMs, Topic};

use super::engines::SAMPLE_CRM;
use crate::cli::DevArgs;
use crate::roles::{Context, ProducerSink, now};

/// Requests under way at once.
const POSTERS: usize = 8;
/// Days of history.
const DAYS: u32 = 45;
/// How long the traffic goes on where nobody ends it before.
const DAYS_AHEAD: u32 = 30;
/// Ad accounts.
const ACCOUNTS: u32 = 3;
/// How often a request is repeated when Kafka does not acknowledge.
const ATTEMPTS: u32 = 5;

/// A secret that nobody else knows.
pub fn new_secret() -> anyhow::Result<Secret> {
    Secret::from_bytes(&rand::random::<[u8; 32]>()).context("making a secret for the sample CRM")
}

/// A way onto the raw topics.
pub fn sink(context: &Context) -> anyhow::Result<ProducerSink> {
    Ok(ProducerSink::new(context, kafka::Producer::new(&context.kafka, "sample")?))
}

/// Sends the whole history up to now, oldest first; and then, unless this is to end, what the coming days bring, when they
/// bring it.
pub async fn sample(
    context: &Context,
    args: &DevArgs,
    secret: &Secret,
    sink: &ProducerSink,
) -> anyhow::Result<()> {
    let options = SampleOptions {
        seed: args.seed,
        campaigns: args.campaigns,
        accounts: ACCOUNTS,
        days: if args.once { DAYS } else { DAYS + DAYS_AHEAD },
        end: if args.once { now() } else { TimestampMs(now().0 + i64::from(DAYS_AHEAD) * 86_400_000) },
    };
    let url = format!("http://{}/webhooks/crm/{SAMPLE_CRM}", context.config.ingest.listen);
    let bar = ProgressBar::new_spinner()
        .with_style(
            ProgressStyle::with_template("{spinner} {msg} {pos} messages {per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        )
        .with_message("sample traffic:");
    let (posts, waiting) = mpsc::sync_channel::<CrmMessage>(POSTERS * 4);
    let (secret, bar_of_posters) = (secret.clone(), bar.clone());
    let posting = tokio::task::spawn_blocking(move || post_all(&url, &secret, waiting, &bar_of_posters));
    let mut acknowledged = std::collections::VecDeque::new();
    for item in ingest::sample::generate(&options) {
        let ahead = u64::try_from(item.at.0 - now().0).unwrap_or(0);
        if ahead > 0 {
            while let Some(ack) = acknowledged.pop_front() {
                ack.await?;
            }
            bar.finish_and_clear();
            tokio::time::sleep(Duration::from_millis(ahead)).await;
        }
        match item.message {
            SampleMessage::Facebook(message) => {
                let record =
                    Record::Raw { topic: Topic::RawFacebook, key: &message.key, event: &message.event() };
                acknowledged.push_back(sink.send(record));
                bar.inc(1);
                if acknowledged.len() >= 1_000
                    && let Some(oldest) = acknowledged.pop_front()
                {
                    oldest.await?;
                }
            }
            SampleMessage::Crm(message) => {
                if !offer(&posts, message).await {
                    break;
                }
            }
        }
    }
    for ack in acknowledged {
        ack.await?;
    }
    drop(posts);
    posting.await??;
    bar.finish_and_clear();
    Ok(())
}

/// Waits for room without blocking the runtime. `false` when the posters have given up.
async fn offer(posts: &mpsc::SyncSender<CrmMessage>, mut message: CrmMessage) -> bool {
    loop {
        match posts.try_send(message) {
            Ok(()) => return true,
            Err(mpsc::TrySendError::Full(returned)) => message = returned,
            Err(mpsc::TrySendError::Disconnected(_)) => return false,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Posts every message, some at a time; their order does not matter to the rules.
fn post_all(
    url: &str,
    secret: &Secret,
    waiting: mpsc::Receiver<CrmMessage>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let waiting = std::sync::Mutex::new(waiting);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    std::thread::scope(|scope| {
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().map_err(|_| anyhow!("a poster panicked"))?.recv();
                        let Ok(message) = next else { return Ok(()) };
                        post(&agent, url, secret, &message)?;
                        bar.inc(1);
                    }
                })
            })
            .collect();
        posters.into_iter().try_for_each(|poster| poster.join().map_err(|_| anyhow!("a poster panicked"))?)
    })
}

fn post(agent: &ureq::Agent, url: &str, secret: &Secret, message: &CrmMessage) -> anyhow::Result<()> {
    for attempt in 1..=ATTEMPTS {
        let timestamp = now().0 / 1_000;
        let answer = agent
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", sign(secret, &message.id, timestamp, &message.body))
            .send(message.body.as_slice())
            .with_context(|| format!("posting to {url}"))?;
        match answer.status().as_u16() {
            200..300 => return Ok(()),
            429 | 503 if attempt < ATTEMPTS => std::thread::sleep(Duration::from_secs(1)),
            status => bail!("{url} answered {status} to {}", message.id),
        }
    }
    Ok(())
}
