//! ClickHouse: the history for analytics.
//!
//! [`ClickHouseSink`] turns a batch into one insert for each table. An insert is one block with a token made from its
//! records, so the same batch repeated after a lost answer is dropped by the server. Because the server forgets tokens,
//! whoever repeats a batch asks which of its rows are there, by the positions that every table keeps, and writes the rest
//! under the same token. Beneath both the tables keep the newest version of each row and the views show it once.
//! The batch stays with the caller until the server has acknowledged it.

mod columns;
mod failure;
mod insert;
mod migrate;
mod rowbinary;
mod rows;
mod settings;
mod stored;
mod tables;
mod token;
mod window;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::clickhouse::{Client, Compression};
use schemas::{Decoder, Schemas, Topic};

pub use migrate::migrate;
pub use settings::ClickHouseSettings;

use self::columns::Columns;
use crate::{SinkError, SinkRecord, Written};

const STORE: &str = "clickhouse";

/// The topics that ClickHouse holds.
pub const TOPICS: [Topic; 8] = [
    Topic::Campaigns,
    Topic::CampaignDays,
    Topic::Scores,
    Topic::Leads,
    Topic::Accounts,
    Topic::Recommendations,
    Topic::Alerts,
    Topic::DeadLetters,
];

/// The writer of one member of a consumer group.
pub struct ClickHouseSink {
    client: Client,
    decoder: Decoder,
    columns: Columns,
    send_timeout: Duration,
    answer_timeout: Duration,
}

impl ClickHouseSink {
    /// A sink whose server has answered.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when the server does not answer, [`SinkError::Fatal`] when it refuses.
    pub async fn connect(settings: &ClickHouseSettings, schemas: &Arc<Schemas>) -> Result<Self, SinkError> {
        let sink = Self::new(settings, schemas);
        sink.ping().await?;
        Ok(sink)
    }

    /// A sink that has not asked the server anything yet.
    #[must_use]
    pub fn new(settings: &ClickHouseSettings, schemas: &Arc<Schemas>) -> Self {
        Self {
            client: client(settings),
            decoder: schemas.decoder(),
            columns: Columns::default(),
            send_timeout: settings.send_timeout,
            answer_timeout: settings.answer_timeout,
        }
    }

    /// Whether the server answers and knows the user and the database.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when it does not answer, [`SinkError::Fatal`] when it refuses.
    pub async fn ping(&self) -> Result<(), SinkError> {
        const ACTION: &str = "reach the server";
        let answer = self.client.query("SELECT 1").fetch_one::<u8>();
        within(self.answer_timeout, ACTION, answer).await.map(|_| ())
    }

    /// Makes a batch durable: when this returns, the server has acknowledged every row that is not rejected.
    ///
    /// # Errors
    /// See [`SinkError`]. Parts of the batch may have been stored; writing it again is safe and completes it.
    pub async fn write(&mut self, batch: &[SinkRecord<'_>]) -> Result<Written, SinkError> {
        write::write(self, batch, false).await
    }

    /// Makes a batch durable that was attempted before, by this process or by another: asks the store which of its rows
    /// are there, and writes the others.
    ///
    /// # Errors
    /// As [`ClickHouseSink::write`].
    pub async fn complete(&mut self, batch: &[SinkRecord<'_>]) -> Result<Written, SinkError> {
        write::write(self, batch, true).await
    }

    /// Whether the tables can keep what this sink promises: each replaces older versions of a row, and remembers the
    /// tokens of enough blocks.
    ///
    /// # Errors
    /// [`SinkError::Fatal`] that names the table and what to do; as [`ClickHouseSink::ping`] otherwise.
    pub async fn verify(&self) -> Result<(), SinkError> {
        window::verify(&self.client, self.answer_timeout).await
    }
}

/// Whether the server answers and knows the user and the database.
///
/// # Errors
/// [`SinkError::Transient`] when it does not answer, [`SinkError::Fatal`] when it refuses.
pub async fn ping(settings: &ClickHouseSettings) -> Result<(), SinkError> {
    let answer = client(settings).query("SELECT 1").fetch_one::<u8>();
    within(settings.answer_timeout, "reach the server", answer).await.map(|_| ())
}

fn client(settings: &ClickHouseSettings) -> Client {
    let compression = if settings.compress { Compression::Lz4 } else { Compression::None };
    let mut client = Client::default()
        .with_url(&settings.url)
        .with_database(&settings.database)
        .with_compression(compression)
        .with_validation(true);
    if let Some(user) = &settings.user {
        client = client.with_user(user);
    }
    if let Some(password) = &settings.password {
        client = client.with_password(password.expose());
    }
    client
}

/// The crate's own queries wait for ever.
async fn within<T>(
    limit: Duration,
    action: &'static str,
    answer: impl Future<Output = ::clickhouse::error::Result<T>>,
) -> Result<T, SinkError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| failure::failed(action, &error)),
        Err(_) => Err(SinkError::Transient {
            store: STORE,
            class: "timeout",
            action,
            reason: format!("no answer within {} s", limit.as_secs_f32()),
        }),
    }
}
