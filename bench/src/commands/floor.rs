//! What cannot be undercut: the topic of `score` read with nothing done, through the client library that everybody has and as the
//! stages read; on top of that, step by step, what `score` does before anything is written; the topic passed on in one transaction.
//! That of the stores is part of `sinks`, which has the rows.
//!
//! In this process; the engines' time is not in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devstack::Engine;
use kafka::{ConsumedRecord, KafkaSettings, Record, TransactionalUpload};
use schemas::Topic;

use super::float;
use super::load_events;
use crate::Options;
use crate::corpus::Size;
use crate::process::own_cpu_seconds;
use crate::report::{Figures, Report};
use crate::site::{Site, read_with};
use crate::work::{Ladder, Until};

/// What reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The client library.
    Library,
    /// Connections of our own.
    Direct,
}

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(1_000_000, 4_000), seed: options.seed };
    let mut report = Report::new("floor", size.records);
    let site = Site::start(&[Engine::Kafka], options).await?;
    load_events(&site, size, options).await?;
    for _ in 0..options.run_count() {
        report.add("consume", timed(&site, Reader::Library, |_| ()).await?);
        report.add("consume directly", timed(&site, Reader::Direct, |_| ()).await?);
        for (name, until) in
            [("and decode", Until::Decoded), ("and apply", Until::Applied), ("and score", Until::Scored)]
        {
            let mut ladder = Ladder::new(until);
            report.add(name, timed(&site, Reader::Direct, move |record| ladder.take(record)).await?);
        }
        report.add("consume and produce in a transaction", passed_on(&site).await?);
    }
    site.stop().await?;
    Ok(report)
}

/// What copying the topic takes, in one transaction.
async fn passed_on(site: &Site) -> anyhow::Result<Figures> {
    let upload = TransactionalUpload::begin(&site.kafka()?, "bench-floor", Duration::from_secs(900))?;
    let upload = Arc::new(Mutex::new((upload, None)));
    let (sending, topic) = (Arc::clone(&upload), site.topic(Topic::Recommendations));
    let (started, before) = (Instant::now(), own_cpu_seconds()?);
    let visit = move |key: Option<&[u8]>, value: Option<&[u8]>| {
        let (upload, failure) = &mut *sending.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = upload.send(&Record::new(&topic, key, value)).err();
        }
    };
    let count = site.read(Topic::Events, visit).await?;
    let upload = Arc::into_inner(upload).context("the topic is still being read")?;
    let (upload, failure) = upload.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    tokio::task::spawn_blocking(move || upload.commit()).await??;
    Ok(rates(count, started.elapsed().as_secs_f64(), own_cpu_seconds()? - before))
}

/// What reading the topic takes when each record is handed to `visit`.
pub async fn timed(
    site: &Site,
    reader: Reader,
    visit: impl FnMut(&ConsumedRecord<'_>) + Send + 'static,
) -> anyhow::Result<Figures> {
    let settings = KafkaSettings { direct: reader == Reader::Direct, ..site.kafka()? };
    let (started, before) = (Instant::now(), own_cpu_seconds()?);
    let count = read_with(settings, &site.topic(Topic::Events), visit).await?;
    Ok(rates(count, started.elapsed().as_secs_f64(), own_cpu_seconds()? - before))
}

fn rates(count: u64, wall: f64, cpu: f64) -> Figures {
    let count = float(count);
    [
        // A small corpus takes less than the kernel's unit.
        ("records_per_cpu_second", count / cpu.max(0.01)),
        ("cpu_us_per_record", cpu * 1e6 / count),
        ("records_per_second_wall", count / wall),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
