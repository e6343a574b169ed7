//! One run: traffic, faults, healing, verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kafka::{Producer, Record};
use schemas::{TimestampMs, Topic};

use crate::engines::Engines;
use crate::generator::Generator;
use crate::inject::inject;
use crate::journal::Journal;
use crate::oracle::log::settle;
use crate::oracle::{Damage, Findings, judge};
use crate::report::{Outcome, Report, longest_restore};
use crate::schedule::Step;
use crate::site::{PARTITIONS, Site};
use crate::watch::{Canary, Watch};
use crate::{block_on, now};

const SENDERS: usize = 4;
const STARTS_WITHIN: Duration = Duration::from_secs(90);
const DAY_MS: i64 = 86_400_000;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of the traffic and of the proxies.
    pub seed: u64,
    /// The faults, in their order.
    pub steps: Vec<Step>,
    /// No fault begins later than this after the first.
    pub time: Option<Duration>,
    /// Wait after each fault until something gets through again.
    pub wait: bool,
    /// Campaigns of the traffic.
    pub campaigns: u32,
    /// Messages a second.
    pub per_second: f64,
    /// From healing to lag 0.
    pub settle_within: Duration,
    /// The seeded defect.
    pub bug: Option<String>,
    /// Where logs and data stay.
    pub keep: Option<PathBuf>,
}

impl Plan {
    /// A plan of certain faults, each of which is recovered from before the next.
    #[must_use]
    pub fn of(seed: u64, steps: Vec<Step>) -> Self {
        Self {
            seed,
            steps,
            time: None,
            wait: true,
            campaigns: 25,
            per_second: 30.0,
            settle_within: Duration::from_secs(120),
            bug: None,
            keep: None,
        }
    }
}

/// How far a run has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Since the first fault.
    pub elapsed: Duration,
    /// Messages answered.
    pub sent: u64,
    /// Faults injected so far.
    pub faults: usize,
    /// What goes on.
    pub doing: String,
}

struct Injected {
    kind: String,
    begun: Instant,
    over: Instant,
    problem: Option<String>,
}

/// What the faults' part of a run leaves for the verdict.
#[derive(Default)]
struct Played {
    injected: Vec<Injected>,
    not_as_planned: Vec<String>,
    settled: Duration,
}

