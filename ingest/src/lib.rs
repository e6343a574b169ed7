//! The sources of adpulse: CSV files, CRM webhooks, sample traffic, the clock's ticks.
//!
//! Everything here turns what a source delivered into [`schemas::record::RawEvent`]s with their record keys, or into
//! [`schemas::record::DeadLetter`]s that keep what was refused. The crate knows nothing of Kafka: CSV rows are handed
//! to a closure, webhook events to a [`RecordSink`], and the binary joins both to the producer. It never reads a
//! clock: moments are arguments.

pub mod clock;
pub mod csv;
mod currency;
mod error;
mod metrics;
pub mod sample;
mod sink;
pub mod webhook;

pub use error::{CsvError, SendError, SinkError, SourceError};
pub use metrics::describe;
pub use sink::{Ack, Record, RecordSink};
