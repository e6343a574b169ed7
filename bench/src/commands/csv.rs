//! `adpulse csv` with a large file: rows of an export to records of `raw.csv`, in one transaction.
//!
//! What the command takes for a file of one row is subtracted. `--under "taskset -c 0"` holds it to one core.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use devstack::Engine;
use schemas::{Day, Topic};

use super::float;
use crate::Options;
use crate::report::{Figures, Report};
use crate::site::Site;

const TODAY: Day = Day(20_700);
/// Campaigns and days of the export; a larger one has several rows for each, as an export by ad has.
const CAMPAIGNS: u64 = 10_000;
const DAYS: u64 = 90;
const HEADER: &str = "Campaign ID,Campaign name,Day,Amount spent (EUR),Impressions,Reach,Link clicks,Leads,Reporting starts,Reporting ends,Notes\n";

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let rows = options.size(2_000_000, 2_000);
    let mut report = Report::new("csv", rows);
    for _ in 0..options.run_count() {
        report.add("adpulse csv", once(options, rows).await?);
    }
    Ok(report)
}

async fn once(options: &Options, rows: u64) -> anyhow::Result<Figures> {
    let site = Site::start(&[Engine::Kafka], options).await?;
    let folder = site.folder();
    write(&folder.join("one.csv"), 1)?;
    let bytes = write(&folder.join("large.csv"), rows)?;
    let upload =
        |file: &'static str| site.role(&["csv", file, "--account", "900", "--platform", "facebook"], true);
    let startup = upload("one.csv")?.ended().await?;
    let ended = upload("large.csv")?.ended().await?;
    let stored = site.read(Topic::RawCsv, |_, _| ()).await?;
    anyhow::ensure!(stored == rows + 1, "{rows} rows became {} records: the run does not count", stored - 1);
    let (cpu, count) = (ended.cpu_seconds - startup.cpu_seconds, float(rows));
    let figures: Figures = [
        ("rows_per_cpu_second", count / cpu.max(0.01)),
        ("cpu_us_per_row", cpu * 1e6 / count),
        ("rows_per_second_wall", count / ended.seconds.max(0.01)),
        ("file_mib", float(bytes) / f64::from(1 << 20)),
        ("wall_seconds", ended.seconds),
        ("peak_mib", ended.peak_mib),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    site.stop().await?;
    Ok(figures)
}

/// An export of so many rows, some 200 bytes wide. Returns its size.
fn write(path: &Path, rows: u64) -> anyhow::Result<u64> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let mut file = BufWriter::new(file);
    file.write_all(HEADER.as_bytes())?;
    for row in 0..rows {
        let (age, campaign) = (row / CAMPAIGNS % DAYS, row % CAMPAIGNS);
        let day = Day(TODAY.0 - i32::try_from(age)?);
        writeln!(
            file,
            "1202100000000{campaign:05},Campaign number {campaign} of the large export,{day},{}.{:02},{},{},{},{},{day},{day},\
             \"a note, quoted, as exports have them, number {row}, which fills the row up to the usual length\"",
            campaign % 900,
            age % 100,
            1_000 + campaign,
            800 + campaign,
            campaign % 300,
            row % 9,
        )?;
    }
    file.into_inner().context("writing the file")?;
    Ok(std::fs::metadata(path)?.len())
}
