//! How long a fact takes through `score`, while facts come at a steady rate whatever becomes of them (open loop).
//!
//! Each fact restates a campaign's day with a spend that is its own number, so a score tells by its window which fact it
//! has seen, and with it all earlier ones of that campaign. A fact's latency runs from the moment it was due to be sent
//! until a `read_committed` reader has a score that counts it; coordinated omission cannot hide a stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use devstack::Engine;
use kafka::{KafkaSettings, Producer, ReadRange, Record, TopicReader};
use schemas::record::{BatchRow, CampaignScore, Event, EventBody, Figures, MetricsObserved, Origin, Source};
use schemas::{Day, Micros, Schemas, TimestampMs, Topic};

use super::{SCORE, float};
use crate::corpus::{Campaign, Dice};
use crate::peers::Place;
use crate::peers::streams::{MODES, Streams};
use crate::report::{Figures as Measured, Report};
use crate::site::Site;
use crate::{LatencyArgs, Options, Peer};

const CAMPAIGNS: u64 = 20_000;
/// From the order to begin to the first fact.
pub(super) const START: Duration = Duration::from_secs(1);
/// What is still under way at the end is waited for so long.
const DRAIN: Duration = Duration::from_secs(30);
/// Shorter commits cost Streams throughput and gain it latency.
const PEER_COMMIT_MS: u64 = 20;
const TODAY: Day = Day(20_700);

/// Measures.
pub async fn run(options: &Options, args: LatencyArgs) -> anyhow::Result<Report> {
    let LatencyArgs { rate, seconds, warm_up } =
        if options.smoke { LatencyArgs { rate: 200, seconds: 2, warm_up: 0 } } else { args };
    let warm_up_time = Duration::from_secs(warm_up);
    let plan = Plan { rate, records: rate * (seconds + warm_up), seed: options.seed, warm_up: warm_up_time };
    let mut report = Report::new("latency", plan.records);
    let streams = (options.peer == Some(Peer::KafkaStreams)).then(Streams::build).transpose()?;
    for _ in 0..options.run_count() {
        report.add("adpulse", adpulse(plan, options).await?);
        if let Some(streams) = &streams {
            report.add("kafka-streams commit-live", peer(plan, streams, options).await?);
        }
    }
    let rate_of = |series: &str, figure: &str| report.median(series, figure);
    let (ours, peers) = ("adpulse", "kafka-streams commit-live");
    let share = rate_of(ours, "p99_ms").zip(rate_of(peers, "p99_ms")).map(|(ours, peer)| ours / peer);
    report.verdict.insert("facts_per_second".to_owned(), rate.into());
    report.verdict.insert("p99_share_of_peer".to_owned(), share.into());
    Ok(report)
}

/// The role, which commits early when nothing more is waiting.
async fn adpulse(plan: Plan, options: &Options) -> anyhow::Result<Measured> {
    let site = Site::start(&[Engine::Kafka], options).await?;
    let mut role = site.role(SCORE.args, true)?;
    site.joined(&mut role).await?;
    let scores = site.topic(Topic::Scores);
    let warm = async {
        tokio::time::sleep(START + plan.warm_up).await;
        anyhow::Ok((commits(&site).await?, role.cpu_seconds()?))
    };
    let (figures, warm) = tokio::join!(plan.carried_out(&site, scores), warm);
    let (mut figures, (before, idle)) = (figures?, warm?);
    let commits = commits(&site).await?;
    let since = |name: &str| {
        commits.get(name).copied().unwrap_or_default() - before.get(name).copied().unwrap_or_default()
    };
    let transactions = since(TRANSACTIONS);
    let counted = float(plan.records - plan.records_of_warm_up());
    figures.insert("records_per_transaction".to_owned(), counted / transactions);
    for phase in commits.keys().filter(|name| *name != TRANSACTIONS) {
        figures.insert(format!("commit_{phase}_ms"), since(phase) * 1e3 / transactions);
    }
    figures.insert("cpu_seconds".to_owned(), role.cpu_seconds()? - idle);
    role.stop().await?;
    site.stop().await?;
    Ok(figures)
}

const TRANSACTIONS: &str = "transactions";

