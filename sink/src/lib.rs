//! The stores: ClickHouse for history, Postgres for the current state.
//!
//! A sink takes a batch of records as they were consumed and makes it durable: when `write` returns, the rows are in the
//! store. Writing the same batch again changes nothing, an older version never overwrites a newer one, and a record that
//! cannot be stored comes back as [`Rejected`] while the rest of its batch lands. Postgres keeps the offsets beside the
//! rows, in one transaction.
//!
//! It refuses to know Kafka, to decide when a batch is full and to retry on its own account beyond a lost race inside
//! Postgres: the caller keeps the batch as it is and repeats it while the error is [`SinkError::Transient`].
//! Called by the role `sink` and by `adpulse migrate` and `adpulse check`.

mod batch;
mod error;
mod secret;
mod migration;
mod metrics;
pub mod clickhouse;
pub mod postgres;

pub use batch::{Rejected, SinkRecord, Written};
pub use error::SinkError;
pub use metrics::{RETRIES_TOTAL, ROWS_TOTAL, TAKEN_OVER_TOTAL, describe};
pub use migration::Applied;
pub use secret::Secret;
