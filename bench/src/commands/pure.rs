//! `codec` and `rules`: the pure work of the roles in this process, without engines. `instructions`: the same, counted by callgrind
//! and held against what was recorded, so that slow creep shows on however busy a machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::float;
use crate::options::Options;
use crate::process::own_cpu_seconds;
use crate::report::{Figures, Report};
use crate::work::{COLLECTED, Work, collected};

/// What is counted is a thousand items or so: callgrind takes fifty times as long, also for making them ready.
const COUNTED_ITEMS: u64 = 1_000;

/// Measures the codec.
pub fn codec(options: &Options) -> anyhow::Result<Report> {
    timed("codec", &Work::CODEC, options)
}

/// Measures the rules.
pub fn rules(options: &Options) -> anyhow::Result<Report> {
    timed("rules", &Work::RULES, options)
}

fn timed(command: &'static str, all: &[Work], options: &Options) -> anyhow::Result<Report> {
    let items = options.size(300_000, 5_000);
    let mut report = Report::new(command, items);
    for _ in 0..options.run_count() {
        for work in all {
            let mut ready = work.ready(items)?;
            let before = own_cpu_seconds()?;
            let mut count = 0;
            // The kernel counts in hundredths of a second, so a short piece of work is done again.
            let cpu = loop {
                count += collected(&mut ready)?;
                let cpu = own_cpu_seconds()? - before;
                if cpu >= 0.2 || count >= 20 * items {
                    break cpu.max(0.005);
                }
            };
            let count = float(count);
            let figures: Figures =
                [("items_per_cpu_second", count / cpu), ("cpu_us_per_item", cpu * 1e6 / count)]
                    .map(|(name, value)| (name.to_owned(), value))
                    .into();
            report.add(&work.name(), figures);
        }
    }
    Ok(report)
}

/// Does a kind of work once, for the profiler that this process runs under.
pub fn work(work: Work) -> anyhow::Result<Report> {
    let mut ready = work.ready(COUNTED_ITEMS)?;
    let items = collected(&mut ready)?;
    let mut report = Report::new("work", items);
    report.verdict.insert("items".to_owned(), items.into());
    Ok(report)
}

/// Instructions for each item, by kind of work; one table for each profile of the build.
type Recorded = BTreeMap<String, BTreeMap<String, f64>>;

#[derive(Debug, Deserialize, Serialize)]
struct File {
    /// How far a count may lie from what was recorded, as a share of it.
    tolerance: f64,
    #[serde(flatten)]
    recorded: Recorded,
}

/// Counts instructions and compares, or records them.
pub fn instructions(options: &Options, record: bool) -> anyhow::Result<Report> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut file: File = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut report = Report::new("instructions", COUNTED_ITEMS);
    let (mut counted, mut apart) = (BTreeMap::new(), Vec::new());
    for work in Work::GUARDED {
        let name = work.name();
        let count = count(work)?;
        let recorded = file.recorded.get(profile).and_then(|table| table.get(&name)).copied();
        let change = recorded.map(|recorded| count / recorded - 1.0);
        report.add(&name, Figures::from([("instructions_per_item".to_owned(), count)]));
        match change {
            _ if record => {}
            // A profile that nobody has recorded yet is told, not judged.
            None => {
                report.verdict.insert(format!("{name} is recorded"), false.into());
            }
            Some(change) if change.abs() > file.tolerance => {
                apart.push(format!(
                    "{name}: {count:.0} an item, {:+.1} % of what is recorded",
                    change * 100.0
                ));
            }
            Some(_) => {}
        }
        counted.insert(name, count.round());
    }
    if record {
        file.recorded.insert(profile.to_owned(), counted);
        let header: String =
            text.lines().take_while(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        std::fs::write(&path, header + &toml::to_string(&file)?)
            .with_context(|| format!("writing {}", path.display()))?;
    } else if !apart.is_empty() {
        report.print(options.json)?;
        bail!(
            "instruction counts of the {profile} build have moved by more than {} %:\n  {}\nIf that is meant, record them: `bench instructions --record`",
            file.tolerance * 100.0,
            apart.join("\n  ")
        );
    }
    Ok(report)
}

/// Instructions for each item of a kind of work.
fn count(work: Work) -> anyhow::Result<f64> {
    let own: PathBuf = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={COLLECTED}")).arg(own).args(["work", &work.name(), "--json"]);
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("running valgrind; install it to count instructions")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} under valgrind failed:\n{errors}", work.name());
    let collected = errors.lines().find_map(|line| line.split_once("Collected : "));
    let (_, collected) =
        collected.with_context(|| format!("valgrind does not say what it counted:\n{errors}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let object: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default())?;
    let items = object["items"].as_f64().filter(|items| *items > 0.0).context("there was no work")?;
    let collected: f64 = collected.trim().parse().context("what valgrind counted")?;
    ensure!(collected > items, "{} was not seen at work: {collected} instructions", work.name());
    Ok(collected / items)
}
