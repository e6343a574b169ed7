//! Records to bytes and back, each kind over records as the roles write them.

use std::hint::black_box;

use schemas::record::{CampaignDay, CampaignScore, Event};
use schemas::{Encoder, Schemas, Topic, TopicValue};

use super::Ready;
use crate::corpus::Size;
use crate::corpus::rows::{self, Row};
use crate::corpus::steady::{self, Item, Shape};

const SEED: u64 = 1;

/// Bytes for the rest of the process, which measures one kind of work and ends.
type Lasting = &'static [u8];

/// Events of the steady corpus, poison left out: the history of its campaigns, then about so many others.
pub(super) fn events(items: u64) -> anyhow::Result<Vec<(String, Lasting)>> {
    let history = 32 * steady::campaigns(Size { records: items, seed: SEED });
    let size = Size { records: items + history, seed: SEED };
    let mut encoder = Schemas::compiled().encoder(Topic::Events);
    let mut all = Vec::new();
    steady::generate(size, Shape::usual(size, steady::STEADY), |key, item| {
        if let Item::Fact(event) = item {
            all.push((key.to_owned(), framed(&mut encoder, event)?));
        }
        Ok(())
    })?;
    Ok(all)
}

fn newest_events(items: u64) -> anyhow::Result<Vec<Lasting>> {
    let all = events(items)?;
    let from = all.len().saturating_sub(usize::try_from(items)?);
    Ok(all.into_iter().skip(from).map(|(_, bytes)| bytes).collect())
}

pub(super) fn decode_event(items: u64) -> anyhow::Result<Ready> {
    let all = newest_events(items)?;
    let mut decoder = Schemas::compiled().decoder();
    Ok(Box::new(move || {
        for bytes in &all {
            // As the role does; other records are moved out.
            decoder.show(Some(bytes), |event: Result<&mut Event<'static>, _>| {
                event.map(|event| {
                    black_box(event);
                })
            })?;
        }
        Ok(all.len() as u64)
    }))
}

pub(super) fn encode_event(items: u64) -> anyhow::Result<Ready> {
    encoding::<Event<'static>>(Topic::Events, &newest_events(items)?)
}

pub(super) fn decode_day(items: u64) -> anyhow::Result<Ready> {
    Ok(decoding::<CampaignDay<'static>>(rows(Topic::CampaignDays, items)?))
}

pub(super) fn encode_day(items: u64) -> anyhow::Result<Ready> {
    encoding::<CampaignDay<'static>>(Topic::CampaignDays, &rows(Topic::CampaignDays, items)?)
}

pub(super) fn encode_score(items: u64) -> anyhow::Result<Ready> {
    encoding::<CampaignScore<'static>>(Topic::Scores, &rows(Topic::Scores, items)?)
}

fn decoding<T: TopicValue<'static> + 'static>(all: Vec<Lasting>) -> Ready {
    let mut decoder = Schemas::compiled().decoder();
    Box::new(move || {
        for bytes in &all {
            black_box(decoder.decode::<T>(Some(bytes))?);
        }
        Ok(all.len() as u64)
    })
}

fn encoding<T: TopicValue<'static> + 'static>(topic: Topic, all: &[Lasting]) -> anyhow::Result<Ready> {
    let schemas = Schemas::compiled();
    let (mut decoder, mut encoder) = (schemas.decoder(), schemas.encoder(topic));
    let values: Vec<T> = all.iter().map(|bytes| decoder.decode(Some(bytes))).collect::<Result<_, _>>()?;
    let mut buffer = Vec::with_capacity(4_096);
    Ok(Box::new(move || {
        for value in &values {
            buffer.clear();
            encoder.encode(value, &mut buffer)?;
            black_box(&buffer);
        }
        Ok(values.len() as u64)
    }))
}

/// So many values of one of the topics that the sinks read.
fn rows(topic: Topic, items: u64) -> anyhow::Result<Vec<Lasting>> {
    let mut encoder = Schemas::compiled().encoder(topic);
    let mut all = Vec::new();
    rows::generate(Size { records: 4 * items, seed: SEED }, |_, row| {
        match row {
            Row::Day(day) if topic == Topic::CampaignDays => all.push(framed(&mut encoder, day)?),
            Row::Score(score) if topic == Topic::Scores => all.push(framed(&mut encoder, score)?),
            _ => {}
        }
        Ok(())
    })?;
    all.truncate(usize::try_from(items)?);
    Ok(all)
}

fn framed<'a, T: TopicValue<'a>>(encoder: &mut Encoder, value: &T) -> anyhow::Result<Lasting> {
    let mut bytes = Vec::new();
    encoder.encode(value, &mut bytes)?;
    Ok(bytes.leak())
}
