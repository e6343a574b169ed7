//! Records to bytes and back, in the Confluent wire format: a zero byte, the big-endian id of the writer's schema,
//! the Avro datum. Decoding borrows from the bytes and resolves by field name, so an older record reads as a newer
//! type; encoding appends to a buffer that the caller reuses.
//!
//! Without a registry the ids are derived from each schema's fingerprint, with a bit set that no registry's counter
//! reaches. So the schemas of this build decode everywhere, and two builds never mean different schemas by one id.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::{SerializerConfig, SerializerState};

use crate::{CodecError, RegistryClient, RegistryError, Topic, TopicValue, datum};

const MAGIC: u8 = 0;
const HEADER_BYTES: usize = 5;
/// Set in ids that come from a fingerprint.
const FINGERPRINT_BIT: u32 = 0x4000_0000;
/// No list in our records is longer; a longer one in the bytes is damage, not data.
const LIST_ITEMS_MAX: usize = 100_000;
/// How many unknown ids are remembered, so that damaged headers do not turn into a storm of look-ups.
const UNKNOWN_IDS_MAX: usize = 1_024;

/// A schema, and the record whose type has its order where it is one of this build's.
#[derive(Clone)]
struct Known {
    schema: Arc<Schema>,
    record: Option<&'static str>,
}

/// The schemas known to this process: those it writes with, and those it has met.
pub struct Schemas {
    write_ids: HashMap<Topic, u32>,
    known: RwLock<HashMap<u32, Known>>,
    unknown: RwLock<HashSet<u32>>,
    registry: Option<RegistryClient>,
}

impl Schemas {
    /// The schemas of this build, under ids derived from their fingerprints.
    #[must_use]
    pub fn compiled() -> Arc<Self> {
        let write_ids = Topic::ALL.into_iter().map(|topic| (topic, fingerprint_id(topic))).collect();
        Arc::new(Self::new(write_ids, None))
    }

    /// Finds the ids of this build's schemas under the subjects `{prefix}{topic}-value`, registering them first if
    /// `register` says so. Blocks on the network.
    ///
    /// # Errors
    /// When the registry does not answer, does not know a schema, or refuses one as incompatible.
    pub fn from_registry(
        client: RegistryClient,
        prefix: &str,
        register: bool,
    ) -> Result<Arc<Self>, RegistryError> {
        let mut write_ids = HashMap::new();
        for topic in Topic::ALL {
            let subject = format!("{prefix}{}-value", topic.name());
            let id = if register {
                client.register(&subject, topic.avsc())?
            } else {
                client.find(&subject, topic.avsc())?
            };
            write_ids.insert(topic, id);
        }
        Ok(Arc::new(Self::new(write_ids, Some(client))))
    }

    fn new(write_ids: HashMap<Topic, u32>, registry: Option<RegistryClient>) -> Self {
        let mut known = HashMap::new();
        for released in released() {
            let schema = Arc::clone(released);
            known.insert(fingerprint_id_of(released), Known { schema, record: None });
        }
        for topic in Topic::ALL {
            known.insert(fingerprint_id(topic), compiled(topic).clone());
            known.insert(write_ids[&topic], compiled(topic).clone());
        }
        Self { write_ids, known: RwLock::new(known), unknown: RwLock::default(), registry }
    }

    /// An encoder of one topic's values.
    #[must_use]
    pub fn encoder(&self, topic: Topic) -> Encoder {
        let mut header = [MAGIC; HEADER_BYTES];
        header[1..].copy_from_slice(&self.write_ids[&topic].to_be_bytes());
        let Known { schema, record } = compiled(topic);
        Encoder { header, record: record.unwrap_or_default(), config: SerializerConfig::new(schema) }
    }

    /// A decoder of any topic's values.
    #[must_use]
    pub fn decoder(self: &Arc<Self>) -> Decoder {
        Decoder { schemas: Arc::clone(self), last: None }
    }

    fn by_id(&self, id: u32) -> Result<Known, CodecError> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(known.clone());
        }
        let Some(registry) = &self.registry else { return Err(CodecError::UnknownSchema { id }) };
        if self.unknown.read().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return Err(CodecError::UnknownSchema { id });
        }
        let text = match registry.schema_by_id(id) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let mut unknown = self.unknown.write().unwrap_or_else(PoisonError::into_inner);
                if unknown.len() >= UNKNOWN_IDS_MAX {
                    unknown.clear();
                }
                unknown.insert(id);
                return Err(CodecError::UnknownSchema { id });
            }
            Err(source) => return Err(CodecError::Registry { id, source }),
        };
        let schema: Schema = text.parse().map_err(|e| CodecError::Malformed {
            record: "Avro schema",
            reason: format!("schema id {id}: {e}"),
        })?;
        let known = Known { schema: Arc::new(schema), record: None };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, known.clone());
        Ok(known)
    }
}

/// Encodes the values of one topic.
pub struct Encoder {
    header: [u8; HEADER_BYTES],
    record: &'static str,
    config: SerializerConfig<'static>,
}

impl Encoder {
    /// Appends the framed value to `out`, which is left as it was on an error.
    ///
    /// # Errors
    /// When the value does not fit the topic's schema, which the tests of this crate rule out for its own types.
    pub fn encode<'a, T: TopicValue<'a>>(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        out.extend_from_slice(&self.header);
        if datum::write(value, self.record, out) {
            return Ok(());
        }
        // The codec of any schema finds the words for what is wrong.
        out.truncate(start + HEADER_BYTES);
        let outcome = encoded(value, &mut self.config, out);
        if outcome.is_err() {
            out.truncate(start);
        }
        outcome
    }
}

