//! Much at once: more than the sinks may hold while their store is away.

use std::sync::Mutex;
use std::sync::PoisonError;

use ingest::sample::{FacebookMessage, SampleMessage, SampleOptions, generate};
use kafka::{Producer, Record};
use schemas::Topic;

use super::Generator;
use crate::journal::{Class, Sent};
use crate::{block_on, now};

/// Facts of a flood: several times what queues and batches hold.
const FACTS: usize = 20_000;
/// Each waits for its acknowledgement; side by side they fill the producer's batches.
const SENDERS: usize = 48;

impl Generator<'_> {
    /// Sends a flood of facts as fast as Kafka takes them.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn flood(&self) -> anyhow::Result<()> {
        let options = SampleOptions {
            seed: self.seed.wrapping_add(1),
            campaigns: 900,
            accounts: 9,
            days: 30,
            end: now(),
        };
        let facts = generate(&options).filter_map(|item| match item.message {
            SampleMessage::Facebook(message) => Some(message),
            SampleMessage::Crm(_) => None,
        });
        let facts: Vec<FacebookMessage> = facts.take(FACTS).collect();
        let ids: Vec<String> = facts.iter().map(|fact| format!("facebook/{}", fact.message_id)).collect();
        let sent = facts.iter().zip(&ids).map(|(fact, id)| Sent {
            id,
            class: Class::Valid,
            campaign: &fact.key,
            at: fact.observed_at.0,
            micros: 0,
        });
        self.journal.sending_all(sent)?;
        let producer = Producer::new(&self.site.kafka(), "soak-flood")?;
        let topic = self.site.topic(Topic::RawFacebook);
        let waiting = Mutex::new(facts.iter().zip(&ids));
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    scope.spawn(|| -> anyhow::Result<()> {
                        let mut encoder = self.site.schemas.encoder(Topic::RawFacebook);
                        loop {
                            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                            let Some((fact, id)) = next else { return Ok(()) };
                            let mut value = Vec::new();
                            encoder.encode(&fact.event(), &mut value)?;
                            let record = Record::new(&topic, Some(fact.key.as_bytes()), Some(&value));
                            if block_on(producer.send(record)).is_ok() {
                                self.journal.replied(id, true)?;
                            }
                        }
                    })
                })
                .collect();
            senders.into_iter().try_for_each(|sender| match sender.join() {
                Ok(sent) => sent,
                Err(_) => anyhow::bail!("a sender of the flood panicked"),
            })
        })
    }
}
