//! Bytes that are no record, on topics that anybody may write to: each kind of damage that a record can have.
//!
//! State topics are left out: they are written by their owner only, who refuses to build its state on what it cannot read.

use std::sync::atomic::Ordering;

use kafka::{Producer, Record};
use schemas::{RegistryClient, Topic};

use super::Generator;
use crate::fault::Link;
use crate::journal::{Class, Sent};
use crate::now;
use crate::oracle::log::read;

/// Where poison may come. A run's steady trickle takes them in turn.
pub const POISONED: [Topic; 8] = [
    Topic::RawFacebook,
    Topic::RawCrm,
    Topic::RawCsv,
    Topic::RawClock,
    Topic::Events,
    Topic::Recommendations,
    Topic::Alerts,
    Topic::DeadLetters,
];
/// Below what brokers take; with the record around it there is room for the key.
const LARGEST: usize = 1_048_000;
/// Ids that a registry counts up to are far below.
const NEVER_REGISTERED: u32 = 0x3f00_0000;
/// A length in Avro of more bytes than there are in the world, and nothing after it.
const ENDLESS: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];

/// A damaged record: the end of its key, and its value.
type Damaged = (Vec<u8>, Option<Vec<u8>>);

impl Generator<'_> {
    /// Sends every kind of poison to a topic.
    ///
    /// # Errors
    /// When the journal cannot be written, or the registry does not answer.
    pub fn poison_all(&self, topic: Topic) -> anyhow::Result<()> {
        let producer = self.poisoner()?;
        for damaged in self.kinds(topic)? {
            self.send_poison(&producer, topic, damaged)?;
        }
        self.send_poison(&producer, topic, (Vec::new(), Some(vec![b'x'; LARGEST])))
    }

    /// Sends a record of a schema that was never met and is registered nowhere.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn poison_unknown_schema(&self, topic: Topic) -> anyhow::Result<()> {
        self.send_poison(&self.poisoner()?, topic, self.unknown_schema())
    }

    /// One piece of the steady trickle.
    pub(super) fn poison(&self, producer: &Producer, turn: usize) -> anyhow::Result<()> {
        let topic = POISONED[turn % POISONED.len()];
        let plain: [Damaged; 4] = [
            (Vec::new(), Some(b"not framed at all".to_vec())),
            (Vec::new(), Some(Vec::new())),
            (Vec::new(), None),
            self.unknown_schema(),
        ];
        let [first, second, third, fourth] = plain;
        let chosen = match (turn / POISONED.len()) % 4 {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        };
        self.send_poison(producer, topic, chosen)
    }

    fn poisoner(&self) -> anyhow::Result<Producer> {
        let mut settings = self.site.kafka();
        settings.extra.insert("compression.type".to_owned(), "none".to_owned());
        Ok(Producer::new(&settings, "soak-poison")?)
    }

    fn unknown_schema(&self) -> Damaged {
        let number = u32::try_from(self.poisoned.load(Ordering::Relaxed)).unwrap_or(0);
        let mut value = vec![0];
        value.extend((NEVER_REGISTERED + number).to_be_bytes());
        value.extend(b"body");
        (Vec::new(), Some(value))
    }

    fn kinds(&self, topic: Topic) -> anyhow::Result<Vec<Damaged>> {
        let registry = RegistryClient::new(&self.site.engines.url(Link::Registry), None);
        let header = |of: Topic| -> anyhow::Result<Vec<u8>> {
            let id = registry.find(&format!("{}-value", self.site.topic(of)), of.avsc())?;
            Ok([&[0], &id.to_be_bytes()[..]].concat())
        };
        let own = header(topic)?;
        let other = header(if topic == Topic::Alerts { Topic::Events } else { Topic::Alerts })?;
        let with = |header: &[u8], datum: &[u8]| (Vec::new(), Some([header, datum].concat()));
        let not_text = vec![b'-', 0xff, 0xfe];
        let mut kinds = vec![
            (Vec::new(), None),
            (Vec::new(), Some(Vec::new())),
            (Vec::new(), Some(b"not framed at all".to_vec())),
            // Another first byte, and too few bytes for a header.
            with(&[1], &own[1..]),
            with(&own[..3], &[]),
            self.unknown_schema(),
            with(&own, ENDLESS),
            with(&own, &[0xff; 20]),
            with(&other, &[2, 2, 2, 2]),
            (not_text.clone(), Some(b"not framed at all".to_vec())),
        ];
        // A sound record of the topic, cut short, or with something after its end, or said to be of another type.
        let sound = |value: &Vec<u8>| value.len() > 20 && value.starts_with(&own);
        let sound = read(self.site, topic)?.into_iter().filter_map(|record| record.value).find(sound);
        if let Some(sound) = sound {
            let datum = &sound[own.len()..];
            kinds.push(with(&own, &datum[..datum.len() / 2]));
            kinds.push(with(&own, &[datum, b"and more"].concat()));
            kinds.push(with(&other, datum));
            if topic == Topic::Events {
                kinds.push((not_text, Some(sound)));
            }
        }
        Ok(kinds)
    }

    fn send_poison(&self, producer: &Producer, topic: Topic, (tail, value): Damaged) -> anyhow::Result<()> {
        let number = self.poisoned.fetch_add(1, Ordering::Relaxed);
        let key = [format!("poison-{number}").as_bytes(), &tail].concat();
        let id = format!("bytes/{}", String::from_utf8_lossy(&key));
        self.journal.sending(&Sent {
            id: &id,
            class: Class::Poison,
            campaign: "",
            at: now().0,
            micros: 0,
        })?;
        let topic = self.site.topic(topic);
        self.produce_bytes(producer, &id, &Record::new(&topic, Some(&key), value.as_deref()))
    }
}
