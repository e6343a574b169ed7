//! The sinks, one after the other, on the same preloaded `campaign-days` and `scores`: three days for each score. After each the very
//! rows it has written are written once more by a client that has no duties.

use devstack::Engine;
use schemas::Topic;
use serde_json::json;

use super::{Counts, Subject, float, measure, startup_cpu_seconds, stores};
use crate::Options;
use crate::corpus::{Size, rows};
use crate::process::{cpu_of, cpu_of_tree};
use crate::report::{Figures, Report};
use crate::site::Site;

const CLICKHOUSE: Subject<'static> = Subject {
    args: &["sink", "clickhouse"],
    group: "sink-clickhouse",
    inputs: &sink::clickhouse::TOPICS,
    counts: Counts::Rows,
};
const POSTGRES: Subject<'static> = Subject {
    args: &["sink", "postgres"],
    group: "sink-postgres",
    inputs: &sink::postgres::TOPICS,
    counts: Counts::Rows,
};
/// The tables of Postgres that these records end in.
const POSTGRES_TABLES: [&str; 2] = ["campaign_days", "scores"];

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(400_000, 40_000), seed: options.seed };
    let mut report = Report::new("sinks", size.records);
    for _ in 0..options.run_count() {
        let engines = [Engine::Kafka, Engine::ClickHouse, Engine::Postgres];
        let site = Site::start(&engines, options).await?;
        let mut startups = Vec::new();
        for subject in [&CLICKHOUSE, &POSTGRES] {
            startups.push(startup_cpu_seconds(&site, subject).await?);
        }
        let loaded = site.load(size.records, move |loader| {
            rows::generate(size, |key, row| match row {
                rows::Row::Day(day) => loader.put(Topic::CampaignDays, key, day),
                rows::Row::Score(score) => loader.put(Topic::Scores, key, score),
            })
        });
        loaded.await?;

        let (_, server) = site.clickhouse()?;
        let mut figures = of_sink(&site, &CLICKHOUSE, (size, startups[0]), || cpu_of(server)).await?;
        figures.insert(
            "bytes_per_row".to_owned(),
            stores::clickhouse::bytes(&site).await? / float(size.records),
        );
        report.add("clickhouse", figures);
        report.add("raw RowBinary", stores::clickhouse::raw(&site).await?);

        let server = site.postgres_pid()?;
        let mut figures = of_sink(&site, &POSTGRES, (size, startups[1]), || cpu_of_tree(server)).await?;
        figures
            .insert("bytes_per_row".to_owned(), stores::postgres::bytes(&site).await? / float(size.records));
        report.add("postgres", figures);
        report.add("raw upserts", stores::postgres::raw(&site, &POSTGRES_TABLES).await?);

        let refused = site.read(Topic::DeadLetters, |_, _| ()).await?;
        anyhow::ensure!(refused == 0, "{refused} records were refused: the run does not count");
        site.stop().await?;
    }
    for (sink, raw) in [("clickhouse", "raw RowBinary"), ("postgres", "raw upserts")] {
        let rate = |name: &str| report.median(name, "rows_per_second_wall");
        let share = rate(sink).zip(rate(raw)).map(|(ours, raw)| ours / raw);
        report.verdict.insert(format!("{sink}_share_of_raw_wall"), json!(share));
    }
    Ok(report)
}

/// Measures a sink, and counts in rows as well: ClickHouse keeps a day in two tables.
async fn of_sink(
    site: &Site,
    subject: &Subject<'_>,
    (size, startup): (Size, f64),
    server: impl Fn() -> anyhow::Result<f64>,
) -> anyhow::Result<Figures> {
    let before = server()?;
    let mut figures = measure(site, subject, size.records, startup).await?;
    let rows = figures.get("rows").copied().unwrap_or_default();
    anyhow::ensure!(rows >= float(size.records), "{rows} rows were written of {} records", size.records);
    for (rate, seconds) in [
        ("rows_per_second_wall", figures["wall_seconds"]),
        ("rows_per_own_cpu_second", figures["cpu_seconds"]),
        ("rows_per_server_cpu_second", server()? - before),
    ] {
        figures.insert(rate.to_owned(), rows / seconds.max(0.01));
    }
    Ok(figures)
}
