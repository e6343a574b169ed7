//! A role that lost its memory: how long `score` takes from its assignment until its state is back from the topics.

use std::time::{Duration, Instant};

use devstack::Engine;
use schemas::Topic;

use super::{SCORE, float, startup_cpu_seconds};
use crate::Options;
use crate::corpus::Size;
use crate::corpus::rows::{self, Row};
use crate::report::{Figures, Report};
use crate::site::Site;

/// Days of each campaign; a score comes with each thirty.
const DAYS: u64 = 30;
const LIMIT: Duration = Duration::from_secs(300);

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let days = options.size(1_000_000, 30_000);
    let mut report = Report::new("restore", days);
    for _ in 0..options.run_count() {
        report.add("score", once(options, days).await?);
    }
    Ok(report)
}

/// One restart with so many campaign-days on the topics.
pub async fn once(options: &Options, days: u64) -> anyhow::Result<Figures> {
    let records = days + days / DAYS;
    let site = Site::start(&[Engine::Kafka], options).await?;
    let startup = startup_cpu_seconds(&site, &SCORE).await?;
    let partitions = u64::from(options.partitions);
    let size = Size { records, seed: options.seed };
    let loaded = site.load(records, move |loader| {
        // State lies in the partition that its facts were read from; which one that is makes no difference here.
        rows::generate_days(size, DAYS, |key, campaign, row| {
            let partition = i32::try_from(campaign % partitions)?;
            match row {
                Row::Day(day) => loader.put_in(Topic::CampaignDays, partition, key, day),
                Row::Score(score) => loader.put_in(Topic::Scores, partition, key, score),
            }
        })
    });
    loaded.await?;
    let mut role = site.role(SCORE.args, true)?;
    let deadline = Instant::now() + LIMIT;
    let (mut restored, mut seconds) = (0.0, 0.0);
    while restored < float(records) {
        role.verify_running()?;
        anyhow::ensure!(
            Instant::now() < deadline,
            "{restored} of {records} records were restored:\n{}",
            role.last_words()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        restored = site.counter(kafka::metrics::RESTORED_TOTAL).await.unwrap_or(0.0);
        seconds = site.counter(&format!("{}_sum", kafka::metrics::RESTORE_SECONDS)).await.unwrap_or(0.0);
    }
    site.joined(&mut role).await?;
    seconds = seconds.max(site.counter(&format!("{}_sum", kafka::metrics::RESTORE_SECONDS)).await?);
    let cpu = role.cpu_seconds()? - startup;
    let peak_mib = role.memory()?.peak;
    let figures = [
        ("seconds", seconds),
        ("seconds_per_million_days", seconds * 1e6 / float(days)),
        ("days_per_second", float(days) / seconds),
        ("records_restored", restored),
        ("cpu_seconds", cpu),
        ("days_per_cpu_second", float(days) / cpu.max(0.01)),
        ("peak_mib", peak_mib),
        ("peak_bytes_per_day", peak_mib * f64::from(1 << 20) / float(days)),
    ];
    role.stop().await?;
    site.stop().await?;
    Ok(figures.map(|(name, value)| (name.to_owned(), value)).into())
}
