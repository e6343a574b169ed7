//! sink: topics into one store, each store its own consumer group, so that a slow one never holds up another.
//!
//! topics → batch (rows, bytes, time) → store → dead letters of what it refused → offsets. A store that is down is
//! waited for: the batch stays in hand, the consumer keeps its membership and stops fetching when its queue is full. If the
//! group wants the partitions back meanwhile, the batch is dropped, because their next owner can build it again.

mod backoff;
mod clickhouse;
mod letters;
mod postgres;
mod session;

use std::time::Duration;

use kafka::{KafkaError, SinkConfig, keep_freed_memory};
use schemas::Topic;
use sink::SinkError;

use self::backoff::Backoff;
use self::session::Session;
use super::worker::group_name;
use super::{Context, Role};
use crate::config::{Guarantee, ms};
use crate::metrics;

/// A busy sink frees the memory of a batch and needs as much again within this time.
const BETWEEN_BATCHES: Duration = Duration::from_secs(1);

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
            Self::ClickHouse => &::sink::clickhouse::TOPICS,
            Self::Postgres => &::sink::postgres::TOPICS,
        }
    }

    /// As the sinks' own metrics call it.
    const fn name(self) -> &'static str {
        match self {
            Self::ClickHouse => "clickhouse",
            Self::Postgres => "postgres",
        }
    }

    const fn stage(self) -> &'static str {
        Role::Sink(self).name()
    }
}

/// Runs the sink, joining its group again after what joining again can cure.
pub async fn run(context: &Context, store: Store) -> anyhow::Result<()> {
    keep_freed_memory(BETWEEN_BATCHES);
    let mut backoff = Backoff::new();
    while !context.shutdown.is_requested() {
        let mut session = Session::start(context, store)?;
        let ended = match store {
            Store::ClickHouse => clickhouse::run(&mut session).await,
            Store::Postgres => postgres::run(&mut session).await,
        };
        match ended {
            Ok(()) => return Ok(session.close().await?),
            Err(End::Again(reason)) => {
                if session.has_stored() {
                    backoff = Backoff::new();
                }
                tracing::warn!(sink = store.stage(), reason, "joining the group again");
                context.health.set(store.stage(), Err(reason));
                ::metrics::counter!(metrics::WORKER_RESTARTS_TOTAL, "stage" => store.stage()).increment(1);
                wait(context, backoff.next()).await;
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
            SinkError::Transient { .. } | SinkError::Fenced { .. } | SinkError::SetBack { .. } => {
                Self::Again(error.to_string())
            }
            SinkError::Fatal { .. } => Self::Failed(error.into()),
        }
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
    // What waits for a store that is away was fetched ahead as well.
    sink.queue_bytes = processing.prefetch_bytes;
    sink.max_batch_records = rows;
    sink.max_batch_bytes = bytes;
    sink.max_wait = ms(wait_ms);
    sink.transaction_timeout = ms(processing.transaction_timeout_ms);
    match processing.guarantee {
        Guarantee::ExactlyOnce => {
            sink.transactional_id = Some(format!("{group}-{}-letters", processing.instance));
        }
        Guarantee::AtLeastOnce => sink.offsets_are_dense = true,
    }
    sink
}
