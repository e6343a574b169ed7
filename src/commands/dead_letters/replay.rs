//! How a refused record gets into the pipeline again: at the very place where it was refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ingest::webhook::{CrmSource, read_again};
use ingest::{Ack, RecordSink};
use kafka::Placement;
use schemas::{Schemas, Topic};

use super::letters::Letter;
use crate::commands::replay::Log;

/// Names the replayed letter on the record, for whoever follows its trace.
pub const HEADER: &str = "adpulse-replay-of";

/// A record to be sent again.
pub struct Again {
    pub topic: Topic,
    pub placement: Placement,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

/// Why a letter cannot be replayed.
pub type Hindrance = (&'static str, String);

/// What replaying needs.
pub struct Replayer<'a> {
    log: &'a Log,
    sources: BTreeMap<String, CrmSource>,
}

impl<'a> Replayer<'a> {
    pub fn new(log: &'a Log, sources: Vec<CrmSource>) -> Self {
        let sources = sources.into_iter().map(|source| (source.name.clone(), source)).collect();
        Self { log, sources }
    }

    /// The record that a letter stands for.
    pub fn again(&self, letter: &Letter<'_>) -> Result<Again, Hindrance> {
        let record = &letter.record;
        let Some(origin) = record.origin else {
            return match record.stage {
                "crm" => self.event_of_a_crm(letter),
                "csv" => Err((
                    "ROW_OF_A_FILE",
                    "a row alone has no header: correct it in its file and send the file again; rows that are \
                     unchanged then count once"
                        .to_owned(),
                )),
                _ => Err(("NO_ORIGIN", "the letter does not say where the record lay".to_owned())),
            };
        };
        if record.payload.is_empty() {
            return Err(("NO_VALUE", "the record had no value, and would have none again".to_owned()));
        }
        match self.log.names.topic(origin.topic) {
            Some(
                topic
                @ (Topic::RawFacebook | Topic::RawCrm | Topic::RawCsv | Topic::RawClock | Topic::Events),
            ) => Ok(Again {
                topic,
                placement: Placement::Explicit(origin.partition),
                key: record.key.map(<[u8]>::to_vec),
                value: record.payload.to_vec(),
            }),
            _ => Err((
                "RESULT",
                format!(
                    "{} holds results, and an old one must not follow newer ones: the store gets it right with the next change",
                    origin.topic
                ),
            )),
        }
    }

    /// Reads the event with the source's present mapping. What is still refused stays a letter.
    fn event_of_a_crm(&self, letter: &Letter<'_>) -> Result<Again, Hindrance> {
        let record = &letter.record;
        let (name, message_id) = record.locator.split_once(':').unwrap_or((record.locator, ""));
        let Some(source) = self.sources.get(name) else {
            return Err((
                "UNKNOWN_SOURCE",
                format!("there is no source {name:?} in the settings (crm.{name})"),
            ));
        };
        let caught = Caught { schemas: Arc::clone(&self.log.schemas), event: Arc::default() };
        let reason = read_again(&caught, source, message_id, record.payload, record.refused_at);
        let event = caught.event.lock().unwrap_or_else(PoisonError::into_inner).take();
        match event {
            Some((key, value)) => Ok(Again {
                topic: Topic::RawCrm,
                placement: Placement::ByKey,
                key: Some(key.into_bytes()),
                value: value.map_err(|error| ("NOT_ENCODABLE", error))?,
            }),
            None => Err(("STILL_REFUSED", format!("with the present mapping it is refused as {reason}"))),
        }
    }
}

/// Catches what the door would have sent; a refusal is not caught, because its letter is there already.
#[derive(Clone)]
struct Caught {
    schemas: Arc<Schemas>,
    event: Arc<Mutex<Option<CaughtEvent>>>,
}

/// Its key, and its value encoded.
type CaughtEvent = (String, Result<Vec<u8>, String>);

impl RecordSink for Caught {
    fn send(&self, record: ingest::Record<'_>) -> Ack {
        if let ingest::Record::Raw { topic, key, event } = record {
            let mut value = Vec::new();
            let encoded = self.schemas.encoder(topic).encode(event, &mut value);
            let encoded = encoded.map(|()| value).map_err(|error| error.to_string());
            *self.event.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.to_owned(), encoded));
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
