//! Applies the migrations. Two processes may do so at once: the second waits, and finds nothing left to do.

use deadpool_postgres::Pool;

use super::STORE;
use super::failure::{failed, unavailable};
use crate::SinkError;
use crate::migration::{Applied, Migration, Recorded, pending};

/// Any number, as long as every adpulse takes the same.
const LOCK: i64 = 0x6164_7075_6c73_6500;
const ACTION: &str = "apply the migrations";

const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        name: "current_state",
        sql: include_str!("../../migrations/postgres/0001_current_state.sql"),
    },
    Migration { version: 2, name: "views", sql: include_str!("../../migrations/postgres/0002_views.sql") },
    Migration {
        version: 3,
        name: "doubts_and_accounts",
        sql: include_str!("../../migrations/postgres/0003_doubts_and_accounts.sql"),
    },
    Migration {
        version: 4,
        name: "scores_in_place",
        sql: include_str!("../../migrations/postgres/0004_scores_in_place.sql"),
    },
];

/// Applies what is missing, all of it or nothing, and returns what that was.
///
/// # Errors
/// [`SinkError::Fatal`] when the store was migrated by another build or a statement is refused;
/// [`SinkError::Transient`] when the server does not answer.
pub async fn migrate(pool: &Pool) -> Result<Vec<Applied>, SinkError> {
    let mut client = pool.get().await.map_err(|error| unavailable(ACTION, error))?;
    let failed = |error| failed(ACTION, &error);
    let transaction = client.transaction().await.map_err(failed)?;
    // Held until the transaction ends, whichever way.
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(failed)?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                 version    integer PRIMARY KEY,
                 name       text NOT NULL,
                 checksum   text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )",
        )
        .await
        .map_err(failed)?;
    let recorded = transaction
        .query("SELECT version, name, checksum FROM schema_migrations ORDER BY version", &[])
        .await
        .map_err(failed)?;
    let recorded: Vec<Recorded> = recorded
        .iter()
        .map(|row| Recorded { version: row.get(0), name: row.get(1), checksum: row.get(2) })
        .collect();
    let pending = pending(&MIGRATIONS, &recorded).map_err(|reason| SinkError::Fatal {
        store: STORE,
        action: ACTION,
        reason,
    })?;
    for migration in &pending {
        transaction.batch_execute(migration.sql).await.map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                &[&migration.version, &migration.name, &migration.checksum()],
            )
            .await
            .map_err(failed)?;
        tracing::info!(version = migration.version, name = migration.name, "postgres migration applied");
    }
    transaction.commit().await.map_err(failed)?;
    Ok(pending.iter().map(|migration| Applied { version: migration.version, name: migration.name }).collect())
}