/// Decodes values, whatever schema they were written with. Cheap to make; one per thread remembers the last schema.
pub struct Decoder {
    schemas: Arc<Schemas>,
    last: Option<(u32, Known)>,
}

impl Decoder {
    /// Reads a framed value. The result borrows from `bytes`.
    ///
    /// # Errors
    /// Every error but [`CodecError::Registry`] is a property of the bytes and stays the same when tried again.
    pub fn decode<'a, T: TopicValue<'a>>(&mut self, bytes: Option<&'a [u8]>) -> Result<T, CodecError> {
        let (Known { schema, record }, datum) = self.unframed(bytes)?;
        if let Some(value) = record.and_then(|record| datum::read(datum, record, LIST_ITEMS_MAX)) {
            return Ok(value);
        }
        decoded(schema, datum)
    }

    /// Reads a framed value as [`Self::decode`] does, and shows it where it lies, so that a large one is not moved.
    #[inline]
    pub fn show<'a, T: TopicValue<'a>, R>(
        &mut self,
        bytes: Option<&'a [u8]>,
        see: impl FnOnce(Result<&mut T, CodecError>) -> R,
    ) -> R {
        let (Known { schema, record }, datum) = match self.unframed(bytes) {
            Ok(unframed) => unframed,
            Err(error) => return see(Err(error)),
        };
        let see = match datum::show(datum, record.unwrap_or_default(), LIST_ITEMS_MAX, see) {
            Ok(seen) => return seen,
            Err(see) => see,
        };
        match decoded(schema, datum) {
            Ok(mut value) => see(Ok(&mut value)),
            Err(error) => see(Err(error)),
        }
    }

    /// The schema that a value was written with, and the value.
    fn unframed<'a>(&mut self, bytes: Option<&'a [u8]>) -> Result<(&Known, &'a [u8]), CodecError> {
        let bytes = bytes.ok_or(CodecError::NoValue)?;
        let Some((&[MAGIC, a, b, c, d], datum)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(CodecError::NotFramed);
        };
        let id = u32::from_be_bytes([a, b, c, d]);
        if self.last.as_ref().is_none_or(|(last, _)| *last != id) {
            self.last = Some((id, self.schemas.by_id(id)?));
        }
        let (_, known) = self.last.as_ref().expect("it was put there");
        Ok((known, datum))
    }
}

/// Reads a datum by the names of its fields, whatever schema wrote it.
fn decoded<'a, T: Deserialize<'a>>(schema: &Schema, datum: &'a [u8]) -> Result<T, CodecError> {
    let malformed = |reason| CodecError::Malformed { record: std::any::type_name::<T>(), reason };
    let mut config = DeserializerConfig::new(schema);
    config.max_seq_size = LIST_ITEMS_MAX;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = T::deserialize(state.deserializer()).map_err(|e| malformed(e.to_string()))?;
    match state.into_reader().read(&mut [0]) {
        Ok(0) => Ok(value),
        _ => Err(malformed("bytes are left over after the value".to_owned())),
    }
}

/// Writes a datum by the names of its fields.
fn encoded<T: Serialize>(
    value: &T,
    config: &mut SerializerConfig<'_>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut state = SerializerState::from_writer(out, config);
    value
        .serialize(state.serializer())
        .map_err(|e| CodecError::NotEncodable { record: std::any::type_name::<T>(), reason: e.to_string() })
}

/// The schema of this build for a topic, parsed once.
fn compiled(topic: Topic) -> &'static Known {
    static PARSED: OnceLock<HashMap<Topic, Known>> = OnceLock::new();
    let parse = |topic: Topic| {
        let schema = Arc::new(topic.avsc().parse().expect("the tests parse every schema"));
        (topic, Known { schema, record: Some(topic.record()) })
    };
    let parsed = PARSED.get_or_init(|| Topic::ALL.into_iter().map(parse).collect());
    &parsed[&topic]
}

/// Schemas of earlier releases that have changed since: without a registry, what they wrote is still read.
fn released() -> &'static [Arc<Schema>] {
    static PARSED: OnceLock<Vec<Arc<Schema>>> = OnceLock::new();
    PARSED.get_or_init(|| {
        [
            include_str!("../released/1/campaign.avsc"),
            include_str!("../released/1/campaign_day.avsc"),
            include_str!("../released/1/event.avsc"),
            include_str!("../released/1/lead.avsc"),
        ]
        .into_iter()
        .map(|text| Arc::new(text.parse().expect("the tests parse every released schema")))
        .collect()
    })
}

fn fingerprint_id(topic: Topic) -> u32 {
    fingerprint_id_of(&compiled(topic).schema)
}

fn fingerprint_id_of(schema: &Schema) -> u32 {
    let [a, b, c, d, ..] = *schema.rabin_fingerprint();
    (u32::from_le_bytes([a, b, c, d]) & (FINGERPRINT_BIT - 1)) | FINGERPRINT_BIT
}

#[cfg(test)]
pub(crate) mod by_name {
    //! The slow ways, to hold the fast ones against.

    use super::{SerializerConfig, compiled, decoded, encoded};
    use crate::{CodecError, Topic};
    use serde::{Deserialize, Serialize};

    pub(crate) fn encode<T: Serialize>(topic: Topic, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        encoded(value, &mut SerializerConfig::new(&compiled(topic).schema), &mut out).unwrap();
        out
    }

    pub(crate) fn decode<'a, T: Deserialize<'a>>(topic: Topic, datum: &'a [u8]) -> Result<T, CodecError> {
        decoded(&compiled(topic).schema, datum)
    }
}
