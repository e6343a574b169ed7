//! What a client that has nothing else to do gets into the stores: the rows that a sink has left there, already in memory in the
//! form they travel in, into a table of the same definition. Nothing is decoded, sorted, checked or guarded; a sink does all of that.

pub mod clickhouse;
pub mod postgres;

use super::float;
use crate::report::Figures;

/// The rates of a client: rows against the clock, its own CPU time and that of the server.
fn figures(rows: u64, wall: f64, own: f64, server: f64) -> Figures {
    let count = float(rows);
    [
        ("rows", count),
        ("rows_per_second_wall", count / wall),
        ("rows_per_own_cpu_second", count / own.max(0.01)),
        ("rows_per_server_cpu_second", count / server.max(0.01)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
