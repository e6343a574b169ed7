//! What reading alone takes: the topic of `score`, read once with nothing done, once decoded.
//!
//! In this process, through the same `poll` that stages use; the engines' time is not in it.

use std::time::Instant;

use devstack::Engine;
use schemas::record::Event;
use schemas::{Schemas, Topic};

use super::float;
use super::load_events;
use crate::Options;
use crate::corpus::Size;
use crate::process::own_cpu_seconds;
use crate::report::{Figures, Report};
use crate::site::Site;

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(1_000_000, 4_000), seed: options.seed };
    let mut report = Report::new("floor", size.records);
    let site = Site::start(&[Engine::Kafka], options).await?;
    load_events(&site, size, options.corpus).await?;
    for _ in 0..options.run_count() {
        report.add("consume", timed(&site, |_, _| ()).await?);
        let mut decoder = Schemas::compiled().decoder();
        let decode = move |_: Option<&[u8]>, value: Option<&[u8]>| {
            std::hint::black_box(decoder.decode::<Event<'_>>(value).is_ok());
        };
        report.add("consume and decode", timed(&site, decode).await?);
    }
    site.stop().await?;
    Ok(report)
}

/// What reading the topic takes when each record is handed to `visit`.
pub async fn timed(
    site: &Site,
    visit: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send + 'static,
) -> anyhow::Result<Figures> {
    let (started, before) = (Instant::now(), own_cpu_seconds()?);
    let count = float(site.read(Topic::Events, visit).await?);
    let (wall, cpu) = (started.elapsed().as_secs_f64(), own_cpu_seconds()? - before);
    Ok([
        // A small corpus takes less than the kernel's unit.
        ("records_per_cpu_second", count / cpu.max(0.01)),
        ("cpu_us_per_record", cpu * 1e6 / count),
        ("records_per_second_wall", count / wall),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}
