//! The client configuration of each use, with what the promises need and librdkafka does not default to.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::{Isolation, KafkaSettings, Kind, SecurityProtocol, split_prefix};
use crate::error::KafkaError;
use crate::stage::StageConfig;
use crate::stage::link::Transactional;
use crate::wire::{FetchOptions, IdempotentOptions, TransactorOptions};

/// What a member asks a broker for at once, for all of its partitions.
const ANSWER_BYTES: i32 = 1 << 20;

/// Of one partition in it. One that has more gets most of the answers for a while.
const PARTITION_BYTES: i32 = 1 << 20;

/// Nobody sees a record before its commit, and waiting for its acknowledgement ends the lingering. Until then only a full
/// batch is worth waking the sending thread, which looks at every partition each time.
const LINGER_UNTIL_COMMIT_MS: &str = "100";

/// The edges send one request for each of these at most.
const EDGE_LINGER_MS: &str = "5";

/// Pause of the edges after a failure.
const BACKOFF: Duration = Duration::from_millis(50);

/// What a member of a consumer group needs beyond the connection.
pub(crate) struct GroupOptions<'a> {
    pub(crate) group: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) session_timeout: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) prefetch_bytes: usize,
}

impl KafkaSettings {
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
            .set("statistics.interval.ms", "5000")
            // A broker that has just come back, or was fenced, may say that there are no brokers; the client forgets those it knew
            // and, without this, never asks anybody again. Seen after a broker's SIGKILL and pause: producers and sinks that
            // lived on were idle for ever.
            .set("metadata.recovery.strategy", "rebootstrap")
            // After starting over, partitions whose leader is missed are not fetched until the next refresh, which is five minutes
            // away by default.
            .set("topic.metadata.refresh.interval.ms", "10000");
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

    /// Whether somebody has chosen a compression.
    pub(crate) fn names_compression(&self) -> bool {
        self.extra_names("compression.type") || self.extra_names("compression.codec")
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
            .set("queue.buffering.max.messages", "1000000")
            // A request that waits for the answer to the one before it costs a round trip.
            .set("socket.nagle.disable", "true");
        // The limit is in KiB.
        self.tunable(&mut config, "queue.buffering.max.kbytes", &(queue_bytes / 1024).max(1).to_string());
        self.tunable(&mut config, "linger.ms", linger);
        // A dead letter is larger than the record that it keeps, which may be as large as the broker takes.
        self.tunable(&mut config, "message.max.bytes", "4194304");
        self.tunable(&mut config, "compression.type", "lz4");
        // After a commit the coordinator answers CONCURRENT_TRANSACTIONS until its markers are written, and the client
        // waits this long (100 ms by default) before it asks again.
        self.tunable(&mut config, "retry.backoff.ms", "2");
        self.tunable(&mut config, "retry.backoff.max.ms", "100");
        Ok(config)
    }

    pub(crate) fn producer(&self) -> Result<ClientConfig, KafkaError> {
        self.idempotent(self.queue_bytes, self.delivery_timeout, EDGE_LINGER_MS)
    }

    /// How the edges produce by themselves. `None` where the client is to do it, as for transactions.
    pub(crate) fn direct_producer(&self, name: &str) -> Result<Option<IdempotentOptions>, KafkaError> {
        // Refuses what cannot work, also where the client does not read it.
        let client = self.producer()?;
        let Some(pack) = self.direct_packing(&client) else { return Ok(None) };
        let ms = |key: &str| client.get(key).and_then(|value| value.parse().ok()).map(Duration::from_millis);
        Ok(Some(IdempotentOptions {
            name: name.to_owned(),
            brokers: self.brokers.clone(),
            client_id: self.client_id.clone(),
            request_timeout: self.request_timeout.min(self.delivery_timeout),
            delivery_timeout: self.delivery_timeout,
            queue_bytes: self.queue_bytes,
            linger: ms("linger.ms").unwrap_or_default(),
            backoff: BACKOFF,
            pack,
        }))
    }

    /// Whether batches are packed when we produce by ourselves; `None` when we do not.
    fn direct_packing(&self, client: &ClientConfig) -> Option<bool> {
        let compression = client.get("compression.codec").or(client.get("compression.type"));
        let packs = match compression {
            Some("lz4") => Some(true),
            Some("none") => Some(false),
            _ => None,
        };
        packs.filter(|_| self.speaks_directly())
    }

