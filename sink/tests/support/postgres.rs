//! Databases of their own on one server.

use deadpool_postgres::Pool;
use devstack::Engine;
use sink::Secret;
use sink::postgres::{self, PostgresSettings, Tls};

use super::engine;

/// A pool on an empty database of its own.
pub(crate) async fn database(name: &str) -> Pool {
    let url = engine(Engine::Postgres, |stack| stack.postgres().unwrap().url());
    let server = postgres::pool(&PostgresSettings::new(Secret::new(url.as_str()), Tls::Disable)).unwrap();
    server.get().await.unwrap().batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    postgres::pool(&PostgresSettings::new(Secret::new(format!("{server}/{name}")), Tls::Disable)).unwrap()
}

pub(crate) async fn migrated(name: &str) -> Pool {
    let pool = database(name).await;
    postgres::migrate(&pool).await.unwrap();
    pool
}

/// The first column of the first row, as text.
pub(crate) async fn one(pool: &Pool, sql: &str) -> String {
    let client = pool.get().await.unwrap();
    let sql = format!("SELECT q::text FROM ({sql}) AS t(q)");
    client.query_one(&sql, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default()
}
