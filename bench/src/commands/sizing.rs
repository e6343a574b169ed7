//! What a machine carries and what accounts need: arithmetic over measured figures, written to `docs/SIZING.md` with its formulas.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{door, normalize, restore, score, sinks};
use crate::options::Options;
use crate::plot::shown;
use crate::report::Report;

/// Measured figures by name.
type Measured = BTreeMap<String, f64>;

/// What an account is taken for.
const CAMPAIGNS: f64 = 100.0;
/// Insights rows of a campaign in a day: one each hour, and the seven days before restated once.
const ROWS_A_DAY: f64 = 24.0 + 7.0;
const WEBHOOKS_A_DAY: f64 = 300.0;
/// The busiest minute against the mean: polls come in bursts.
const PEAK: f64 = 10.0;
/// Share of a core that is planned with; the rest is for catching up.
const PLANNED: f64 = 0.5;
/// Campaign-days that stay in the state: the platform's horizon.
const STATE_DAYS: f64 = 37.0 * 30.4;
/// Days that the raw topics, the facts and ClickHouse keep.
const RAW_DAYS: f64 = 30.0;
const EVENT_DAYS: f64 = 90.0;
const HISTORY_DAYS: f64 = 400.0;
/// Revisions of a day that ClickHouse keeps: an hourly poll changes it, some of them twice.
const REVISIONS: f64 = ROWS_A_DAY;
/// The disk that days of raw messages are told for.
const DISK_GIB: f64 = 100.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Which figure of which report is wanted, and its name in the file.
const WANTED: [(&str, &str, &str, &str); 15] = [
    ("score", "adpulse", "records_per_cpu_second", "score_events_per_cpu_second"),
    ("score", "adpulse", "peak_mib", "score_peak_mib"),
    ("score", "adpulse", "day_bytes", "day_bytes_in_kafka"),
    ("score", "adpulse", "score_bytes", "score_bytes_in_kafka"),
    ("normalize", "exactly once", "records_per_cpu_second", "normalize_records_per_cpu_second"),
    ("normalize", "exactly once", "raw_bytes", "raw_bytes_in_kafka"),
    ("normalize", "exactly once", "event_bytes", "event_bytes_in_kafka"),
    ("normalize", "exactly once", "peak_mib", "normalize_peak_mib"),
    ("sinks", "clickhouse", "records_per_cpu_second", "clickhouse_records_per_cpu_second"),
    ("sinks", "postgres", "records_per_cpu_second", "postgres_records_per_cpu_second"),
    ("sinks", "clickhouse", "bytes_per_row", "clickhouse_bytes_per_row"),
    ("sinks", "postgres", "bytes_per_row", "postgres_bytes_per_row"),
    ("door", "to Kafka, 64 connections", "records_per_cpu_second", "door_requests_per_cpu_second"),
    ("restore", "score", "days_per_second", "restored_days_per_second"),
    ("restore", "score", "peak_bytes_per_day", "restored_peak_bytes_per_day"),
];

/// Computes, after measuring if asked to.
pub async fn run(options: &Options, measure: bool) -> anyhow::Result<Report> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("figures.toml");
    let figures = if measure {
        let found = measured(options).await?;
        if !options.smoke {
            let header = "# Measured by `bench sizing --measure`, which rewrites this file; `bench sizing` computes docs/SIZING.md from it.\n";
            std::fs::write(&path, header.to_owned() + &toml::to_string(&found)?)
                .context("writing the figures")?;
        }
        found
    } else {
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("there is no {}: measure first, `bench sizing --measure`", path.display())
        })?;
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?
    };
    let document = document(&figures)?;
    if !options.smoke {
        let target: PathBuf = root.join("../docs/SIZING.md");
        std::fs::create_dir_all(root.join("../docs")).context("the folder of the document")?;
        std::fs::write(&target, &document).with_context(|| format!("writing {}", target.display()))?;
    }
    let mut report = Report::new("sizing", 0);
    report.verdict.insert("document".to_owned(), document.into());
    Ok(report)
}

async fn measured(options: &Options) -> anyhow::Result<Measured> {
    let mut options = options.clone();
    options.runs = Some(options.runs.unwrap_or(1));
    let mut reports = BTreeMap::new();
    reports.insert("score", score::run(&options).await?);
    reports.insert("normalize", normalize::normalize(&options).await?);
    reports.insert("sinks", sinks::run(&options).await?);
    reports.insert("door", door::run(&options).await?);
    reports.insert("restore", restore::run(&options).await?);
    let mut found = Measured::new();
    for (command, series, figure, name) in WANTED {
        let value = reports[command].median(series, figure);
        found.insert(
            name.to_owned(),
            value.with_context(|| format!("{command} has no {figure} of {series:?}"))?.round(),
        );
    }
    Ok(found)
}