/// Transactions so far, and the seconds that they have spent in each phase of their commits.
async fn commits(site: &Site) -> anyhow::Result<Measured> {
    let transactions = site.counter(kafka::metrics::COMMITTED_TOTAL).await?;
    let mut commits = Measured::from([(TRANSACTIONS.to_owned(), transactions)]);
    let of_phase = format!("{}_sum", kafka::metrics::COMMIT_PHASE_SECONDS);
    for (labels, seconds) in site.samples(&of_phase).await? {
        if let Some((_, phase)) = labels.split_once("phase=\"") {
            commits.insert(phase.trim_end_matches(['"', '}']).to_owned(), seconds);
        }
    }
    Ok(commits)
}

/// Kafka Streams in its strongest configuration.
async fn peer(plan: Plan, streams: &Streams, options: &Options) -> anyhow::Result<Measured> {
    let site = Site::start(&[Engine::Kafka], options).await?;
    let place = Place::under("peer.", site.topic(Topic::Events));
    site.add_topics("peer.")?;
    let commit_ms = options.commit_ms.unwrap_or(PEER_COMMIT_MS);
    let process = streams.start(&site, MODES[0], commit_ms, &place).await?;
    let warm = async {
        tokio::time::sleep(START + plan.warm_up).await;
        process.cpu_seconds()
    };
    let (figures, idle) = tokio::join!(plan.carried_out(&site, place.scores), warm);
    let (mut figures, idle) = (figures?, idle?);
    figures.insert("cpu_seconds".to_owned(), process.cpu_seconds()? - idle);
    process.stop().await?;
    site.stop().await?;
    Ok(figures)
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    rate: u64,
    records: u64,
    seed: u64,
    warm_up: Duration,
}

impl Plan {
    async fn carried_out(self, site: &Site, scores: String) -> anyhow::Result<Measured> {
        let (settings, events) = (site.kafka()?, site.topic(Topic::Events));
        tokio::task::spawn_blocking(move || self.measure(&settings, &events, &scores)).await?
    }

    /// When a fact is due, after the start.
    fn due(self, number: u64) -> Duration {
        Duration::from_nanos(number * 1_000_000_000 / self.rate)
    }

    /// Which campaign a fact is about.
    fn campaign(self, number: u64) -> usize {
        usize::try_from(Dice::new(self.seed ^ (number << 8)).below(CAMPAIGNS)).unwrap_or_default()
    }

    fn measure(self, settings: &KafkaSettings, events: &str, scores: &str) -> anyhow::Result<Measured> {
        let keys: Arc<[String]> = (0..CAMPAIGNS).map(|number| Campaign::numbered(number).key()).collect();
        let sent = Arc::new(AtomicU64::new(0));
        let start = Instant::now() + START;
        let sending = {
            let (settings, events, keys, sent) =
                (settings.clone(), events.to_owned(), Arc::clone(&keys), Arc::clone(&sent));
            std::thread::spawn(move || self.send(&settings, &events, &keys, start, &sent))
        };
        let latencies = self.receive((settings, scores), &keys, start)?;
        let worst_lateness = sending.join().ok().context("the sender panicked")??;
        ensure!(
            latencies.len() as u64 + self.records_of_warm_up() == sent.load(Ordering::Acquire),
            "{} of {} facts were seen in scores: the run does not count",
            latencies.len(),
            self.records - self.records_of_warm_up()
        );
        Ok(summary(latencies, worst_lateness))
    }

    fn records_of_warm_up(self) -> u64 {
        self.rate * self.warm_up.as_secs()
    }

