//! Facts into state, state to scores, raw messages and rows of files to facts.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context as _;
use ingest::csv::{CsvItem, CsvOptions};
use processor::score::score as score_of;
use processor::{NormalizeOutput, Normalizer, Policy, Rejection, ScoreDay, ScoreInput, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Event, Lead, Origin, RawEvent, Recommendation,
    Watermark,
};
use schemas::{Day, Micros, Schemas, Topic};

use super::{Ready, codec};
use crate::corpus::{Size, raw};

const AT: Origin<'static> = Origin { topic: "bench.events", partition: 0, offset: 0 };
/// Events of a transaction.
const TRANSACTION: usize = 10_000;
const SEED: u64 = 1;

/// The history of the steady corpus as state, and the events behind it.
fn begun(items: u64) -> anyhow::Result<(Scorer, Vec<(String, Event<'static>)>)> {
    let mut decoder = Schemas::compiled().decoder();
    let mut events = Vec::new();
    for (key, bytes) in codec::events(items)? {
        events.push((key, decoder.decode::<Event<'static>>(Some(bytes))?));
    }
    let rest = events.split_off(events.len().saturating_sub(usize::try_from(items)?));
    let mut scorer = Scorer::new(Arc::new(Policy::default()), 0);
    take(&mut scorer, &events);
    Ok((scorer, rest))
}

fn take(scorer: &mut Scorer, events: &[(String, Event<'_>)]) {
    for (number, (key, event)) in events.iter().enumerate() {
        black_box(scorer.apply(Some(key), event, &AT));
        if number % TRANSACTION == TRANSACTION - 1 {
            flush(scorer);
        }
    }
    flush(scorer);
}

fn flush(scorer: &mut Scorer) {
    let Ok(()) = scorer.flush(&mut Nowhere);
    scorer.commit();
}

pub(super) fn apply(items: u64) -> anyhow::Result<Ready> {
    let (mut scorer, mut events) = begun(items)?;
    Ok(Box::new(move || {
        for (key, event) in &mut events {
            // Newer each time, or it would only be recognized as a repetition.
            event.observed_at.0 += 60_000;
            black_box(scorer.apply(Some(key), event, &AT));
        }
        scorer.commit();
        Ok(events.len() as u64)
    }))
}

/// A newer batch of every campaign and the flush: the day and the score with its reasons, which go nowhere.
pub(super) fn score(items: u64) -> anyhow::Result<Ready> {
    // The corpus ends with every campaign once more.
    let (mut scorer, events) = begun(items)?;
    let campaigns = scorer.campaign_count();
    let (before, last) = events.split_at(events.len() - campaigns);
    take(&mut scorer, before);
    let last = last.to_vec();
    let mut minute = 0;
    Ok(Box::new(move || {
        // Each time something is new, so that there is something to write.
        minute += 60_000;
        for (key, event) in &last {
            let observed_at = schemas::TimestampMs(event.observed_at.0 + minute);
            black_box(scorer.apply(Some(key), &Event { observed_at, ..event.clone() }, &AT));
        }
        flush(&mut scorer);
        Ok(last.len() as u64)
    }))
}

pub(super) fn score_alone(items: u64) -> anyhow::Result<Ready> {
    let today = Day(20_700);
    let day = |age: i32| ScoreDay {
        day: Day(today.0 - age),
        spend: Micros(143_500_000),
        impressions: 18_500,
        link_clicks: 410,
        platform_leads: i64::from(age % 9),
        crm_leads: i64::from(age % 7),
        qualified: i64::from(age % 3),
        won: i64::from(age % 2),
        revenue: Micros(0),
        purchases: 0,
    };
    let (days, policy): (Vec<ScoreDay>, _) =
        ((1..=30).map(day).collect(), Policy::default().account("facebook", "1"));
    Ok(Box::new(move || {
        for _ in 0..items {
            let input = ScoreInput {
                as_of: today,
                days: black_box(&days),
                frequency_7d: Some(2.4),
                fatigue_high: false,
                metrics_age_hours: Some(3.0),
            };
            black_box(score_of(&input, &policy.score));
        }
        Ok(items)
    }))
}

pub(super) fn normalize(items: u64) -> anyhow::Result<Ready> {
    let mut encoder = Schemas::compiled().encoder(Topic::RawFacebook);
    let mut all: Vec<&'static [u8]> = Vec::new();
    raw::generate(Size { records: items, seed: SEED }, raw::CLEAN, |_, _, event, _| {
        let mut bytes = Vec::new();
        encoder.encode(event, &mut bytes)?;
        all.push(bytes.leak());
        Ok(())
    })?;
    let mut normalizer = Normalizer::new(Arc::new(Policy::default()));
    let mut decoder = Schemas::compiled().decoder();
    Ok(Box::new(move || {
        for bytes in &all {
            let raw = decoder.decode::<RawEvent<'_>>(Some(bytes))?;
            let Ok(outcome) = normalizer.apply(&raw, &AT, &mut Nowhere);
            black_box(outcome);
        }
        normalizer.commit();
        Ok(all.len() as u64)
    }))
}

/// The second pass over a file, which sends what the first has planned.
pub(super) fn csv(items: u64) -> anyhow::Result<Ready> {
    let folder = tempfile::tempdir().context("a folder for a file")?;
    let path = folder.path().join("export.csv");
    std::fs::write(&path, csv_file(items)?)?;
    let options = CsvOptions { currency: Some("USD".to_owned()), ..CsvOptions::default() };
    let plan = ingest::csv::plan(&path, &options)?;
    Ok(Box::new(move || {
        // The folder goes when the work is over.
        let _ = folder.path();
        let summary = plan.send(
            |item| {
                let is_event = matches!(black_box(item), CsvItem::Event { .. });
                anyhow::ensure!(is_event, "a row of the made-up file was refused");
                Ok(())
            },
            |_| (),
        );
        Ok(summary.map_err(|error| anyhow::anyhow!("{error}"))?.accepted)
    }))
}

/// A daily export with the columns that a score needs.
pub(crate) fn csv_file(rows: u64) -> anyhow::Result<String> {
    let mut text = String::from(
        "Campaign ID,Campaign name,Day,Amount spent (USD),Impressions,Reach,Link clicks,Leads,Purchases\n",
    );
    for row in 0..rows {
        let (campaign, day) = (row % 1_000, Day(20_700 + i32::try_from(row / 1_000 % 30)?));
        writeln!(
            text,
            "12021000{campaign:08},\"Leads | Lookalike, {campaign}\",{day},{}.{:02},{},{},{},{},{}",
            20 + row % 90,
            row % 100,
            2_000 + row % 900,
            1_500 + row % 700,
            40 + row % 30,
            row % 9,
            row % 3
        )?;
    }
    Ok(text)
}

/// Takes everything and keeps nothing.
struct Nowhere;

impl ScoreOutput for Nowhere {
    type Error = Infallible;
    fn campaign(&mut self, _: &str, record: &Campaign<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn day(&mut self, _: &str, record: &CampaignDay<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn score(&mut self, _: &str, record: &CampaignScore<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn recommendation(&mut self, _: &str, record: &Recommendation<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
        black_box(key);
        Ok(())
    }
    fn account(&mut self, _: &str, record: &Account<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn alert(&mut self, _: &str, record: &Alert<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn watermark(&mut self, _: &str, record: &Watermark<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
}

impl NormalizeOutput for Nowhere {
    type Error = Infallible;
    fn event(&mut self, _: Option<&str>, event: &Event<'_>) -> Result<(), Infallible> {
        black_box(event);
        Ok(())
    }
    fn lead(&mut self, _: &str, lead: &Lead<'_>) -> Result<(), Infallible> {
        black_box(lead);
        Ok(())
    }
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Infallible> {
        black_box(rejection);
        Ok(())
    }
}
