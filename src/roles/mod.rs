//! The roles. Each file reads top to bottom in the order data moves; Kafka is all that connects them.

mod ingest;
mod listeners;
mod normalize;
mod score;
mod serve;
mod sink;
mod worker;
mod writer;

use std::sync::Arc;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use processor::Policy;
use schemas::Schemas;

use crate::config::Config;
use crate::shutdown::Shutdown;
use crate::topics::TopicNames;

pub use ingest::{ProducerSink, crm_sources, now};
pub use listeners::Listeners;
pub use sink::Store;
pub use worker::{Health, group_name};
pub use writer::codec_code;

/// What every role needs, resolved once.
#[derive(Clone)]
pub struct Context {
    /// The settings.
    pub config: Arc<Config>,
    /// Connection to Kafka.
    pub kafka: kafka::KafkaSettings,
    /// Topic names.
    pub topics: TopicNames,
    /// Schemas and their ids.
    pub schemas: Arc<Schemas>,
    /// The rules' constants.
    pub policy: Arc<Policy>,
    /// What the workers say of themselves, for `/readyz`.
    pub health: Health,
    /// Renders `/metrics`.
    pub prometheus: PrometheusHandle,
    /// The wish to stop.
    pub shutdown: Shutdown,
    /// Addresses taken before the roles start, so that nobody else takes them meanwhile.
    pub listeners: Listeners,
    /// Whether a scheduler says what time it is; off while a historical file brings its own.
    pub ticks: bool,
}

/// One role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Webhook door and scheduler.
    Ingest,
    /// Raw messages to facts.
    Normalize,
    /// Facts to scores.
    Score,
    /// Topics to a store.
    Sink(Store),
    /// API and dashboard.
    Serve,
}

impl Role {
    /// All of them, in the order data moves.
    pub const ALL: [Self; 6] = [
        Self::Ingest,
        Self::Normalize,
        Self::Score,
        Self::Sink(Store::ClickHouse),
        Self::Sink(Store::Postgres),
        Self::Serve,
    ];

    /// Its name on the command line and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Normalize => "normalize",
            Self::Score => "score",
            Self::Sink(Store::ClickHouse) => "sink-clickhouse",
            Self::Sink(Store::Postgres) => "sink-postgres",
            Self::Serve => "serve",
        }
    }
}

/// Runs roles until one fails or the end is asked for; then all of them end.
pub async fn run(context: &Context, roles: &[Role]) -> anyhow::Result<()> {
    let mut running = tokio::task::JoinSet::new();
    for &role in roles {
        let context = context.clone();
        running.spawn(async move {
            tracing::info!(role = role.name(), "starting");
            let result = match role {
                Role::Ingest => ingest::run(&context).await,
                Role::Normalize => normalize::run(&context).await,
                Role::Score => score::run(&context).await,
                Role::Sink(store) => sink::run(&context, store).await,
                Role::Serve => serve::run(&context).await,
            };
            result.with_context(|| format!("role {}", role.name()))
        });
    }
    if !roles.contains(&Role::Serve) && !context.config.metrics.listen.is_empty() {
        let context = context.clone();
        running.spawn(async move { serve::run_operations(&context).await.context("metrics") });
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a role panicked").and_then(|result| result);
        if let Err(error) = ended {
            context.shutdown.request();
            if outcome.is_ok() {
                outcome = Err(error);
            } else {
                tracing::error!("{error:#}");
            }
        }
    }
    outcome
}
