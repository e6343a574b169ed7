//! The contracts between adpulse's roles, and with everybody who reads its topics.
//!
//! Every topic is declared once in `topics.toml`, every value once in `avro/*.avsc`, and each has a Rust type in
//! [`record`] that borrows from the bytes it was decoded from. [`Encoder`] and [`Decoder`] turn one into the other in the Confluent
//! wire format, [`RegistryClient`] speaks to a schema registry, [`Topic`] names the topics. A test holds types,
//! schemas and examples against each other; nothing here knows Kafka, a clock or the rules.

#[cfg(feature = "codec")]
mod codec;
#[cfg(feature = "codec")]
mod datum;
#[cfg(feature = "codec")]
mod error;
pub mod examples;
mod key;
pub mod record;
#[cfg(feature = "codec")]
mod registry;
mod text;
mod topics;
mod units;
mod money;

#[cfg(feature = "codec")]
pub use codec::{Decoder, Encoder, Schemas};
#[cfg(feature = "codec")]
pub use datum::TopicValue;
#[cfg(feature = "codec")]
pub use error::{CodecError, RegistryError};
pub use key::{AccountKey, CampaignKey, DayKey, lead_key};
pub use money::{Micros, ParseMoneyError};
#[cfg(feature = "codec")]
pub use registry::{Compatibility, RegistryClient};
pub use text::text;
pub use topics::{Cleanup, Topic, TopicSpec, TopicsError};
pub use units::{Day, TimestampMs};
