//! The batch recomputation: the rules in one pass over the committed raw log, in this process, without transactions, restarts
//! or state that was ever written anywhere.
//!
//! Records of a raw partition are read topic after topic, each in its order; the rules promise that the order between topics
//! changes no figure. Everything is scored once, after the last tick.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use kafka::partition_for;
use processor::{NormalizeOutput, Normalizer, Policy, Rejection, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Event, EventBody, Lead, Origin, RawEvent,
    Recommendation, Watermark,
};
use schemas::{Decoder, Encoder, Topic};

use super::log::Committed;
use super::rows::{self, Table};
use crate::site::{PARTITIONS, Site};

/// A place in the log: topic, partition, offset.
pub(super) type Place = (String, i32, i64);

/// What the raw log comes to.
#[derive(Default)]
pub(super) struct Expected {
    /// Events less counts, as text, and how often each.
    pub(super) events: BTreeMap<String, i64>,
    /// Counts of records by account and hour, summed.
    pub(super) counts: Counts,
    /// Raw records that normalize must refuse.
    pub(super) refused: BTreeMap<Place, i64>,
    /// The state of every lead.
    pub(super) leads: Table,
    /// The merged figures of every campaign's day.
    pub(super) days: Table,
    /// The score of every campaign.
    pub(super) scores: Table,
}

/// Records, incomplete, outliers, refused; by account and hour.
pub(super) type Counts = BTreeMap<(String, i64), [i64; 4]>;

/// An event on its way from one half of the rules to the other.
struct Made {
    key: Option<String>,
    value: Vec<u8>,
}

/// Recomputes everything from the raw topics.
///
/// # Errors
/// When an event of our own making cannot be encoded, which is a defect.
pub(super) fn recompute(site: &Site, raw: &[(Topic, Vec<Committed>)]) -> anyhow::Result<Expected> {
    let policy = Arc::new(Policy::from_toml("")?);
    let mut expected = Expected::default();
    let mut made: BTreeMap<i32, Vec<Made>> = BTreeMap::new();
    let mut decoder = site.schemas.decoder();
    for partition in 0..PARTITIONS {
        let mut normalizer = Normalizer::new(Arc::clone(&policy));
        let mut out = Facts {
            expected: &mut expected,
            encoder: site.schemas.encoder(Topic::Events),
            partition,
            made: &mut made,
            at: None,
        };
        for (topic, records) in raw {
            let name = site.topic(*topic);
            for record in records.iter().filter(|record| record.partition == partition) {
                let place = (name.clone(), partition, record.offset);
                let Ok(event) = decoder.decode::<RawEvent<'_>>(record.value.as_deref()) else {
                    *out.expected.refused.entry(place).or_default() += 1;
                    continue;
                };
                let origin = Origin { topic: &name, partition, offset: record.offset };
                out.at = Some(place);
                normalizer.apply(&event, &origin, &mut out)?;
            }
        }
        normalizer.flush(|key, event| out.event(Some(key), event))?;
        normalizer.commit();
    }
    for (partition, events) in made {
        score(site, &policy, partition, &events, &mut expected)?;
    }
    Ok(expected)
}

fn score(
    site: &Site,
    policy: &Arc<Policy>,
    partition: i32,
    events: &[Made],
    expected: &mut Expected,
) -> anyhow::Result<()> {
    let mut scorer = Scorer::new(Arc::clone(policy), partition);
    let mut decoder: Decoder = site.schemas.decoder();
    let name = site.topic(Topic::Events);
    for (number, made) in events.iter().enumerate() {
        let event: Event<'_> = decoder.decode(Some(&made.value))?;
        let offset = i64::try_from(number).unwrap_or(i64::MAX);
        // What the rules refuse, they refused in the pipeline too: its dead letters are compared elsewhere.
        let _ = scorer.apply(made.key.as_deref(), &event, &Origin { topic: &name, partition, offset });
    }
    scorer.flush(&mut State { expected })?;
    scorer.commit();
    Ok(())
}

/// One event as text, with everything that it says, and nothing for a count.
pub(super) fn shown(key: Option<&str>, event: &Event<'_>) -> Option<String> {
    (!matches!(event.body, EventBody::QualityCounted(_))).then(|| format!("{key:?} {event:?}"))
}

/// Adds a count to the sums.
pub(super) fn add_counts(counts: &mut Counts, key: Option<&str>, event: &Event<'_>) {
    if let EventBody::QualityCounted(counted) = &event.body {
        let sums = counts.entry((key.unwrap_or_default().to_owned(), counted.hour_start.0)).or_default();
        let more = [counted.records, counted.incomplete, counted.outlier, counted.rejected];
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += i64::from(more));
    }
}

struct Facts<'e> {
    expected: &'e mut Expected,
    encoder: Encoder,
    partition: i32,
    made: &'e mut BTreeMap<i32, Vec<Made>>,
    at: Option<Place>,
}

impl NormalizeOutput for Facts<'_> {
    type Error = schemas::CodecError;

    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Self::Error> {
        if let Some(text) = shown(key, event) {
            *self.expected.events.entry(text).or_default() += 1;
        }
        add_counts(&mut self.expected.counts, key, event);
        let to = key.map_or(self.partition, |key| partition_for(key.as_bytes(), PARTITIONS));
        let mut value = Vec::new();
        self.encoder.encode(event, &mut value)?;
        self.made.entry(to).or_default().push(Made { key: key.map(str::to_owned), value });
        Ok(())
    }

    fn lead(&mut self, lead_key: &str, lead: &Lead<'_>) -> Result<(), Self::Error> {
        self.expected.leads.insert(lead_key.to_owned(), rows::lead(lead));
        Ok(())
    }

    fn reject(&mut self, _: &Rejection) -> Result<(), Self::Error> {
        if let Some(place) = self.at.clone() {
            *self.expected.refused.entry(place).or_default() += 1;
        }
        Ok(())
    }
}

struct State<'e> {
    expected: &'e mut Expected,
}

impl ScoreOutput for State<'_> {
    type Error = Infallible;

    fn day(&mut self, key: &str, day: &CampaignDay<'_>) -> Result<(), Infallible> {
        self.expected.days.insert(key.to_owned(), rows::day(day));
        Ok(())
    }

    fn score(&mut self, key: &str, score: &CampaignScore<'_>) -> Result<(), Infallible> {
        self.expected.scores.insert(key.to_owned(), rows::score(score));
        Ok(())
    }

    fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
        self.expected.days.remove(key);
        Ok(())
    }

    fn campaign(&mut self, _: &str, _: &Campaign<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn recommendation(&mut self, _: &str, _: &Recommendation<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn account(&mut self, _: &str, _: &Account<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn alert(&mut self, _: &str, _: &Alert<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn watermark(&mut self, _: &str, _: &Watermark<'_>) -> Result<(), Infallible> {
        Ok(())
    }
}
