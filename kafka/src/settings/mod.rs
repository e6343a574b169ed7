//! Connection settings, resolved once by the binary, and the client configuration of each use made of them.
//!
//! Promises that what correctness rests on (idempotence, isolation, manual offsets, placement) cannot be overridden,
//! and that secrets appear in no `Debug` output. Every client of this crate is configured here.

mod clients;

pub(crate) use clients::GroupOptions;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::KafkaError;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecurityProtocol {
    /// Nothing; for development.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Reads Kafka's own spelling (`SASL_SSL`, in any case).
    ///
    /// # Errors
    /// [`KafkaError::Settings`] listing the names.
    pub fn parse(name: &str) -> Result<Self, KafkaError> {
        match name.to_ascii_lowercase().as_str() {
            "plaintext" => Ok(Self::Plaintext),
            "ssl" => Ok(Self::Ssl),
            "sasl_plaintext" => Ok(Self::SaslPlaintext),
            "sasl_ssl" => Ok(Self::SaslSsl),
            _ => Err(refused("security.protocol", "one of plaintext, ssl, sasl_plaintext, sasl_ssl")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

/// SASL credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// User name.
    pub username: String,
    /// Password; never printed.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// PEM files for TLS. Without `ca_path` the system's certificates count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificate authorities.
    pub ca_path: Option<String>,
    /// Client certificate.
    pub certificate_path: Option<String>,
    /// Client key.
    pub key_path: Option<String>,
}

/// Where Kafka is and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port[,host:port…]`.
    pub brokers: String,
    /// Name shown in the broker's logs and quotas.
    pub client_id: String,
    /// Protection of the connection.
    pub security: SecurityProtocol,
    /// Credentials, with a `Sasl…` protocol.
    pub sasl: Option<Sasl>,
    /// TLS files, with an `…Ssl` protocol.
    pub tls: Tls,
    /// Limit of one request to a broker, and of one administrative question.
    pub request_timeout: Duration,
    /// How long a record may wait for its acknowledgement before it counts as not acknowledged.
    pub delivery_timeout: Duration,
    /// Limit of a plain producer's queue.
    pub queue_bytes: usize,
    /// Records are fetched and produced over connections of our own instead of through the client library, which takes a good part
    /// of the CPU. Only where the connection is not protected.
    pub direct: bool,
    /// Further librdkafka settings. Prefix a key with `producer.` or `consumer.` to set it on one kind only.
    /// Keys that exactly-once rests on are refused.
    pub extra: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("security", &self.security)
            .field("sasl", &self.sasl)
            .field("tls", &self.tls)
            // Values may be secrets (ssl.key.password).
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What the crate's promises rest on; an override would break them silently.
const RESERVED: [&str; 23] = [
    "acks",
    "request.required.acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "metadata.broker.list",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.messages",
    "security.protocol",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Records of committed transactions and records outside of transactions.
    ReadCommitted,
    /// Everything in the log, aborted records too.
    ReadUncommitted,
}

impl Isolation {
    fn name(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read_committed",
            Self::ReadUncommitted => "read_uncommitted",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Producer,
    Consumer,
}

impl KafkaSettings {
    /// Plaintext settings with the defaults.
    #[must_use]
    pub fn new(brokers: &str, client_id: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            client_id: client_id.to_owned(),
            security: SecurityProtocol::Plaintext,
            sasl: None,
            tls: Tls::default(),
            request_timeout: Duration::from_secs(10),
            delivery_timeout: Duration::from_secs(30),
            queue_bytes: 64 << 20,
            direct: true,
            extra: BTreeMap::new(),
        }
    }

    /// Refuses settings that cannot work, before anything connects.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] naming the key.
    pub fn validate(&self) -> Result<(), KafkaError> {
        if self.brokers.trim().is_empty() {
            return Err(refused("bootstrap.servers", "names no broker"));
        }
        let wants_tls = matches!(self.security, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl);
        let wants_sasl = matches!(self.security, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl);
        let scram =
            self.sasl.as_ref().is_some_and(|sasl| sasl.mechanism.to_ascii_uppercase().starts_with("SCRAM"));
        if !cfg!(feature = "tls") && (wants_tls || (wants_sasl && scram)) {
            return Err(refused(
                "security.protocol",
                "this build has no TLS and no SCRAM; build with --features kafka-tls",
            ));
        }
        if wants_sasl && self.sasl.is_none() {
            return Err(refused("sasl.username", "a SASL protocol needs credentials"));
        }
        for key in self.extra.keys() {
            let (_, bare) = split_prefix(key);
            if RESERVED.contains(&bare) {
                return Err(refused(key, "is set by adpulse itself; exactly-once rests on it"));
            }
        }
        Ok(())
    }
}

fn split_prefix(key: &str) -> (Option<Kind>, &str) {
    if let Some(bare) = key.strip_prefix("producer.") {
        (Some(Kind::Producer), bare)
    } else if let Some(bare) = key.strip_prefix("consumer.") {
        (Some(Kind::Consumer), bare)
    } else {
        (None, key)
    }
}

fn refused(key: &str, reason: &str) -> KafkaError {
    KafkaError::Settings { key: key.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_appears_in_debug_output() {
        let mut settings = KafkaSettings::new("localhost:9092", "test");
        settings.sasl = Some(Sasl {
            mechanism: "PLAIN".into(),
            username: "user-canary".into(),
            password: "password-canary".into(),
        });
        settings.extra.insert("ssl.key.password".into(), "key-canary".into());
        let printed = format!("{settings:?}");
        assert!(!printed.contains("canary"), "{printed}");
    }

    #[test]
    fn what_exactly_once_rests_on_cannot_be_overridden() {
        for key in ["isolation.level", "producer.enable.idempotence", "consumer.auto.offset.reset"] {
            let mut settings = KafkaSettings::new("localhost:9092", "test");
            settings.extra.insert(key.into(), "x".into());
            assert!(matches!(settings.validate(), Err(KafkaError::Settings { .. })), "{key}");
        }
    }

    #[test]
    fn a_prefixed_override_reaches_only_its_kind_of_client() {
        let mut settings = KafkaSettings::new("localhost:9092", "test");
        settings.extra.insert("producer.linger.ms".into(), "7".into());
        let producer = settings.producer().unwrap();
        assert_eq!(producer.get("linger.ms"), Some("7"));
        let consumer = settings.inspector(Isolation::ReadCommitted).unwrap();
        assert_eq!(consumer.get("linger.ms"), None);
    }
}
