//! `soak`: breaks a running adpulse for as long as asked and says whether it kept its promises.
//!
//! Progress goes to the standard error; the last thing on the standard output is one JSON object. The exit status is 0 only when
//! the oracle holds.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use soak::bugs;
use soak::cases::{GROUPS, Group};
use soak::engines::Engines;
use soak::points::{CRASH_POINTS, SEEDED_BUGS};
use soak::report::Report;
use soak::run::{Plan, Progress, run, run_on};
use soak::schedule::Schedule;

const LINE_EVERY: Duration = Duration::from_secs(5);
/// More faults than a minute can hold.
const FAULTS_A_MINUTE: usize = 60;

/// Breaks a running adpulse and proves that nothing is lost and nothing counted twice.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Seed of schedule, traffic and jitter; printed, and drawn if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults are injected.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Nothing but the JSON object.
    #[arg(long)]
    json: bool,
    /// Only faults whose kind begins with one of these, separated by commas, such as network.kafka,sigkill.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// Keep logs, journal and the engines' data in this folder.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The faults that must pass, each once, by what breaks: a group, or `all`; `list` prints the groups with their rules.
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["faults", "minutes", "seeded_bug"])]
    cases: Option<String>,
    /// Switch a defect on that the oracle must find; `list` prints their names.
    #[arg(long, value_name = "NAME")]
    seeded_bug: Option<String>,
    /// `list` prints the names of all crash points.
    #[arg(long, value_name = "list")]
    crash_points: Option<String>,
    /// Print so many faults of the schedule and end.
    #[arg(long, value_name = "N")]
    schedule: Option<usize>,
}

fn main() -> ExitCode {
    soak::disk::keep_mounts_private();
    let cli = Cli::parse();
    match soak(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn soak(cli: &Cli) -> anyhow::Result<ExitCode> {
    if let Some(asked) = &cli.crash_points {
        if asked != "list" {
            bail!("--crash-points {asked}: only `list` is known");
        }
        return print(CRASH_POINTS.iter().map(|point| point.name.to_owned()));
    }
    if cli.seeded_bug.as_deref() == Some("list") {
        return print(SEEDED_BUGS.iter().map(|bug| bug.name.to_owned()));
    }
    let seed = cli.seed.unwrap_or_else(rand::random);
    if let Some(count) = cli.schedule {
        return print(Schedule::new(seed, &cli.faults).take(count).map(|step| format!("{:?}", step.fault)));
    }
    if cli.cases.as_deref() == Some("list") {
        let rules = |group: &Group| {
            group.cases().into_iter().map(|case| format!("{}: {}", group.name, case.rule)).collect::<Vec<_>>()
        };
        return print(GROUPS.iter().flat_map(rules));
    }
    if !cli.json {
        eprintln!("soak: seed {seed}");
    }
    let report = match (&cli.seeded_bug, &cli.cases) {
        (Some(bug), _) => {
            let plan = Plan { keep: cli.keep.clone(), ..bugs::plan(bug, seed)? };
            one(cli, &plan)?
        }
        (None, Some(asked)) => cases(cli, asked)?,
        (None, None) => one(cli, &plan(cli, seed)?)?,
    };
    print([serde_json::to_string(&report)?].into_iter())?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(cli: &Cli, plan: &Plan) -> anyhow::Result<Report> {
    let teller = Teller::new(cli, plan.time);
    let report = run(plan, &|progress| teller.tell(progress))?;
    teller.bar.finish_and_clear();
    Ok(report)
}

/// Runs a group, or all but the choice of them, one after the other on the same engines.
fn cases(cli: &Cli, asked: &str) -> anyhow::Result<Report> {
    let groups: Vec<&Group> = match asked {
        "all" => GROUPS.iter().filter(|group| group.name != "quick").collect(),
        name => vec![Group::named(name).context("--cases: `list` prints the groups")?],
    };
    let engines = Arc::new(Engines::start(groups[0].seed, cli.keep.clone())?);
    let mut all: Option<Report> = None;
    for group in groups {
        let plan = Plan::of(cli.seed.unwrap_or(group.seed), group.steps());
        let teller = Teller::new(cli, None);
        let report = run_on(&engines, group.name, &plan, &|progress| teller.tell(progress))?;
        teller.bar.finish_and_clear();
        for (case, judged) in group.judged(&report).into_iter().filter(|_| !cli.json) {
            match judged {
                Ok(seconds) => eprintln!("soak: {}: unavailable for at most {seconds} s", case.rule),
                Err(problem) => eprintln!("soak: {}: FAILED: {problem}", case.rule),
            }
        }
        match &mut all {
            Some(all) => all.add(report),
            None => all = Some(report),
        }
    }
    all.context("no group was run")
}

fn plan(cli: &Cli, seed: u64) -> anyhow::Result<Plan> {
    let time = Duration::try_from_secs_f64(cli.minutes * 60.0).context("--minutes")?;
    let faults = usize::try_from(time.as_secs() / 60 + 1)? * FAULTS_A_MINUTE;
    let steps: Vec<_> = Schedule::new(seed, &cli.faults).take(faults).collect();
    if steps.is_empty() {
        bail!("--faults {}: no fault is of such a kind", cli.faults.join(","));
    }
    // Enough traffic for the whole time, whatever of it is spent waiting.
    let campaigns = u32::try_from(time.as_secs() / 6)?.clamp(40, 20_000);
    let settle_within = Duration::from_secs(300);
    let usual = Plan::of(seed, steps);
    let keep = cli.keep.clone();
    Ok(Plan { time: Some(time), wait: false, campaigns, per_second: 60.0, settle_within, keep, ..usual })
}

fn print(lines: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").context("standard output")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells how far a run is: a bar on a terminal, a line every few seconds elsewhere.
struct Teller {
    bar: ProgressBar,
    lines: bool,
    last: Mutex<Option<Instant>>,
}

impl Teller {
    fn new(cli: &Cli, time: Option<Duration>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("soak {bar:30} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = time.unwrap_or_default().as_secs();
        let bar = if terminal && !cli.json { ProgressBar::new(length) } else { ProgressBar::hidden() };
        Self { bar: bar.with_style(style), lines: !terminal && !cli.json, last: Mutex::new(None) }
    }

    fn tell(&self, progress: &Progress) {
        let Progress { elapsed, sent, faults, doing } = progress;
        let text = format!("{} s, {sent} messages, {faults} faults, {doing}", elapsed.as_secs());
        self.bar.set_position(elapsed.as_secs());
        self.bar.set_message(text.clone());
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.lines && last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            eprintln!("soak: {text}");
            *last = Some(Instant::now());
        }
    }
}