    /// For outputs that a commit follows, in a transaction or not.
    fn committing(&self, queue_bytes: usize, delivery_timeout: Duration) -> Result<ClientConfig, KafkaError> {
        let mut config = self.idempotent(queue_bytes, delivery_timeout, LINGER_UNTIL_COMMIT_MS)?;
        // A commit implies that everything was acknowledged, so only failures are worth a report.
        config.set("delivery.report.only.error", "true");
        Ok(config)
    }

    pub(crate) fn transactional(
        &self,
        transactional_id: &str,
        transaction_timeout: Duration,
        queue_bytes: usize,
    ) -> Result<ClientConfig, KafkaError> {
        // A record cannot usefully wait longer than its transaction lives.
        let delivery_timeout = self.delivery_timeout.min(transaction_timeout);
        let mut config = self.committing(queue_bytes, delivery_timeout)?;
        config
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", millis(transaction_timeout))
            // librdkafka insists: a request must not outlive its transaction.
            .set("socket.timeout.ms", millis(self.request_timeout.min(transaction_timeout)));
        Ok(config)
    }

    pub(crate) fn stage_producer(&self, stage: &StageConfig) -> Result<ClientConfig, KafkaError> {
        let delivery_timeout = self.delivery_timeout.min(stage.transaction_timeout);
        self.committing(stage.queue_bytes, delivery_timeout)
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
        if !self.speaks_directly() {
            // A fetched record takes several times its own bytes in the client. Members that live for long keep few: as fast, and
            // half the memory of `score`. Bounded reads take the larger ones, a sixth less CPU.
            self.tunable(&mut config, "queued.min.messages", "10000");
            self.tunable(&mut config, "fetch.message.max.bytes", "262144");
        }
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

    /// How transactions are spoken by ourselves. `None` where the connection is protected, somebody has chosen a compression that
    /// is not ours, or the client is to do it.
    pub(crate) fn direct_transactions(
        &self,
        of: &Transactional<'_>,
    ) -> Result<Option<TransactorOptions>, KafkaError> {
        // Refuses what cannot work, also where the client does not read it.
        let client = self.transactional(of.id, of.timeout, of.queue_bytes)?;
        let Some(pack) = self.direct_packing(&client) else { return Ok(None) };
        let named = self.names_compression();
        Ok(Some(TransactorOptions {
            brokers: self.brokers.clone(),
            client_id: self.client_id.clone(),
            transactional_id: of.id.to_owned(),
            group: of.group.map(str::to_owned),
            transaction_timeout: of.timeout,
            request_timeout: self.request_timeout.min(of.timeout),
            buffer_bytes: of.queue_bytes,
            pack,
            unpacked: if named { Vec::new() } else { of.uncompressed.to_vec() },
        }))
    }

    /// Whether roles speak Kafka's protocol themselves where it is hot.
    #[must_use]
    pub fn speaks_directly(&self) -> bool {
        self.direct && self.security == SecurityProtocol::Plaintext
    }

    /// How a group's records are fetched by ourselves, with the settings of a client. `None` where the connection is protected,
    /// or the client is to do it.
    pub(crate) fn direct_fetch(
        &self,
        client: &ClientConfig,
        (group, isolation): (&str, Isolation),
        prefetch_bytes: usize,
    ) -> Option<FetchOptions> {
        if !self.speaks_directly() {
            return None;
        }
        let number = |key: &str, default: i32| {
            client
                .get(key)
                .and_then(|value| value.parse().ok())
                .filter(|value| *value >= 0)
                .unwrap_or(default)
        };
        let ms = |key: &str, default: i32| {
            Duration::from_millis(u64::try_from(number(key, default)).unwrap_or_default())
        };
        // One answer is worked off while the next one waits in the socket.
        let half = i32::try_from(prefetch_bytes / 2).unwrap_or(i32::MAX).max(1);
        Some(FetchOptions {
            group: group.to_owned(),
            client_id: self.client_id.clone(),
            isolation,
            wait: ms("fetch.wait.max.ms", 100),
            min_bytes: number("fetch.min.bytes", 1),
            max_bytes: number("fetch.max.bytes", ANSWER_BYTES).min(half),
            partition_max_bytes: number("fetch.message.max.bytes", PARTITION_BYTES).min(half),
            backoff: ms("fetch.error.backoff.ms", 100),
            request_timeout: self.request_timeout,
        })
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
        // A bounded read ends at the end of the log, where a long poll would only delay the news.
        config.set("group.id", group).set("enable.partition.eof", "true").set("fetch.wait.max.ms", "20");
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

pub(crate) fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
