//! Records to bytes and back, each kind over records as the roles write them.

use std::hint::black_box;

use schemas::record::{CampaignDay, Event};
use schemas::{Encoder, Schemas, Topic};
use serde::Serialize;

use super::Ready;
use crate::corpus::rows::{self, Row};
use crate::corpus::steady::{self, Item};
use crate::corpus::Size;

const SEED: u64 = 1;

/// Events of the steady corpus behind its history, framed.
pub(super) fn framed_events(items: u64) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let size = Size { records: items + 40 * steady::campaigns(Size { records: items, seed: SEED }), seed: SEED };
    let mut encoder = Schemas::compiled().encoder(Topic::Events);
    let mut all = Vec::new();
    steady::generate(size, steady::STEADY, |key, item| {
        if let Item::Fact(event) = item {
            all.push((key.to_owned(), framed(&mut encoder, event)?));
        }
        Ok(())
    })?;
    Ok(all)
}

/// The last of them, for which the history is known.
fn newest_events(items: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let all = framed_events(items)?;
    let from = all.len().saturating_sub(usize::try_from(items)?);
    Ok(all.into_iter().skip(from).map(|(_, bytes)| bytes).collect())
}

pub(super) fn decode_event(items: u64) -> anyhow::Result<Ready> {
    let events = newest_events(items)?;
    let mut decoder = Schemas::compiled().decoder();
    Ok(Box::new(move || {
        for event in &events {
            black_box(decoder.decode_event(Some(event))?);
        }
        Ok(events.len() as u64)
    }))
}

pub(super) fn encode_event(items: u64) -> anyhow::Result<Ready> {
    let events = newest_events(items)?;
    let mut encoder = Schemas::compiled().encoder(Topic::Events);
    let mut buffer = Vec::with_capacity(1_024);
    let events: Vec<&'static [u8]> = events.into_iter().map(|event| &*event.leak()).collect();
    let mut decoder = Schemas::compiled().decoder();
    let decoded: Vec<Event<'static>> =
        events.iter().map(|event| decoder.decode_event(Some(event))).collect::<Result<_, _>>()?;
    Ok(Box::new(move || {
        for event in &decoded {
            buffer.clear();
            encoder.encode(event, &mut buffer)?;
        }
        Ok(decoded.len() as u64)
    }))
}

pub(super) fn encode_day(items: u64) -> anyhow::Result<Ready> {
    encode_rows(items, Topic::CampaignDays)
}

pub(super) fn encode_score(items: u64) -> anyhow::Result<Ready> {
    encode_rows(items, Topic::Scores)
}

/// Three days of each campaign and its score; only one kind is encoded.
fn encode_rows(items: u64, topic: Topic) -> anyhow::Result<Ready> {
    let size = Size { records: items, seed: SEED };
    let mut encoder = Schemas::compiled().encoder(topic);
    let mut buffer = Vec::with_capacity(2_048);
    Ok(Box::new(move || {
        let mut count = 0;
        rows::generate(size, |_, row| {
            buffer.clear();
            match row {
                Row::Day(day) if topic == Topic::CampaignDays => encoder.encode(day, &mut buffer)?,
                Row::Score(score) if topic == Topic::Scores => encoder.encode(score, &mut buffer)?,
                _ => return Ok(()),
            }
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }))
}

pub(super) fn decode_day(items: u64) -> anyhow::Result<Ready> {
    let mut encoder = Schemas::compiled().encoder(Topic::CampaignDays);
    let mut days = Vec::new();
    rows::generate(Size { records: items, seed: SEED }, |_, row| {
        if let Row::Day(day) = row {
            days.push(framed(&mut encoder, day)?);
        }
        Ok(())
    })?;
    let mut decoder = Schemas::compiled().decoder();
    Ok(Box::new(move || {
        for day in &days {
            black_box(decoder.decode::<CampaignDay<'_>>(Some(day))?);
        }
        Ok(days.len() as u64)
    }))
}

fn framed<T: Serialize>(encoder: &mut Encoder, value: &T) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encoder.encode(value, &mut bytes)?;
    Ok(bytes)
}