    /// Sends each fact when it is due, and those that are overdue at once. Returns how late the latest was.
    fn send(
        self,
        settings: &KafkaSettings,
        topic: &str,
        keys: &[String],
        start: Instant,
        sent: &AtomicU64,
    ) -> anyhow::Result<Duration> {
        let producer = Producer::new(settings, "bench-latency")?;
        let mut encoder = Schemas::compiled().encoder(Topic::Events);
        let (mut buffer, mut batch_id, mut latest) = (Vec::new(), String::new(), Duration::ZERO);
        for number in 0..self.records {
            let due = start + self.due(number);
            while let Some(early) =
                due.checked_duration_since(Instant::now()).filter(|early| !early.is_zero())
            {
                std::thread::sleep(early.max(Duration::from_micros(500)));
            }
            latest = latest.max(due.elapsed());
            batch_id.clear();
            std::fmt::Write::write_fmt(&mut batch_id, format_args!("{number}"))?;
            buffer.clear();
            encoder.encode(&fact(number, &batch_id)?, &mut buffer)?;
            let key = &keys[self.campaign(number)];
            // The delivery is not waited for: a score tells of it.
            drop(producer.enqueue(&Record::new(topic, Some(key.as_bytes()), Some(&buffer)))?);
            sent.fetch_add(1, Ordering::AcqRel);
        }
        producer.flush(DRAIN)?;
        Ok(latest)
    }

    /// Reads scores until every fact is counted by one. Returns the latencies in milliseconds.
    fn receive(
        self,
        (settings, scores): (&KafkaSettings, &str),
        keys: &[String],
        start: Instant,
    ) -> anyhow::Result<Vec<f64>> {
        let numbers: std::collections::HashMap<&str, usize> =
            keys.iter().enumerate().map(|(number, key)| (key.as_str(), number)).collect();
        let mut waiting: Vec<Vec<u64>> = vec![Vec::new(); keys.len()];
        for number in (0..self.records).rev() {
            waiting[self.campaign(number)].push(number);
        }
        let mut decoder = Schemas::compiled().decoder();
        let (mut left, mut latencies, mut broken) = (self.records, Vec::new(), None);
        let end = start + self.due(self.records) + DRAIN;
        TopicReader::follow(settings, "bench-latency", &ReadRange::whole(scores), |record| {
            let Some(record) = record else { return Instant::now() < end };
            let now = Instant::now();
            let key = record.key.map(std::str::from_utf8).and_then(Result::ok);
            let campaign = key.and_then(|key| numbers.get(key).copied());
            let (Some(campaign), Ok(score)) = (campaign, decoder.decode::<CampaignScore<'_>>(record.value))
            else {
                broken = Some(record.offset);
                return false;
            };
            let seen = score.window.spend_micros.0.unsigned_abs();
            while let Some(number) = waiting[campaign].pop_if(|number| spend(*number) <= seen) {
                left -= 1;
                if number >= self.records_of_warm_up() {
                    let due = start + self.due(number);
                    latencies.push(now.saturating_duration_since(due).as_secs_f64() * 1e3);
                }
            }
            left > 0 && now < end
        })?;
        ensure!(broken.is_none(), "the score at offset {broken:?} cannot be read");
        Ok(latencies)
    }
}

/// The spend that tells the fact's number, millionths; none spends nothing.
fn spend(number: u64) -> u64 {
    number + 1
}

fn fact(number: u64, batch_id: &str) -> anyhow::Result<Event<'_>> {
    let number = i64::try_from(number)?;
    Ok(Event {
        observed_at: TimestampMs(TODAY.midnight_utc().0 + number),
        origin: Origin { topic: "bench.raw.facebook", partition: 0, offset: number },
        flags: Vec::new(),
        doubts: Vec::new(),
        body: EventBody::MetricsObserved(MetricsObserved {
            source: Source::Facebook,
            day: Day(TODAY.0 - 1),
            batch: BatchRow { batch_id, row_index: 0, row_count: 1 },
            currency: Some("USD"),
            figures: Figures {
                spend_micros: Some(Micros(number + 1)),
                impressions: Some(1_000),
                leads: Some(1),
                ..Figures::default()
            },
        }),
    })
}

/// Percentiles of latencies, milliseconds.
pub(super) fn summary(mut latencies: Vec<f64>, worst_lateness: Duration) -> Measured {
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |per_mille: usize| {
        let last = latencies.len().saturating_sub(1);
        latencies.get(last * per_mille / 1_000).copied().unwrap_or_default()
    };
    [
        ("p50_ms", at(500)),
        ("p90_ms", at(900)),
        ("p99_ms", at(990)),
        ("p999_ms", at(999)),
        ("max_ms", at(1_000)),
        ("sender_late_max_ms", worst_lateness.as_secs_f64() * 1e3),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
