//! How to reach ClickHouse.

use std::time::Duration;

use crate::Secret;

/// How to reach ClickHouse, and how long to wait for it. All waits are limits, none is endless.
#[derive(Clone, Debug)]
pub struct ClickHouseSettings {
    /// `http://host:port` or `https://host:port`; certificates are verified.
    pub url: String,
    /// Database, created by the migrations if it is missing.
    pub database: String,
    /// User; the server's default without it.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Send batches compressed with LZ4.
    pub compress: bool,
    /// For sending a part of a batch.
    pub send_timeout: Duration,
    /// For the server to store a batch once it is sent, and for any other answer.
    pub answer_timeout: Duration,
}

impl ClickHouseSettings {
    /// Settings with the usual limits.
    #[must_use]
    pub fn new(url: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            database: database.into(),
            user: None,
            password: None,
            compress: true,
            send_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
        }
    }
}
