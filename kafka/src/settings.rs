//! Connection settings, resolved once by the binary, and the client configuration of each use made of them.
//!
//! Promises that what correctness rests on (idempotence, isolation, manual offsets, placement) cannot be overridden,
//! and that secrets appear in no `Debug` output. Every client of this crate is configured here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::error::KafkaError;
use crate::stage::StageConfig;

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

/// What a member of a consumer group needs beyond the connection.
pub(crate) struct GroupOptions<'a> {
    pub(crate) group: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) session_timeout: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) prefetch_bytes: usize,
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

    fn base(&self, kind: Kind) -> Result<ClientConfig, KafkaError> {
        self.validate()?;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("security.protocol", self.security.name())
            .set("socket.timeout.ms", millis(self.request_timeout))
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "2000")
            .set("statistics.interval.ms", "5000");
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", &sasl.mechanism)
                .set("sasl.username", &sasl.username)
                .set("sasl.password", &sasl.password);
        }
        let files = [
            ("ssl.ca.location", &self.tls.ca_path),
            ("ssl.certificate.location", &self.tls.certificate_path),
            ("ssl.key.location", &self.tls.key_path),
        ];
        for (key, path) in files {
            if let Some(path) = path {
                config.set(key, path);
            }
        }
        for (key, value) in &self.extra {
            let (only, bare) = split_prefix(key);
            if only.is_none_or(|only| only == kind) {
                config.set(bare, value);
            }
        }
        Ok(config)
    }

    fn extra_names(&self, key: &str) -> bool {
        self.extra.keys().any(|name| split_prefix(name).1 == key)
    }

    /// Sets a default of ours that `extra` may change.
    fn tunable(&self, config: &mut ClientConfig, key: &str, value: &str) {
        if !self.extra_names(key) {
            config.set(key, value);
        }
    }

    fn idempotent(
        &self,
        queue_bytes: usize,
        delivery_timeout: Duration,
        linger: &str,
    ) -> Result<ClientConfig, KafkaError> {
        let mut config = self.base(Kind::Producer)?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            // Java's default placement: murmur2, and any partition for a record without a key.
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", millis(delivery_timeout))
            .set("queue.buffering.max.messages", "1000000");
        // The limit is in KiB.
        self.tunable(&mut config, "queue.buffering.max.kbytes", &(queue_bytes / 1024).max(1).to_string());
        self.tunable(&mut config, "linger.ms", linger);
        self.tunable(&mut config, "compression.type", "lz4");
        // After a commit the coordinator answers CONCURRENT_TRANSACTIONS until its markers are written, and the client
        // waits this long (100 ms by default) before it asks again.
        self.tunable(&mut config, "retry.backoff.ms", "2");
        self.tunable(&mut config, "retry.backoff.max.ms", "100");
        Ok(config)
    }

    pub(crate) fn producer(&self) -> Result<ClientConfig, KafkaError> {
        self.idempotent(self.queue_bytes, self.delivery_timeout, "5")
    }

    pub(crate) fn transactional(
        &self,
        transactional_id: &str,
        transaction_timeout: Duration,
        queue_bytes: usize,
    ) -> Result<ClientConfig, KafkaError> {
        // A record cannot usefully wait longer than its transaction lives.
        let delivery_timeout = self.delivery_timeout.min(transaction_timeout);
        let mut config = self.idempotent(queue_bytes, delivery_timeout, "2")?;
        config
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", millis(transaction_timeout))
            // librdkafka insists: a request must not outlive its transaction.
            .set("socket.timeout.ms", millis(self.request_timeout.min(transaction_timeout)));
        Ok(config)
    }

    pub(crate) fn stage_producer(&self, stage: &StageConfig) -> Result<ClientConfig, KafkaError> {
        self.idempotent(stage.queue_bytes, self.delivery_timeout.min(stage.transaction_timeout), "2")
    }

    fn consumer(&self, isolation: Isolation, prefetch_bytes: usize) -> Result<ClientConfig, KafkaError> {
        let mut config = self.base(Kind::Consumer)?;
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Every start position is explicit, so the only reset that can happen is one that lost records.
            .set("auto.offset.reset", "error")
            .set("isolation.level", isolation.name());
        let kib = (prefetch_bytes / 1024).max(1);
        self.tunable(&mut config, "queued.max.messages.kbytes", &kib.to_string());
        self.tunable(&mut config, "queued.min.messages", "100000");
        // By default fetching stops for a second once the bounded queue is full.
        self.tunable(&mut config, "fetch.queue.backoff.ms", "2");
        self.tunable(&mut config, "fetch.wait.max.ms", "100");
        self.tunable(&mut config, "fetch.error.backoff.ms", "100");
        Ok(config)
    }

    pub(crate) fn group_consumer(&self, options: &GroupOptions<'_>) -> Result<ClientConfig, KafkaError> {
        let mut config = self.consumer(Isolation::ReadCommitted, options.prefetch_bytes)?;
        config
            .set("group.id", options.group)
            .set("group.protocol", "classic")
            // Range over co-partitioned topics: the same partition number of every input goes to one member. Eager.
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", millis(options.session_timeout))
            .set("heartbeat.interval.ms", millis((options.session_timeout / 10).min(Duration::from_secs(3))))
            .set("max.poll.interval.ms", millis(options.max_poll_interval));
        if let Some(instance) = options.instance_id {
            config.set("group.instance.id", instance);
        }
        Ok(config)
    }

    /// A consumer that never joins a group: restore, readers, watermark questions. librdkafka asks for a group id
    /// before it accepts an assignment; nothing is committed under it.
    pub(crate) fn assigned_consumer(
        &self,
        group: &str,
        isolation: Isolation,
        prefetch_bytes: usize,
    ) -> Result<ClientConfig, KafkaError> {
        let mut config = self.consumer(isolation, prefetch_bytes)?;
        config.set("group.id", group).set("enable.partition.eof", "true");
        Ok(config)
    }

    /// A client that only asks for metadata and offsets.
    pub(crate) fn inspector(&self, isolation: Isolation) -> Result<ClientConfig, KafkaError> {
        self.consumer(isolation, 1 << 20)
    }

    pub(crate) fn admin(&self) -> Result<ClientConfig, KafkaError> {
        self.base(Kind::Producer)
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

pub(crate) fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
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
