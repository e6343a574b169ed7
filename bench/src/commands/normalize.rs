//! `normalize` on preloaded topics, exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use devstack::Engine;
use schemas::record::{Event, EventBody};
use schemas::{Schemas, Topic};

use super::{Counts, Subject, float, measure, startup_cpu_seconds};
use crate::Options;
use crate::corpus::{Kind, Size, raw};
use crate::report::Report;
use crate::site::Site;

const NORMALIZE: Subject<'static> = Subject {
    args: &["normalize"],
    group: "normalize",
    inputs: &[Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock],
    counts: Counts::Outcomes,
};

/// Raw messages to facts.
pub async fn normalize(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(1_000_000, 20_000), seed: options.seed };
    let rates = if options.corpus == Kind::Hostile { raw::HOSTILE } else { raw::CLEAN };
    let mut report = Report::new("normalize", size.records);
    for _ in 0..options.run_count() {
        let site = Site::start(&[Engine::Kafka], options).await?;
        let startup = startup_cpu_seconds(&site, &NORMALIZE).await?;
        let made = site.load(size.records, move |loader| {
            raw::generate(size, rates, |topic, key, event, damage| match damage {
                None => loader.put(topic, key, event),
                Some(damage) => loader.put_damaged(topic, key, event, damage),
            })
        });
        let made = made.await?;
        let mut figures = measure(&site, &NORMALIZE, made.rows + made.leads + made.poison, startup).await?;
        let refused = site.read(Topic::DeadLetters, |_, _| ()).await?;
        ensure!(
            refused == made.poison,
            "{refused} of {} unreadable records were refused: the run does not count",
            made.poison
        );
        let (written, event_bytes) = site.record_bytes(Topic::Events).await?;
        let events = written - counts_of_quality(&site).await?;
        let (_, raw_bytes) = site.record_bytes(Topic::RawFacebook).await?;
        let leads = site.read(Topic::Leads, |_, _| ()).await?;
        ensure!(
            (made.rows..=made.rows + 2 * made.leads).contains(&events) && leads <= made.leads && leads > 0,
            "{made:?} became {events} events and {leads} states of leads: the run does not count"
        );
        figures.insert("event_bytes".to_owned(), event_bytes);
        figures.insert("raw_bytes".to_owned(), raw_bytes);
        figures.insert("events_written".to_owned(), float(written));
        figures.insert("leads_written".to_owned(), float(leads));
        report.add("exactly once", figures);
        site.stop().await?;
    }
    Ok(report)
}

/// Events that tell how many of an account's records were doubtful: as many as transactions make of them.
async fn counts_of_quality(site: &Site) -> anyhow::Result<u64> {
    let counted = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&counted);
    let mut decoder = Schemas::compiled().decoder();
    let visit = move |_: Option<&[u8]>, value: Option<&[u8]>| {
        let event = decoder.decode::<Event<'_>>(value);
        if event.is_ok_and(|event| matches!(event.body, EventBody::QualityCounted(_))) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    };
    site.read(Topic::Events, visit).await?;
    Ok(counted.load(Ordering::Relaxed))
}