/// Ends traffic and watchers, also when the run fails half-way: their threads are waited for.
struct EndAll<'a, 'g>(&'a Generator<'g>, &'a Watch);

impl Drop for EndAll<'_, '_> {
    fn drop(&mut self) {
        self.0.stop();
        self.1.end();
    }
}

/// Runs a plan to its verdict on engines of its own.
///
/// # Errors
/// When there is no verdict: something did not start, or could not be read.
pub fn run(plan: &Plan, tell: &(dyn Fn(&Progress) + Sync)) -> anyhow::Result<Report> {
    let engines = Arc::new(Engines::start(plan.seed, plan.keep.clone())?);
    run_on(&engines, "soak", plan, tell)
}

/// Runs a plan to its verdict in an installation of its own on engines that others may have used.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    engines: &Arc<Engines>,
    name: &str,
    plan: &Plan,
    tell: &(dyn Fn(&Progress) + Sync),
) -> anyhow::Result<Report> {
    let site = Site::start(engines, name, plan.bug.as_deref())?;
    let path = site.folder.join("journal");
    let journal = Journal::create(&path)?;
    let traffic = Generator::new(&site, &journal, plan.seed, plan.campaigns, plan.per_second);
    let (watch, mut findings) = (Watch::default(), Findings::default());
    let played = std::thread::scope(|scope| {
        let guard = EndAll(&traffic, &watch);
        let mut senders = Vec::new();
        for _ in 0..SENDERS {
            senders.push(scope.spawn(|| traffic.send_items()));
        }
        senders.push(scope.spawn(|| traffic.upload_files()));
        let follower = scope.spawn(|| watch.follow(&site, &traffic));
        scope.spawn(|| watch.sample(&site));
        let mut played = play(plan, &site, &traffic, &watch, tell)?;
        let healing = Instant::now();
        if let Err(error) = site.heal() {
            findings.note("I8", Damage::Limit, "not ready again after healing", &[format!("{error:#}")]);
        }
        // What is on its way is answered now; then nothing new comes any more.
        traffic.stop();
        for sender in senders {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        gets_through(&watch, Instant::now(), plan.settle_within);
        drop(guard);
        follower.join().map_err(|_| anyhow::anyhow!("the follower panicked"))??;
        tell(&Progress {
            elapsed: Duration::ZERO,
            sent: traffic.sent(),
            faults: played.injected.len(),
            doing: "settling".to_owned(),
        });
        let settled = settle(&site, plan.settle_within)
            .and_then(|()| last_ticks(&site))
            .and_then(|()| settle(&site, plan.settle_within));
        if let Err(error) = settled {
            findings.note("I8", Damage::Limit, "not settled after healing", &[format!("{error:#}")]);
        }
        played.settled = healing.elapsed();
        anyhow::Ok(played)
    })?;
    tell(&Progress {
        elapsed: Duration::ZERO,
        sent: traffic.sent(),
        faults: played.injected.len(),
        doing: "judging".to_owned(),
    });
    let records = judge(&site, &path, &mut findings).context("no verdict")?;
    watch.judge(&mut findings);
    Ok(report(plan, &site, traffic.sent(), records, played, &watch, findings))
}

/// Injects the faults one after the other.
fn play(
    plan: &Plan,
    site: &Site,
    traffic: &Generator<'_>,
    watch: &Watch,
    tell: &(dyn Fn(&Progress) + Sync),
) -> anyhow::Result<Played> {
    let mut played = Played::default();
    if !gets_through(watch, Instant::now(), STARTS_WITHIN) {
        played.not_as_planned.push("nothing gets through before the first fault".to_owned());
    }
    let first = Instant::now();
    for step in &plan.steps {
        if plan.time.is_some_and(|time| first.elapsed() >= time) {
            break;
        }
        let kind = step.fault.kind();
        let faults = played.injected.len();
        tell(&Progress { elapsed: first.elapsed(), sent: traffic.sent(), faults, doing: kind.clone() });
        let begun = Instant::now();
        let mut problem = inject(site, traffic, &step.fault).err().map(|error| format!("{error:#}"));
        let over = Instant::now();
        if plan.wait && !gets_through(watch, over, plan.settle_within) {
            problem.get_or_insert(format!("nothing got through within {:?} after it", plan.settle_within));
        }
        played.not_as_planned.extend(problem.iter().map(|problem| format!("{kind}: {problem}")));
        played.injected.push(Injected { kind, begun, over, problem });
        std::thread::sleep(step.then);
    }
    Ok(played)
}

/// Waits until a message that was sent after a moment is in both stores.
fn gets_through(watch: &Watch, after: Instant, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if watch.canaries().iter().any(|canary| canary.sent >= after && canary.seen.is_some()) {
            return true;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    false
}

/// Tells every partition that the next day has come, after everything else, so that all campaigns are scored at one moment.
fn last_ticks(site: &Site) -> anyhow::Result<()> {
    let producer = Producer::new(&site.kafka(), "soak-clock")?;
    let mut value = Vec::new();
    let tick = ingest::clock::tick(TimestampMs(now().0 + DAY_MS + DAY_MS / 12));
    site.schemas.encoder(Topic::RawClock).encode(&tick, &mut value)?;
    let topic = site.topic(Topic::RawClock);
    for partition in 0..PARTITIONS {
        block_on(producer.send(Record::new(&topic, None, Some(&value)).to_partition(partition)))?;
    }
    Ok(())
}

fn report(
    plan: &Plan,
    site: &Site,
    acknowledged: u64,
    records: u64,
    played: Played,
    watch: &Watch,
    findings: Findings,
) -> Report {
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let mut unavailable: BTreeMap<String, f64> = BTreeMap::new();
    let canaries = watch.canaries();
    let mut outcomes = Vec::new();
    for fault in &played.injected {
        *faults.entry(fault.kind.clone()).or_default() += 1;
        let longest = unavailable.entry(fault.kind.clone()).or_default();
        let unavailable_s = unavailability(&canaries, fault);
        *longest = longest.max(unavailable_s);
        let (kind, problem) = (fault.kind.clone(), fault.problem.clone());
        outcomes.push(Outcome { kind, unavailable_s, problem });
    }
    let members = site.fleet().members();
    let logs = members.iter().map(|member| std::fs::read(&member.log).unwrap_or_default());
    let mut report = Report {
        seed: plan.seed,
        seeded_bug: plan.bug.clone(),
        faults,
        not_as_planned: played.not_as_planned,
        records,
        acknowledged,
        lost: 0,
        doubled: 0,
        wrong_figures: 0,
        longest_unavailable_s: canaries.iter().filter_map(taken).fold(0.0, f64::max),
        unavailable_s: unavailable,
        settled_s: tenths(played.settled.as_secs_f64()),
        restore: longest_restore(logs.map(|log| String::from_utf8_lossy(&log).into_owned())),
        memory_mib: watch.memory(),
        restarts: members.iter().map(|member| member.starts().saturating_sub(1)).sum(),
        verdict: "fail",
        violations: Vec::new(),
        outcomes,
    };
    report.judge(findings);
    report
}

fn taken(canary: &Canary) -> Option<f64> {
    Some(tenths(canary.seen?.duration_since(canary.sent).as_secs_f64()))
}

/// The slowest message that was under way during a fault, or was the first after it.
fn unavailability(canaries: &[Canary], fault: &Injected) -> f64 {
    let during = canaries
        .iter()
        .filter(|canary| canary.sent <= fault.over && canary.seen.is_none_or(|seen| seen >= fault.begun));
    let next = canaries.iter().find(|canary| canary.sent > fault.over);
    during.chain(next).filter_map(taken).fold(0.0, f64::max)
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
