//! ingest: the webhook door and the scheduler.
//!
//! signed request → verified, mapped → raw.crm (or dead-letters) → acknowledged by Kafka → 2xx.
//! clock → one tick to every partition of raw.clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use ingest::webhook::{self, CrmLimits, CrmSource};
use ingest::{Ack, RecordSink, SinkError};
use kafka::{Placement, ProduceError, Producer};
use schemas::{Encoder, TimestampMs, Topic, TopicValue};

use super::Context;
use crate::config::{Config, ms};
use crate::crash_points::seeded;

/// What a sender is told to wait when Kafka does not acknowledge.
const RETRY_AFTER_UNAVAILABLE: Duration = Duration::from_secs(5);
const RETRY_AFTER_OVERLOADED: Duration = Duration::from_secs(1);

pub async fn run(context: &Context) -> anyhow::Result<()> {
    let producer = Producer::new(&context.kafka, "ingest")?;
    let sink = ProducerSink::new(context, producer.clone());
    let door = webhook::router(
        crm_sources(&context.config)?,
        CrmLimits {
            body_bytes_max: usize::try_from(context.config.http.body_bytes_max)?,
            ..CrmLimits::default()
        },
        Arc::new(now),
        sink.clone(),
    )?;
    let listener = context.listeners.listen(&context.config.ingest.listen).await.context("ingest.listen")?;
    tracing::info!(address = %listener.local_addr()?, "webhook door open");
    let limits = context.config.http.clone().named("ingest");
    let served = httpserver::serve(listener, door, limits, context.shutdown.token());
    let ticking = async {
        if context.ticks {
            tick(context, &sink).await;
        }
    };
    let (served, ()) = tokio::join!(served, ticking);
    let flushed = tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(10))).await?;
    served?;
    flushed.context("records not acknowledged at the end; their senders were not told that they arrived")
}

/// Says what time it is, until the end.
async fn tick(context: &Context, sink: &ProducerSink) {
    let mut timer = tokio::time::interval(ms(context.config.clock.tick_interval_ms));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = context.shutdown.requested() => return,
        }
        if let Err(error) = sink.tick(now(), context.config.kafka.partitions).await {
            tracing::warn!(%error, "tick not acknowledged; the next one says the same");
        }
    }
}

/// The moment, for messages that arrive.
pub fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The configured senders of lead events.
pub fn crm_sources(config: &Config) -> anyhow::Result<Vec<CrmSource>> {
    config
        .crm
        .iter()
        .map(|(name, crm)| {
            let secrets = [&crm.secret, &crm.previous_secret]
                .into_iter()
                .filter(|secret| !secret.reveal().is_empty())
                .map(|secret| secret.reveal().parse().with_context(|| format!("crm.{name}.secret")))
                .collect::<anyhow::Result<_>>()?;
            Ok(CrmSource {
                name: name.clone(),
                secrets,
                system: if crm.system.is_empty() { name.clone() } else { crm.system.clone() },
                platform: crm.platform.clone(),
                account_id: crm.account_id.clone(),
                mapping: crm.mapping.clone(),
                keep_payload: crm.keep_payload,
                clock: crm.clock,
            })
        })
        .collect()
}

/// The door's records on their way to Kafka: encoded at once, acknowledged by the delivery report.
#[derive(Clone)]
pub struct ProducerSink {
    producer: Producer,
    names: crate::topics::TopicNames,
    schemas: Arc<schemas::Schemas>,
    encoders: Arc<Mutex<std::collections::BTreeMap<Topic, Encoder>>>,
    patience: Duration,
}

impl ProducerSink {
    /// A sink on a producer.
    pub fn new(context: &Context, producer: Producer) -> Self {
        Self {
            producer,
            names: context.topics.clone(),
            schemas: Arc::clone(&context.schemas),
            encoders: Arc::default(),
            patience: ms(context.config.ingest.acknowledge_timeout_ms),
        }
    }

    /// Sends one tick to every partition and waits for all of them.
    pub async fn tick(&self, at: TimestampMs, partitions: i32) -> Result<(), SinkError> {
        let event = ingest::clock::tick(at);
        let value = self.encode(Topic::RawClock, &event)?;
        let pending: Vec<Ack> = (0..partitions)
            .map(|partition| {
                self.enqueue(Topic::RawClock, Placement::Explicit(partition), None, value.clone())
            })
            .collect();
        for ack in pending {
            ack.await?;
        }
        Ok(())
    }

    fn encode<'a, T: TopicValue<'a>>(&self, topic: Topic, value: &T) -> Result<Vec<u8>, SinkError> {
        let mut encoders = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = encoders.entry(topic).or_insert_with(|| self.schemas.encoder(topic));
        let mut bytes = Vec::with_capacity(512);
        encoder.encode(value, &mut bytes).map_err(|error| {
            tracing::error!(%error, topic = topic.name(), "a record could not be encoded");
            SinkError::Unavailable { retry_after: RETRY_AFTER_UNAVAILABLE }
        })?;
        Ok(bytes)
    }

    /// Puts a record into the producer's queue at once; what is awaited is its acknowledgement.
    fn enqueue(&self, topic: Topic, placement: Placement, key: Option<&str>, value: Vec<u8>) -> Ack {
        let (name, key) = (self.names.name(topic), key.map(str::to_owned));
        let delivery = self.producer.enqueue(&record(&name, placement, key.as_deref(), &value));
        let (producer, patience) = (self.producer.clone(), self.patience);
        Box::pin(async move {
            if seeded("bug.ack_before_delivery") {
                return Ok(());
            }
            let acknowledged = async {
                match delivery?.await {
                    Err(ProduceError::CalledDuplicate { .. }) => {
                        producer.send(record(&name, placement, key.as_deref(), &value)).await
                    }
                    report => report,
                }
            };
            match tokio::time::timeout(patience, acknowledged).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(ProduceError::Backpressure)) => {
                    Err(SinkError::Overloaded { retry_after: RETRY_AFTER_OVERLOADED })
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a record was not acknowledged");
                    Err(SinkError::Unavailable { retry_after: RETRY_AFTER_UNAVAILABLE })
                }
                Err(_) => Err(SinkError::Unavailable { retry_after: RETRY_AFTER_UNAVAILABLE }),
            }
        })
    }
}

fn record<'r>(
    topic: &'r str,
    placement: Placement,
    key: Option<&'r str>,
    value: &'r [u8],
) -> kafka::Record<'r> {
    kafka::Record { placement, ..kafka::Record::new(topic, key.map(str::as_bytes), Some(value)) }
}

impl RecordSink for ProducerSink {
    fn send(&self, record: ingest::Record<'_>) -> Ack {
        let (key, encoded) = match record {
            ingest::Record::Raw { topic, key, event } => (Some(key), self.encode(topic, event)),
            ingest::Record::Refused { key, letter } => (key, self.encode(Topic::DeadLetters, letter)),
        };
        match encoded {
            Ok(value) => self.enqueue(record.topic(), Placement::ByKey, key, value),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }
}
