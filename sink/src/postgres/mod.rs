//! Postgres: the current state, and how far each topic has been stored, in one transaction.
//!
//! [`PostgresSink`] belongs to one member of a consumer group. It learns the stored positions when partitions are
//! assigned, skips what lies before them, and moves them only from the value it has seen: if another member has moved
//! one, the batch is [`SinkError::Fenced`] and leaves no trace. Each row carries the offset it came from, and an older
//! one never overwrites a newer. When the answer to a commit is lost, the stored positions tell whether it happened. When
//! they lie before what was acknowledged, the store has lost commits: [`SinkError::SetBack`].

mod connect;
mod failure;
mod isolate;
mod migrate;
mod offsets;
mod param;
mod rows;
mod settings;
mod stage;
mod tables;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use schemas::{Decoder, Schemas, Topic};

pub use connect::pool;
pub use deadpool_postgres::Pool;
pub use migrate::migrate;
pub use settings::{PostgresSettings, Tls};
pub use stage::Staged;

use crate::{SinkError, SinkRecord, Written};

const STORE: &str = "postgres";

/// The topics that Postgres holds.
pub const TOPICS: [Topic; 7] = [
    Topic::Campaigns,
    Topic::CampaignDays,
    Topic::Scores,
    Topic::Leads,
    Topic::Accounts,
    Topic::Recommendations,
    Topic::Alerts,
];

/// The next offset to store, by topic and partition.
pub type Positions = BTreeMap<(Topic, i32), i64>;

/// The writer of one member of a consumer group.
pub struct PostgresSink {
    pool: Pool,
    decoder: Decoder,
    group: String,
    /// The stored positions as last seen; none before they were asked for, or when a commit is in doubt.
    positions: Option<Positions>,
    /// Up to where the store has said that it has everything.
    acknowledged: Positions,
    /// A commit was sent and its answer did not come. Until the next one is settled, a position that has moved may have been
    /// moved by this very member.
    in_doubt: bool,
    attempt_timeout: Duration,
}

/// For one attempt at a batch, the commit included, when nothing else is said. The server's own limits end a slow statement
/// long before; this one is for a server that does not answer at all.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(90);

impl PostgresSink {
    /// A sink on a pool of its own.
    ///
    /// # Errors
    /// [`SinkError::Fatal`] when the settings cannot be used or the server refuses them; [`SinkError::Transient`] when
    /// it does not answer.
    pub async fn connect(
        settings: &PostgresSettings,
        group: impl Into<String>,
        schemas: &Arc<Schemas>,
    ) -> Result<Self, SinkError> {
        let sink = Self::new(pool(settings)?, group, schemas);
        sink.ping().await?;
        Ok(sink)
    }

    /// A sink on a pool that may be shared. `group` names the consumer group whose offsets it keeps.
    #[must_use]
    pub fn new(pool: Pool, group: impl Into<String>, schemas: &Arc<Schemas>) -> Self {
        Self {
            pool,
            decoder: schemas.decoder(),
            group: group.into(),
            positions: None,
            acknowledged: Positions::new(),
            in_doubt: false,
            attempt_timeout: ATTEMPT_TIMEOUT,
        }
    }

    /// The same with another limit for one attempt at a batch.
    #[must_use]
    pub fn with_attempt_timeout(self, attempt_timeout: Duration) -> Self {
        Self { attempt_timeout, ..self }
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when it does not answer, [`SinkError::Fatal`] when it refuses.
    pub async fn ping(&self) -> Result<(), SinkError> {
        ping(&self.pool).await
    }

    /// Reads the stored positions and remembers them. The caller asks on every assignment and after
    /// [`SinkError::Fenced`] and [`SinkError::SetBack`], and starts reading there; a partition without one is read from its
    /// beginning.
    ///
    /// # Errors
    /// As [`PostgresSink::ping`].
    pub async fn positions(&mut self) -> Result<Positions, SinkError> {
        let found = self.read().await?;
        self.positions = Some(found.clone());
        self.acknowledged.clone_from(&found);
        Ok(found)
    }

    /// Asks whether the store still has what it has acknowledged. A standby that takes over may not have heard of the last
    /// commits, and where no more records come no batch would find out; so the caller asks now and then.
    ///
    /// # Errors
    /// [`SinkError::SetBack`] when it has not, otherwise as [`PostgresSink::ping`].
    pub async fn verify(&self) -> Result<(), SinkError> {
        offsets::holds(&self.read().await?, &self.acknowledged)
    }

    async fn read(&self) -> Result<Positions, SinkError> {
        const ACTION: &str = "read the stored positions";
        within(self.attempt_timeout, ACTION, offsets::read_positions(&self.pool, &self.group)).await
    }

    /// Writes the rows and moves the positions in a transaction that is not committed yet. What is rejected is known
    /// then: the caller keeps it as dead letters and calls [`Staged::commit`]. Dropping the result undoes everything.
    ///
    /// # Errors
    /// See [`SinkError`]; nothing was stored.
    pub async fn stage(&mut self, batch: &[SinkRecord<'_>]) -> Result<Staged<'_>, SinkError> {
        stage::stage(self, batch).await
    }

    /// Stages and commits at once. For callers that need no dead letters before the commit.
    ///
    /// # Errors
    /// See [`SinkError`].
    pub async fn write(&mut self, batch: &[SinkRecord<'_>]) -> Result<Written, SinkError> {
        self.stage(batch).await?.commit().await
    }
}

/// A server that is frozen, or a network that swallows packets, answers nothing: neither yes nor no.
async fn within<T>(
    limit: Duration,
    action: &'static str,
    answer: impl Future<Output = Result<T, SinkError>>,
) -> Result<T, SinkError> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", limit.as_secs_f32());
        Err(SinkError::Transient { store: STORE, class: "timeout", action, reason })
    })
}

/// Whether the server answers.
///
/// # Errors
/// [`SinkError::Transient`] when it does not answer, [`SinkError::Fatal`] when it refuses.
pub async fn ping(pool: &Pool) -> Result<(), SinkError> {
    const ACTION: &str = "reach the server";
    let client = pool.get().await.map_err(|error| failure::unavailable(ACTION, error))?;
    client.simple_query("SELECT 1").await.map_err(|error| failure::failed(ACTION, &error))?;
    Ok(())
}
