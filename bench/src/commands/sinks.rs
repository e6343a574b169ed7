//! The sinks, one after the other, on the same preloaded `campaign-days` and `scores`: three days for each score.

use devstack::Engine;
use schemas::Topic;

use super::{Subject, float, measure, startup_cpu_seconds, stores};
use crate::Options;
use crate::corpus::{Size, rows};
use crate::report::Report;
use crate::site::Site;

const CLICKHOUSE: Subject<'static> = Subject {
    args: &["sink", "clickhouse"],
    group: "sink-clickhouse",
    inputs: &sink::clickhouse::TOPICS,
    counts_outcomes: false,
};
const POSTGRES: Subject<'static> = Subject {
    args: &["sink", "postgres"],
    group: "sink-postgres",
    inputs: &sink::postgres::TOPICS,
    counts_outcomes: false,
};

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(400_000, 4_000), seed: options.seed };
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
        for (subject, startup) in [&CLICKHOUSE, &POSTGRES].into_iter().zip(startups) {
            let mut figures = measure(&site, subject, size.records, startup).await?;
            let bytes = if subject.group == CLICKHOUSE.group {
                stores::clickhouse_bytes(&site).await?
            } else {
                stores::postgres_bytes(&site).await?
            };
            figures.insert("bytes_per_row".to_owned(), bytes / float(size.records));
            report.add(subject.args[1], figures);
        }
        let refused = site.read(Topic::DeadLetters, |_, _| ()).await?;
        anyhow::ensure!(refused == 0, "{refused} records were refused: the run does not count");
        site.stop().await?;
    }
    Ok(report)
}
