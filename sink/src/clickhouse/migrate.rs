//! Applies the migrations, statement by statement, each of which may run twice. ClickHouse has no transactions: two
//! processes may migrate at once because every statement says IF NOT EXISTS or OR REPLACE, and a migration is recorded when all of its
//! statements have run.

use ::clickhouse::{Client, Row, sql::Identifier};
use serde::Deserialize;

use super::{ClickHouseSettings, STORE, client, within};
use crate::SinkError;
use crate::migration::{Applied, Migration, Recorded, pending, statements};

const ACTION: &str = "apply the migrations";

const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "history",
        sql: include_str!("../../migrations/clickhouse/0001_history.sql"),
    },
    Migration { version: 2, name: "views", sql: include_str!("../../migrations/clickhouse/0002_views.sql") },
    Migration {
        version: 3,
        name: "doubts_and_accounts",
        sql: include_str!("../../migrations/clickhouse/0003_doubts_and_accounts.sql"),
    },
];

#[derive(Row, Deserialize)]
struct RecordedRow {
    version: i32,
    name: String,
    checksum: String,
}

/// Creates the database if it is missing, applies what is missing, and returns what that was.
///
/// # Errors
/// [`SinkError::Fatal`] when the store was migrated by another build or a statement is refused;
/// [`SinkError::Transient`] when the server does not answer. What was applied before stays, and the next call continues.
pub async fn migrate(settings: &ClickHouseSettings) -> Result<Vec<Applied>, SinkError> {
    let limit = settings.answer_timeout;
    let server = client(&ClickHouseSettings { database: "default".to_owned(), ..settings.clone() });
    let create = server.query("CREATE DATABASE IF NOT EXISTS ?").bind(Identifier(&settings.database));
    within(limit, ACTION, create.execute()).await?;

    let client = client(settings);
    let run = async |sql: &str| within(limit, ACTION, client.query_raw(sql).execute()).await;
    run("CREATE TABLE IF NOT EXISTS schema_migrations (version Int32, name String, checksum String, \
         applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY version")
    .await?;
    let recorded = within(limit, ACTION, recorded(&client)).await?;
    let pending = pending(&MIGRATIONS, &recorded).map_err(|reason| SinkError::Fatal {
        store: STORE,
        action: ACTION,
        reason,
    })?;
    for migration in &pending {
        for statement in statements(migration.sql) {
            run(&statement).await?;
        }
        let record = client
            .query("INSERT INTO schema_migrations (version, name, checksum) SELECT ?, ?, ?")
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.checksum());
        within(limit, ACTION, record.execute()).await?;
        tracing::info!(version = migration.version, name = migration.name, "clickhouse migration applied");
    }
    Ok(pending.iter().map(|migration| Applied { version: migration.version, name: migration.name }).collect())
}

async fn recorded(client: &Client) -> ::clickhouse::error::Result<Vec<Recorded>> {
    // Two processes that migrate at once record the same migration twice.
    let select = "SELECT DISTINCT version, name, checksum FROM schema_migrations ORDER BY version";
    let rows = client.query(select).fetch_all::<RecordedRow>().await?;
    let recorded =
        |row: RecordedRow| Recorded { version: row.version, name: row.name, checksum: row.checksum };
    Ok(rows.into_iter().map(recorded).collect())
}
