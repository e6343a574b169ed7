//! CSV exports of ad platforms.
//!
//! [`plan`] reads a file once and promises what [`CsvPlan::send`] will do when it reads it again: how it is encoded,
//! what its columns mean, how its numbers and dates are written, and how many rows each campaign and day has. Each
//! row then becomes one raw event, or one dead letter with its line number, the reason and its bytes. Files that
//! cannot be understood as a whole (no currency, a required column missing, dates that can be read in two ways) are
//! refused before anything is sent. Memory is bounded by [`CsvLimits`], not by the file. The binary's `csv` command
//! calls it and commits what was sent only when `send` came to its end.

mod options;
mod text;
mod record;
mod fields;
mod number;
mod date;
mod profile;
mod header;
mod dialect;
mod layout;
mod row;
mod pass;
mod keys;
mod plan;
mod send;
mod summary;
#[cfg(test)]
mod properties;

pub use options::{CsvLimits, CsvOptions, DateOrder, Field, ObservedAt, ProfileChoice};
pub use plan::{ColumnReport, CsvPlan, FileReport, plan, plan_with_progress};
pub use send::CsvItem;
pub use summary::CsvSummary;
