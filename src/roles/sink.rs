//! sink: topics into one store, each store its own consumer group, so that a slow one never holds up another.
//!
//! topics → batch (rows, bytes, time) → store → dead letters of what it refused → offsets. A store that is down is
//! waited for: the batch stays in hand, the consumer keeps its membership and stops fetching when its queue is full.

use std::time::Duration;

use kafka::{Batch, KafkaError, Producer, Record, SinkConfig, SinkConsumer, SinkEvent, TopicPartition};
use schemas::{Encoder, Topic};
use sink::clickhouse::{self, ClickHouseSink};
use sink::postgres::{self, PostgresSink};
use sink::{Rejected, SinkError, SinkRecord, Written};

use super::worker::group_name;
use super::writer::{Refusal, letter};
use super::{Context, Role};
use crate::config::{Guarantee, ms};
use crate::{connect, metrics};

const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// History, for analytics.
    #[value(name = "clickhouse")]
    ClickHouse,
    /// The current state, for operations.
    Postgres,
}

impl Store {
    /// The topics it holds.
    pub const fn topics(self) -> &'static [Topic] {
        match self {
            Self::ClickHouse => &clickhouse::TOPICS,
            Self::Postgres => &postgres::TOPICS,
        }
    }

    const fn stage(self) -> &'static str {
        Role::Sink(self).name()
    }
}

