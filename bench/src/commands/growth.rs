//! What grows with what: CPU for each event and peak memory of `score` against campaigns, partitions, the share of late events, days of
//! history and members of the group; time to restore against state. With `--write`, tables and plots for the README.

use std::path::Path;

use anyhow::Context as _;
use devstack::Engine;
use schemas::Topic;

use super::{SCORE, float, load_shape, restore};
use crate::corpus::Size;
use crate::corpus::steady::{STEADY, Shape};
use crate::options::Options;
use crate::plot::{Line, shown, svg};
use crate::process::Process;
use crate::report::{Figures, Report};
use crate::site::{Site, free_address};

const BEGIN: &str = "<!-- growth: written by `bench growth --write` -->";
const END: &str = "<!-- growth ends -->";

/// One measurement: an installation, and how many members work on it.
#[derive(Clone, Copy, Debug)]
struct Point {
    campaigns: u64,
    history_days: u64,
    partitions: u16,
    late_per_mille: u64,
    members: usize,
}

const USUAL: Point =
    Point { campaigns: 10_000, history_days: 5, partitions: 12, late_per_mille: 20, members: 1 };

/// A cause, and the points at which it is looked at.
struct Cause {
    name: &'static str,
    title: &'static str,
    points: Vec<(String, Point)>,
}

fn causes(smoke: bool) -> Vec<Cause> {
    let most = if smoke { 200 } else { 1_000_000 };
    let counts = [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|count| *count <= most);
    let campaigns = |count: u64| (count.to_string(), Point { campaigns: count, ..USUAL });
    let partitions = |count: u16| (count.to_string(), Point { partitions: count, ..USUAL });
    let late = |share: u64| (format!("{} %", share / 10), Point { late_per_mille: share, ..USUAL });
    let history = |days: u64| (days.to_string(), Point { history_days: days, ..USUAL });
    let members = |count: usize| (count.to_string(), Point { members: count, ..USUAL });
    let mut all = vec![
        Cause { name: "campaigns", title: "campaigns", points: counts.map(campaigns).collect() },
        Cause {
            name: "partitions",
            title: "partitions of each topic",
            points: [12, 48, 96].map(partitions).into(),
        },
        Cause {
            name: "late",
            title: "share of late events",
            points: [0, 20, 100, 250, 500].map(late).into(),
        },
        Cause {
            name: "history",
            title: "days of history of each campaign",
            points: [5, 30, 90].map(history).into(),
        },
        Cause { name: "members", title: "members of the group", points: [1, 2].map(members).into() },
    ];
    if smoke {
        all.retain(|cause| cause.name == "members");
    }
    all
}

/// Measures.
pub async fn run(options: &Options, write: bool) -> anyhow::Result<Report> {
    let events = options.size(500_000, 2_000);
    let mut report = Report::new("growth", events);
    let mut text = String::new();
    let plots = Path::new(env!("CARGO_MANIFEST_DIR")).join("plots");
    let mut draw = |name: &str, title: &str, axis: &[String], lines: &[Line]| {
        text.push_str(&table(name, title, axis, lines));
        if write {
            std::fs::create_dir_all(&plots).context("the folder of plots")?;
            std::fs::write(plots.join(format!("{name}.svg")), svg(title, axis, lines)).context("a plot")?;
        }
        anyhow::Ok(())
    };
    for cause in causes(options.smoke) {
        let (mut axis, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for (name, point) in cause.points {
            let figures = measured(options, events, point).await?;
            cpu.push(figures["cpu_us_per_record"]);
            memory.push(figures["peak_mib"]);
            report.add(&format!("{} {name}", cause.name), figures);
            axis.push(name);
        }
        let lines =
            [Line { name: "µs CPU per event", values: cpu }, Line { name: "peak MiB", values: memory }];
        draw(cause.name, cause.title, &axis, &lines)?;
    }
    let (mut axis, mut seconds, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for days in if options.smoke { vec![1_000] } else { vec![100_000, 300_000, 1_000_000, 3_000_000] } {
        let figures = restore::once(options, days).await?;
        seconds.push(figures["seconds"]);
        memory.push(figures["peak_mib"]);
        report.add(&format!("restore {days}"), figures);
        axis.push(days.to_string());
    }
    let lines = [Line { name: "seconds", values: seconds }, Line { name: "peak MiB", values: memory }];
    draw("restore", "restore: campaign-days of state", &axis, &lines)?;
    if write {
        write_section(&text)?;
    }
    Ok(report)
}

async fn measured(options: &Options, events: u64, point: Point) -> anyhow::Result<Figures> {
    let Point { campaigns, history_days, partitions, late_per_mille, members } = point;
    let campaigns = if options.smoke { 100 } else { campaigns };
    let records = events + campaigns * (history_days + 2);
    let mut options = options.clone();
    options.partitions = partitions;
    let mut site = Site::start(&[Engine::Kafka], &options).await?;
    let shape = Shape { campaigns, history_days, rates: STEADY.with_late(late_per_mille) };
    load_shape(&site, Size { records, seed: options.seed }, shape).await?;
    let mut roles: Vec<Process> = Vec::new();
    for member in 1..=members {
        site.set("PROCESSING__INSTANCE", &member.to_string());
        site.set("METRICS__LISTEN", &free_address()?);
        roles.push(site.role(SCORE.args, true)?);
    }
    let (first, others) = roles.split_first_mut().context("a group has a member")?;
    let samples = site.drained(first, SCORE.group, &[Topic::Events]).await?;
    let last = samples.last().context("nothing was seen of the work")?;
    let (mut cpu, mut peak) = (last.cpu.total, first.memory()?.peak);
    for other in others {
        cpu += other.cpu_seconds()?;
        peak += other.memory()?.peak;
    }
    let figures = [
        ("cpu_us_per_record", cpu * 1e6 / float(records)),
        ("records_per_second_wall", float(records) / last.age.as_secs_f64()),
        ("records", float(records)),
        ("peak_mib", peak),
    ];
    for role in roles {
        role.stop().await?;
    }
    site.stop().await?;
    Ok(figures.map(|(name, value)| (name.to_owned(), value)).into())
}

fn table(name: &str, title: &str, axis: &[String], lines: &[Line]) -> String {
    let heads: Vec<&str> = lines.iter().map(|line| line.name).collect();
    let mut text = format!("\n| {title} | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(lines.len()));
    for (at, point) in axis.iter().enumerate() {
        let values: Vec<String> = lines.iter().map(|line| shown(line.values[at])).collect();
        text.push_str(&format!("| {point} | {} |\n", values.join(" | ")));
    }
    text + &format!("\n![{title}](plots/{name}.svg)\n")
}

/// Puts the tables between their marks in the README.
fn write_section(text: &str) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).context("reading the README")?;
    let (before, rest) =
        readme.split_once(BEGIN).context("the README has no mark for the tables of growth")?;
    let (_, after) =
        rest.split_once(END).context("the README has no mark for the end of the tables of growth")?;
    std::fs::write(&path, format!("{before}{BEGIN}\n{text}\n{END}{after}")).context("writing the README")
}
