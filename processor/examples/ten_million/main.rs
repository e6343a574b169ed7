//! Millions of events over many campaigns through one scorer in one process: what they cost in time and memory.
//!
//! The events are made on the fly, one transaction at a time, and that time is reported apart.
//!
//! `cargo run --release -p processor --example ten_million -- [--events N] [--campaigns N] [--transaction N]
//! [--days N] [--seed N] [--json]`

#![allow(clippy::print_stdout, reason = "it reports to whoever runs it")]
#![allow(clippy::disallowed_methods, reason = "it measures the rules from outside, with a clock")]

mod corpus;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use corpus::Corpus;
use processor::{Outcome, Policy, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Origin, Recommendation, Watermark,
};

fn main() {
    let sizes = Sizes::from_arguments();
    let mut corpus = Corpus::new(sizes);
    let mut scorer = Scorer::new(Arc::new(Policy::default()), 0);
    let (mut counted, mut outcomes) = (Counted::default(), [0_u64; Outcome::ALL.len()]);
    let [mut generated, mut applied, mut flushed] = [Spent::default(); 3];
    let mut offset = 0;
    while offset < sizes.events {
        let begun = Clock::now();
        let batch = corpus.transaction(offset);
        let ready = Clock::now();
        for (made, at) in batch.iter().zip(offset..) {
            let origin = Origin { topic: "events", partition: 0, offset: at };
            let applied = scorer.apply(corpus.key(made), &corpus.event(made), &origin);
            outcomes[applied.outcome as usize] += 1;
        }
        let done = Clock::now();
        let Ok(()) = scorer.flush(&mut counted);
        scorer.commit();
        generated.add(&begun, &ready);
        applied.add(&ready, &done);
        flushed.add(&done, &Clock::now());
        offset += i64::try_from(batch.len()).unwrap_or(0);
    }
    Report {
        sizes,
        outcomes: Outcome::ALL.iter().map(|outcome| outcome.as_str()).zip(outcomes).collect(),
        records: counted.records,
        generated,
        applied,
        flushed,
        campaigns: scorer.campaign_count(),
        state_bytes: scorer.state_bytes(),
        peak_bytes: peak_bytes(),
    }
    .print();
}

/// The wall's clock, and the processor's as far as this thread ran, where the system tells it.
struct Clock {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    fn now() -> Self {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let ran = told.and_then(|told| told.split(' ').next()?.parse().ok()).map(Duration::from_nanos);
        Self { wall: Instant::now(), cpu: ran }
    }
}

/// Time spent on one part of the work.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

impl Spent {
    fn add(&mut self, from: &Clock, to: &Clock) {
        self.wall += to.wall - from.wall;
        self.cpu += match (from.cpu, to.cpu) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => to.wall - from.wall,
        };
    }

    fn text(&self) -> String {
        format!("{:.2} s, {:.2} s of the processor", self.wall.as_secs_f64(), self.cpu.as_secs_f64())
    }
}

/// How much to do.
#[derive(Clone, Copy)]
struct Sizes {
    events: i64,
    campaigns: usize,
    transaction: usize,
    days: i64,
    seed: u64,
    json: bool,
}

impl Sizes {
    fn from_arguments() -> Self {
        let mut sizes = Self {
            events: 10_000_000,
            campaigns: 100_000,
            transaction: 10_000,
            days: 45,
            seed: 1,
            json: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--json" {
                sizes.json = true;
                continue;
            }
            let value = arguments.next().and_then(|value| value.replace('_', "").parse::<u32>().ok());
            let Some(value) = value.filter(|value| *value > 0) else {
                eprintln!("{name} needs a number above 0");
                std::process::exit(2);
            };
            match name.as_str() {
                "--events" => sizes.events = value.into(),
                "--campaigns" => sizes.campaigns = value as usize,
                "--transaction" => sizes.transaction = value as usize,
                "--days" => sizes.days = value.into(),
                "--seed" => sizes.seed = value.into(),
                _ => {
                    eprintln!("{name} is not an argument of this example; its first lines name them");
                    std::process::exit(2);
                }
            }
        }
        sizes
    }
}

/// Counts what is written, by topic.
#[derive(Default)]
struct Counted {
    records: BTreeMap<&'static str, u64>,
}

impl Counted {
    fn one(&mut self, topic: &'static str) -> Result<(), Infallible> {
        *self.records.entry(topic).or_default() += 1;
        Ok(())
    }
}

impl ScoreOutput for Counted {
    type Error = Infallible;
    fn campaign(&mut self, _: &str, record: &Campaign<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("campaigns")
    }
    fn day(&mut self, _: &str, record: &CampaignDay<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("campaign-days")
    }
    fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
        std::hint::black_box(key);
        self.one("campaign-days")
    }
    fn account(&mut self, _: &str, record: &Account<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("accounts")
    }
    fn score(&mut self, _: &str, record: &CampaignScore<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("scores")
    }
    fn recommendation(&mut self, _: &str, record: &Recommendation<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("recommendations")
    }
    fn alert(&mut self, _: &str, record: &Alert<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("alerts")
    }
    fn watermark(&mut self, _: &str, record: &Watermark<'_>) -> Result<(), Infallible> {
        std::hint::black_box(record);
        self.one("watermarks")
    }
}

/// Peak of the process's resident memory, where the system tells it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

struct Report {
    sizes: Sizes,
    outcomes: BTreeMap<&'static str, u64>,
    records: BTreeMap<&'static str, u64>,
    generated: Spent,
    applied: Spent,
    flushed: Spent,
    campaigns: usize,
    state_bytes: usize,
    peak_bytes: Option<u64>,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "figures to read, not to count with")]
    fn print(&self) {
        let events = self.sizes.events as f64;
        let per_second = events / (self.applied.wall + self.flushed.wall).as_secs_f64();
        let per_cpu_second = events / (self.applied.cpu + self.flushed.cpu).as_secs_f64();
        let per_campaign = self.state_bytes / self.campaigns.max(1);
        if self.sizes.json {
            let report = serde_json::json!({
                "events": self.sizes.events,
                "campaigns": self.campaigns,
                "transaction_events": self.sizes.transaction,
                "days": self.sizes.days,
                "seed": self.sizes.seed,
                "generate_seconds": self.generated.wall.as_secs_f64(),
                "generate_cpu_seconds": self.generated.cpu.as_secs_f64(),
                "apply_seconds": self.applied.wall.as_secs_f64(),
                "apply_cpu_seconds": self.applied.cpu.as_secs_f64(),
                "flush_seconds": self.flushed.wall.as_secs_f64(),
                "flush_cpu_seconds": self.flushed.cpu.as_secs_f64(),
                "events_per_second": per_second,
                "events_per_cpu_second": per_cpu_second,
                "state_bytes_per_campaign": per_campaign,
                "peak_bytes": self.peak_bytes,
                "outcomes": self.outcomes,
                "records": self.records,
            });
            println!("{report:#}");
            return;
        }
        println!("events            {}", self.sizes.events);
        println!("campaigns         {}", self.campaigns);
        println!("transactions of   {}", self.sizes.transaction);
        println!("generate          {}, not counted below", self.generated.text());
        println!("apply             {}", self.applied.text());
        println!("flush and commit  {}", self.flushed.text());
        println!("events per second {per_second:.0}, {per_cpu_second:.0} per second of the processor");
        println!("state             {per_campaign} bytes per campaign");
        if let Some(peak) = self.peak_bytes {
            println!("peak memory       {:.1} MiB", peak as f64 / 1_048_576.0);
        }
        println!("outcomes          {:?}", self.outcomes);
        println!("records           {:?}", self.records);
    }
}
