//! `normalize` on preloaded topics, exactly once.

use anyhow::ensure;
use devstack::Engine;
use schemas::Topic;

use super::{Subject, float, measure, startup_cpu_seconds};
use crate::Options;
use crate::corpus::{Size, raw};
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
    let mut report = Report::new("normalize", size.records);
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

/// No record of the corpus may be refused.
async fn refuse_losses(site: &Site) -> anyhow::Result<()> {
    let refused = site.read(Topic::DeadLetters, |_, _| ()).await?;
    ensure!(refused == 0, "{refused} records were refused: the run does not count");
    Ok(())
}
