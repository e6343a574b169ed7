//! How to reach Postgres.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// How to reach Postgres, and how long to wait for it. All waits are limits, none is endless.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user@host:port/database`. It must not say `sslmode`: that is what `tls` is for.
    pub url: Secret,
    /// Overrides a password in the address.
    pub password: Option<Secret>,
    /// Whether to encrypt, and whom to trust.
    pub tls: Tls,
    /// Largest number of connections.
    pub connections_max: usize,
    /// For opening a connection, and for waiting for a free one.
    pub connect_timeout: Duration,
    /// For one statement; the server ends it then.
    pub statement_timeout: Duration,
    /// Sessions that cannot write, for those who only read.
    pub read_only: bool,
    /// How long a transaction may lie idle, as when dead letters are slow to be acknowledged, before the server ends it.
    pub idle_transaction_timeout: Duration,
}

/// Encryption of the connection. There is no "if the server happens to offer it".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// None: for a database on this machine or in a trusted network.
    Disable,
    /// The server must prove its name with a certificate of a known authority.
    VerifyFull {
        /// Authorities in PEM; without it those of the web.
        ca_file: Option<PathBuf>,
    },
}

impl PostgresSettings {
    /// Settings with the usual limits.
    #[must_use]
    pub fn new(url: Secret, tls: Tls) -> Self {
        Self {
            url,
            password: None,
            tls,
            connections_max: 4,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            read_only: false,
            idle_transaction_timeout: Duration::from_secs(60),
        }
    }
}
