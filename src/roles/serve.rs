//! serve: the API and the dashboard; and, for roles without an address of their own, health and metrics alone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::{ApiState, Readiness, ReadinessBuilder, Renderer};

use super::Context;
use crate::connect;

const CHECK_EVERY: Duration = Duration::from_secs(5);
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The API, the dashboard, health and metrics.
pub async fn run(context: &Context) -> anyhow::Result<()> {
    let pool = connect::postgres_reader(&context.config.postgres)?;
    let readiness = checks(context)?.postgres(pool.clone()).build(CHECK_EVERY, CHECK_TIMEOUT);
    let state = ApiState { pool, readiness: Arc::new(readiness), metrics: renderer(context) };
    let readiness = Arc::clone(&state.readiness);
    listen(context, &context.config.api.listen, "api", api::router(state), readiness).await
}

/// Health and metrics of a process that does not serve the API.
pub async fn run_operations(context: &Context) -> anyhow::Result<()> {
    let readiness = Arc::new(checks(context)?.build(CHECK_EVERY, CHECK_TIMEOUT));
    let router = api::health_router(Arc::clone(&readiness), renderer(context));
    listen(context, &context.config.metrics.listen, "operations", router, readiness).await
}

async fn listen(
    context: &Context,
    address: &str,
    server: &'static str,
    router: axum::Router,
    readiness: Arc<Readiness>,
) -> anyhow::Result<()> {
    let listener = context.listeners.listen(address).await.context(server)?;
    tracing::info!(address = %listener.local_addr()?, server, "serving");
    let limits = context.config.http.clone().named(server);
    let served = httpserver::serve(listener, router, limits, context.shutdown.token());
    let (served, ()) = tokio::join!(served, readiness.run(context.shutdown.token()));
    Ok(served?)
}

fn renderer(context: &Context) -> Renderer {
    let prometheus = context.prometheus.clone();
    Arc::new(move || prometheus.render())
}

/// Kafka answers, and every worker of this process is at work.
fn checks(context: &Context) -> anyhow::Result<ReadinessBuilder> {
    let admin = kafka::Admin::new(&context.kafka)?;
    let health = context.health.clone();
    Ok(Readiness::builder()
        .check("kafka", move || {
            let admin = admin.clone();
            async move { admin.ping().await.map(drop).map_err(|error| error.to_string()) }
        })
        .check("workers", move || {
            let health = health.all();
            async move {
                let idle: Vec<String> = health
                    .into_iter()
                    .filter_map(|(part, state)| state.err().map(|reason| format!("{part}: {reason}")))
                    .collect();
                if idle.is_empty() { Ok(()) } else { Err(idle.join("; ")) }
            }
        }))
}
