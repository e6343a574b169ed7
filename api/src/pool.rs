//! Connections to Postgres: few, read-only, and none that waits or runs for ever.

use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row, Socket};

use crate::ApiError;
use crate::metrics::QUERY_DURATION_SECONDS;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections at once.
    pub size: usize,
    /// How long a statement may run before Postgres cancels it.
    pub statement_timeout: Duration,
    /// How long a request waits for a connection, and how long connecting may take.
    pub wait_timeout: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { size: 4, statement_timeout: Duration::from_secs(10), wait_timeout: Duration::from_secs(5) }
    }
}

/// A pool that connects when it is first used. Its sessions are read-only and carry the statement timeout, whatever
/// the role may do. `tls` is what the rest of the program connects with, such as [`tokio_postgres::NoTls`].
///
/// # Errors
/// [`ApiError::Pool`] when the limits do not make a pool.
pub fn connect<T>(mut config: Config, tls: T, limits: PoolLimits) -> Result<Pool, ApiError>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    if limits.size == 0 {
        return Err(ApiError::Pool("it must hold at least one connection".to_owned()));
    }
    let options = format!(
        "{} -c statement_timeout={} -c default_transaction_read_only=on",
        config.get_options().unwrap_or_default(),
        limits.statement_timeout.as_millis()
    );
    config.options(options.trim_start()).connect_timeout(limits.wait_timeout).application_name("adpulse-api");
    let manager =
        Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(limits.size)
        .timeouts(Timeouts {
            wait: Some(limits.wait_timeout),
            create: Some(limits.wait_timeout),
            recycle: Some(limits.wait_timeout),
        })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ApiError::Pool(error.to_string()))
}

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