/// Runs the sink, joining its group again after what joining again can cure.
pub async fn run(context: &Context, store: Store) -> anyhow::Result<()> {
    let mut pause = PAUSE_FIRST;
    while !context.shutdown.is_requested() {
        match Session::start(context, store).await?.run().await {
            Ok(()) => return Ok(()),
            Err(End::Again(reason)) => {
                tracing::warn!(sink = store.stage(), reason, "joining the group again");
                context.health.set(store.stage(), Err(reason));
                ::metrics::counter!(metrics::WORKER_RESTARTS_TOTAL, "stage" => store.stage()).increment(1);
                wait(context, pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            Err(End::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

async fn wait(context: &Context, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = context.shutdown.requested() => {}
    }
}

/// Why a session ended before it was asked to.
enum End {
    /// A new session may succeed.
    Again(String),
    /// Somebody must change something first.
    Failed(anyhow::Error),
}

impl From<KafkaError> for End {
    fn from(error: KafkaError) -> Self {
        if error.is_retriable() { Self::Again(error.to_string()) } else { Self::Failed(error.into()) }
    }
}

impl From<SinkError> for End {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Transient { .. } | SinkError::Fenced { .. } => Self::Again(error.to_string()),
            SinkError::Fatal { .. } => Self::Failed(error.into()),
        }
    }
}

enum Writer {
    ClickHouse(Box<ClickHouseSink>),
    Postgres(Box<PostgresSink>),
}

struct Session<'a> {
    context: &'a Context,
    store: Store,
    consumer: SinkConsumer,
    writer: Writer,
    dead_letters: DeadLetters,
    assignment: u64,
}

impl<'a> Session<'a> {
    async fn start(context: &'a Context, store: Store) -> anyhow::Result<Self> {
        let consumer = SinkConsumer::start(&context.kafka, &consumer_config(context, store))?;
        let group = group_name(&context.config, store.stage());
        let writer = match store {
            Store::ClickHouse => Writer::ClickHouse(Box::new(ClickHouseSink::new(
                &connect::clickhouse(&context.config.clickhouse),
                &context.schemas,
            ))),
            Store::Postgres => {
                let pool = postgres::pool(&connect::postgres(&context.config.postgres))?;
                Writer::Postgres(Box::new(PostgresSink::new(pool, group, &context.schemas)))
            }
        };
        let dead_letters = DeadLetters {
            producer: Producer::new(&context.kafka, store.stage())?,
            topic: context.topics.name(Topic::DeadLetters),
            encoder: context.schemas.encoder(Topic::DeadLetters),
            stage: store.stage(),
        };
        context.health.set(store.stage(), Err("joining its group".to_owned()));
        Ok(Self { context, store, consumer, writer, dead_letters, assignment: 0 })
    }

    async fn run(mut self) -> Result<(), End> {
        loop {
            let event = tokio::select! {
                event = self.consumer.next() => event?,
                () = self.context.shutdown.requested() => break,
            };
            match event {
                SinkEvent::Assigned { assignment, .. } => {
                    self.assignment = assignment;
                    let Some(starts) = self.starts().await? else { break };
                    self.consumer.begin(starts).await?;
                    self.context.health.set(self.store.stage(), Ok(()));
                }
                SinkEvent::Batch(batch) if batch.assignment() == self.assignment => {
                    if !self.store_batch(&batch).await? {
                        break;
                    }
                }
                // Of an assignment that is over: whoever has the partitions now reads it again.
                SinkEvent::Batch(_) => {}
                SinkEvent::Revoked { .. } => {
                    self.consumer.release();
                    self.context.health.set(self.store.stage(), Err("partitions revoked".to_owned()));
                }
                SinkEvent::Lost { .. } => {
                    self.context.health.set(self.store.stage(), Err("partitions lost".to_owned()));
                }
            }
        }
        self.consumer.close().await?;
        Ok(())
    }

    /// Where to read from: Postgres knows by itself, for ClickHouse the group's offsets count.
    async fn starts(&mut self) -> Result<Option<Vec<(TopicPartition, i64)>>, End> {
        let Writer::Postgres(writer) = &mut self.writer else { return Ok(Some(Vec::new())) };
        let mut pause = PAUSE_FIRST;
        loop {
            match writer.positions().await {
                Ok(positions) => {
                    let topics = &self.context.topics;
                    let starts = positions.into_iter().map(|((topic, partition), offset)| {
                        (TopicPartition::new(topics.name(topic), partition), offset)
                    });
                    return Ok(Some(starts.collect()));
                }
                Err(error) if error.is_transient() => {
                    if !patience(self.context, self.store, &error, &mut pause).await {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a batch durable, however long the store takes. `false` when the end was asked for meanwhile: the batch
    /// was not stored, its offsets stay, and the next session reads it again.
    async fn store_batch(&mut self, batch: &Batch) -> Result<bool, End> {
        let topics = &self.context.topics;
        let consumed: Vec<_> = batch.partitions().flat_map(|partition| partition.records()).collect();
        let records: Vec<SinkRecord<'_>> = consumed
            .iter()
            .filter_map(|record| {
                let (partition, offset) = (record.partition, record.offset);
                let topic = topics.topic(record.topic)?;
                Some(SinkRecord { topic, partition, offset, key: record.key, value: record.value })
            })
            .collect();
        let mut pause = PAUSE_FIRST;
        loop {
            let result = match &mut self.writer {
                Writer::ClickHouse(writer) => match writer.write(&records).await {
                    Ok(written) => {
                        self.dead_letters.keep(&consumed, &written.rejected).await.map(|()| written)
                    }
                    Err(error) => Err(error),
                },
                Writer::Postgres(writer) => {
                    write_postgres(writer, &records, &consumed, &mut self.dead_letters).await
                }
            };
            match result {
                Ok(_) => break,
                Err(error) if error.is_transient() => {
                    if !patience(self.context, self.store, &error, &mut pause).await {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.context.health.set(self.store.stage(), Ok(()));
        fail::fail_point!("sink.before_offset_commit");
        match self.consumer.commit(batch.next_offsets(), None).await {
            // Somebody else has the partitions by now: the rows are written again there, which changes nothing.
            Err(KafkaError::NotOwned { .. }) => Ok(true),
            other => other.map(|()| true).map_err(End::from),
        }
    }
}

/// Rows and offsets in one transaction, and before its commit the dead letters of what was refused.
async fn write_postgres(
    writer: &mut PostgresSink,
    records: &[SinkRecord<'_>],
    consumed: &[kafka::ConsumedRecord<'_>],
    dead_letters: &mut DeadLetters,
) -> Result<Written, SinkError> {
    let staged = writer.stage(records).await?;
    dead_letters.keep(consumed, &staged.written().rejected).await?;
    staged.commit().await
}

/// Waits before the next attempt, longer every time. `false` when the end was asked for.
async fn patience(context: &Context, store: Store, error: &SinkError, pause: &mut Duration) -> bool {
    tracing::warn!(sink = store.stage(), %error, pause_ms = pause.as_millis(), "store not available");
    context.health.set(store.stage(), Err(error.to_string()));
    ::metrics::counter!(sink::RETRIES_TOTAL, "sink" => store.stage(), "class" => error.kind()).increment(1);
    wait(context, *pause).await;
    *pause = (*pause * 2).min(PAUSE_MAX);
    !context.shutdown.is_requested()
}

struct DeadLetters {
    producer: Producer,
    topic: String,
    encoder: Encoder,
    stage: &'static str,
}

impl DeadLetters {
    /// Writes a dead letter for each record that the store refuses, and waits until Kafka has them.
    async fn keep(
        &mut self,
        consumed: &[kafka::ConsumedRecord<'_>],
        rejected: &[Rejected],
    ) -> Result<(), SinkError> {
        for refused in rejected {
            let record = &consumed[refused.index];
            let refusal = Refusal {
                stage: self.stage,
                code: refused.code,
                sentence: &refused.sentence,
                locator: "",
                observed_at: None,
            };
            let mut value = Vec::new();
            let lost = |reason: String| SinkError::Transient {
                store: "kafka",
                action: "keep a dead letter",
                reason,
            };
            self.encoder
                .encode(&letter(record, &refusal), &mut value)
                .map_err(|error| lost(error.to_string()))?;
            let sent = self
                .producer
                .send(Record::new(&self.topic, record.key, Some(&value)).to_partition(record.partition));
            sent.await.map_err(|error| lost(error.to_string()))?;
            ::metrics::counter!(metrics::DEAD_LETTERS_TOTAL, "stage" => self.stage, "reason" => refused.code)
                .increment(1);
        }
        Ok(())
    }
}

fn consumer_config(context: &Context, store: Store) -> SinkConfig {
    let (config, processing) = (&context.config, &context.config.processing);
    let group = group_name(config, store.stage());
    let (rows, bytes, wait_ms) = match store {
        Store::ClickHouse => (
            config.clickhouse.batch_rows_max,
            config.clickhouse.batch_bytes_max,
            config.clickhouse.batch_wait_ms,
        ),
        Store::Postgres => {
            (config.postgres.batch_rows_max, config.postgres.batch_bytes_max, config.postgres.batch_wait_ms)
        }
    };
    let mut sink = SinkConfig::new(&group, &[]);
    sink.topics = context.topics.names(store.topics());
    sink.instance_id = Some(format!("{group}-{}", processing.instance));
    sink.session_timeout = ms(processing.session_timeout_ms);
    sink.prefetch_bytes = processing.prefetch_bytes;
    sink.max_batch_records = rows;
    sink.max_batch_bytes = bytes;
    sink.max_wait = ms(wait_ms);
    sink.offsets_are_dense = processing.guarantee == Guarantee::AtLeastOnce;
    sink
}
