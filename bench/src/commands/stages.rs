//! `normalize` and `score` on preloaded topics, exactly once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use devstack::Engine;
use schemas::Topic;

use super::{SCORE, Subject, float, measure, startup_cpu_seconds};
use crate::Options;
use crate::corpus::{Size, facts, raw};
use crate::report::Report;
use crate::site::Site;

const NORMALIZE: Subject<'static> = Subject {
    args: &["normalize"],
    group: "normalize",
    inputs: &[Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock],
};

/// Raw messages to facts.
pub async fn normalize(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(1_000_000, 4_000), seed: options.seed };
    let mut report = Report { command: "normalize", records: size.records, series: Vec::new() };
    for _ in 0..options.run_count() {
        let site = Site::start(&[Engine::Kafka], options).await?;
        let startup = startup_cpu_seconds(&site, &NORMALIZE).await?;
        let made = site.load(size.records, move |loader| {
            raw::generate(size, |topic, key, event| loader.put(topic, key, event))
        });
        let made = made.await?;
        let mut figures = measure(&site, &NORMALIZE, made.rows + made.leads, startup).await?;
        refuse_losses(&site).await?;
        let events = site.read(Topic::Events, |_, _| ()).await?;
        let leads = site.read(Topic::Leads, |_, _| ()).await?;
        ensure!(
            (made.rows..=made.rows + 2 * made.leads).contains(&events) && leads <= made.leads && leads > 0,
            "{made:?} became {events} events and {leads} states of leads: the run does not count"
        );
        figures.insert("events_written".to_owned(), float(events));
        figures.insert("leads_written".to_owned(), float(leads));
        report.add("exactly once", figures);
        site.stop().await?;
    }
    Ok(report)
}

/// Facts to scores.
pub async fn score(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(1_000_000, 4_000), seed: options.seed };
    let mut report = Report { command: "score", records: size.records, series: Vec::new() };
    for _ in 0..options.run_count() {
        let site = Site::start(&[Engine::Kafka], options).await?;
        let startup = startup_cpu_seconds(&site, &SCORE).await?;
        let campaigns = load_events(&site, size).await?;
        let mut figures = measure(&site, &SCORE, size.records, startup).await?;
        refuse_losses(&site).await?;
        let (scores, scored) = keys(&site, Topic::Scores).await?;
        let (days, _) = keys(&site, Topic::CampaignDays).await?;
        ensure!(
            scored == campaigns,
            "{campaigns} campaigns were sent and {scored} scored: the run does not count"
        );
        figures.insert("campaigns".to_owned(), float(campaigns));
        figures.insert("scores_written".to_owned(), float(scores));
        figures.insert("days_written".to_owned(), float(days));
        report.add("exactly once, commits every 100 ms", figures);
        site.stop().await?;
    }
    Ok(report)
}

/// Loads the topic that `score` reads. Returns how many campaigns it speaks of.
pub async fn load_events(site: &Site, size: Size) -> anyhow::Result<u64> {
    let fill = move |loader: &mut crate::site::Loader| {
        facts::generate(size, |key, event| loader.put(Topic::Events, key, event))
    };
    site.load(size.records, fill).await
}

/// No record of the corpus may be refused.
async fn refuse_losses(site: &Site) -> anyhow::Result<()> {
    let refused = site.read(Topic::DeadLetters, |_, _| ()).await?;
    ensure!(refused == 0, "{refused} records were refused: the run does not count");
    Ok(())
}

/// How many records a topic has, and how many keys.
async fn keys(site: &Site, topic: Topic) -> anyhow::Result<(u64, u64)> {
    let found: Arc<Mutex<HashSet<Vec<u8>>>> = Arc::default();
    let noted = Arc::clone(&found);
    let records = site.read(topic, move |key, _| {
        noted.lock().unwrap_or_else(PoisonError::into_inner).insert(key.unwrap_or_default().to_vec());
    });
    let records = records.await?;
    let keys = found.lock().unwrap_or_else(PoisonError::into_inner).len();
    Ok((records, keys as u64))
}