fn document(figures: &Measured) -> anyhow::Result<String> {
    let get = |name: &str| figure(figures, name);
    let per_row = 1.0 / get("normalize_records_per_cpu_second")?
        + 1.0 / get("score_events_per_cpu_second")?
        + 1.0 / get("clickhouse_records_per_cpu_second")?
        + 1.0 / get("postgres_records_per_cpu_second")?;
    let carried = PLANNED / per_row;
    let per_account = CAMPAIGNS * ROWS_A_DAY / 86_400.0;
    let mut out = String::from(
        "# Sizing\n\nWritten by `bench sizing` from `bench/figures.toml`; do not edit. All figures are for one machine of 2 cores of which the\n\
         roles have one and the engines the other, and are as good as the measurement they come from.\n\n## Measured\n\n| figure | value |\n|---|---|\n",
    );
    for (name, value) in figures {
        writeln!(out, "| {} | {value:.0} |", name.replace('_', " "))?;
    }
    writeln!(
        out,
        "\n## What one 2-core machine carries\n\n\
         CPU of a row from raw message to both stores: `1/normalize + 1/score + 1/clickhouse + 1/postgres` = {:.1} µs, which counts a record for\n\
         both stores for each fact; coalescing makes it fewer. Planned with is {:.0} % of a core, the rest is for catching up.\n\n\
         | | |\n|---|---|\n\
         | rows a second, sustained | {carried:.0} |\n\
         | accounts of {CAMPAIGNS:.0} campaigns, at the busiest minute | {:.0} |\n\
         | campaigns of theirs | {:.0} |\n\
         | days of raw topics that {DISK_GIB:.0} GiB hold at the mean of so many accounts | {:.1} |\n\
         | webhooks a second at the door alone, {:.0} % of a core | {:.0} |\n",
        per_row * 1e6,
        PLANNED * 100.0,
        carried / (per_account * PEAK),
        carried / (per_account * PEAK) * CAMPAIGNS,
        DISK_GIB * GIB / (carried / PEAK * 86_400.0 * get("raw_bytes_in_kafka")?),
        PLANNED * 100.0,
        PLANNED * get("door_requests_per_cpu_second")?,
    )?;
    accounts_need(figures, per_row, &mut out)?;
    out.push_str(FORMULAS);
    Ok(out)
}

/// What accounts need, by their number; `per_row` is the CPU of a row in seconds.
fn accounts_need(figures: &Measured, per_row: f64, out: &mut String) -> anyhow::Result<()> {
    let get = |name: &str| figure(figures, name);
    let per_account = CAMPAIGNS * ROWS_A_DAY / 86_400.0;
    let webhooks = WEBHOOKS_A_DAY / 86_400.0;
    writeln!(
        out,
        "## What accounts need\n\n\
         An account is taken for {CAMPAIGNS:.0} campaigns, each with {ROWS_A_DAY:.0} insights rows a day (hourly, and the week before restated once), and\n\
         {WEBHOOKS_A_DAY:.0} webhooks a day; the busiest minute for {PEAK:.0} times the mean.\n\n\
         | accounts | rows/s mean | rows/s peak | webhooks/s peak | cores of the roles | members | partitions | memory of score, MiB | restore, s | Kafka, GiB | ClickHouse, GiB | Postgres, GiB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for accounts in [10.0, 100.0, 1_000.0] {
        let rows = accounts * per_account;
        let cores = rows * PEAK * per_row / PLANNED;
        let members = cores.ceil().max(1.0);
        let days = accounts * CAMPAIGNS * STATE_DAYS;
        let kafka = rows
            * 86_400.0
            * (get("raw_bytes_in_kafka")? * RAW_DAYS + get("event_bytes_in_kafka")? * EVENT_DAYS)
            + days * get("day_bytes_in_kafka")? * 2.0
            + accounts * CAMPAIGNS * get("score_bytes_in_kafka")? * 2.0;
        let clickhouse = accounts * CAMPAIGNS * HISTORY_DAYS * REVISIONS * get("clickhouse_bytes_per_row")?;
        let postgres = days * get("postgres_bytes_per_row")?;
        let memory = get("score_peak_mib")? + days * get("restored_peak_bytes_per_day")? / (1024.0 * 1024.0);
        writeln!(
            out,
            "| {accounts:.0} | {} | {} | {} | {} | {members:.0} | {:.0} | {memory:.0} | {} | {} | {} | {} |",
            shown(rows),
            shown(rows * PEAK),
            shown(accounts * webhooks * PEAK),
            shown(cores),
            (members * 12.0).max(12.0),
            shown(days / members / get("restored_days_per_second")?),
            shown(kafka / GIB),
            shown(clickhouse / GIB),
            shown(postgres / GIB),
        )?;
    }
    Ok(())
}

fn figure(figures: &Measured, name: &str) -> anyhow::Result<f64> {
    figures.get(name).copied().with_context(|| format!("figures.toml has no {name}"))
}

const FORMULAS: &str = "
Formulas, with `rows = accounts × campaigns × rows a day / 86400`:

- cores = `rows × peak × CPU of a row / planned share`; members = cores, rounded up; partitions = 12 for each member, because their number cannot
  change in place and 12 can be shared evenly by 1, 2, 3, 4, 6 and 12.
- days = `accounts × campaigns × 37 months`: what the state keeps.
- memory of score = `measured peak + days × peak bytes of a restored day`, over all members; the second is the peak of a process that has only
  restored, by its days, so that its start and its campaigns are in it.
- days of raw topics = `disk / (rows of the accounts × 86400 × raw bytes)`: uncompressed, one replica.
- restore = `days / members / restored days a second`, after a member was lost with its memory.
- Kafka = `rows × 86400 × (raw bytes × 30 + event bytes × 90) + 2 × (days × day bytes + campaigns × score bytes)`: uncompressed values and keys, so an
  upper bound, with compacted topics at twice their live size, and one replica.
- ClickHouse = `campaigns × 400 days × revisions of a day × bytes of a row`; Postgres = `days × bytes of a row`, indexes included.
";
