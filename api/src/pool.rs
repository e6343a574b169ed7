//! Queries on the pool that the binary gives. Its sessions are read-only and carry a statement timeout.

use std::time::Instant;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::ApiError;
use crate::metrics::QUERY_DURATION_SECONDS;

/// Runs one query, timed under `name`. `sql` is put together from this crate's own texts; values are parameters.
pub(crate) async fn rows(
    pool: &Pool,
    name: &'static str,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, ApiError> {
    let started = Instant::now();
    let outcome = run(pool, sql, values).await;
    let label = outcome.as_ref().map_or_else(ApiError::outcome, |_| "ok");
    metrics::histogram!(QUERY_DURATION_SECONDS, "query" => name, "outcome" => label)
        .record(started.elapsed().as_secs_f64());
    outcome
}

async fn run(pool: &Pool, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, ApiError> {
    let client: Object = pool.get().await?;
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}
