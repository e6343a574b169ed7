//! What an error of Postgres means for the batch.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::STORE;
use crate::SinkError;

/// What to do about a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A value that cannot be stored: find the row.
    Data,
    /// Lost a race against another transaction: the same again at once.
    LostRace,
    /// The server is away, busy, full or read-only: what kind of trouble, for metrics.
    Transient(&'static str),
    /// Trying again does not help.
    Fatal,
}

pub(super) fn class(error: &tokio_postgres::Error) -> Class {
    let Some(state) = error.code() else {
        // Without a code it is the connection: the server is gone, or was never there. A value that cannot become a
        // parameter would be a defect of this crate.
        return if error.to_string().contains("serializing parameter") {
            Class::Fatal
        } else {
            Class::Transient("network")
        };
    };
    if matches!(*state, SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED) {
        return Class::LostRace;
    }
    // The first two characters are the class, see appendix A of the manual.
    match state.code().get(..2) {
        // Data exception, violated constraint, and a row or key too large for a page.
        Some("22" | "23" | "54") => Class::Data,
        Some("08") => Class::Transient("network"),
        // A standby, or a transaction that lay idle for too long.
        Some("25") => Class::Transient("read_only"),
        // In doubt, or rolled back.
        Some("40") => Class::Transient("in_doubt"),
        Some("53") => Class::Transient("overloaded"),
        // A prerequisite such as a lock.
        Some("55") => Class::Transient("locked"),
        // Shutting down, starting up, cancelled.
        Some("57") => Class::Transient("unavailable"),
        Some("58") => Class::Transient("disk"),
        _ => Class::Fatal,
    }
}

pub(super) fn failed(action: &'static str, error: &tokio_postgres::Error) -> SinkError {
    let reason = words(error);
    match class(error) {
        Class::Transient(class) => SinkError::Transient { store: STORE, class, action, reason },
        Class::LostRace => SinkError::Transient { store: STORE, class: "lost_race", action, reason },
        Class::Data | Class::Fatal => {
            SinkError::Fatal { store: STORE, action, reason: with_advice(error, reason) }
        }
    }
}

fn with_advice(error: &tokio_postgres::Error, reason: String) -> String {
    let missing = [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN];
    match error.code() {
        Some(state) if missing.contains(state) => format!("{reason}; run `adpulse migrate`"),
        _ => reason,
    }
}

pub(super) fn unavailable(action: &'static str, error: PoolError) -> SinkError {
    match error {
        PoolError::Backend(error) => failed(action, &error),
        PoolError::Timeout(_) => SinkError::Transient {
            store: STORE,
            class: "timeout",
            action,
            reason: "no connection within the time allowed".to_owned(),
        },
        other => SinkError::Fatal { store: STORE, action, reason: other.to_string() },
    }
}

/// The server's own words with their code; the driver's `Display` says only "db error".
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
