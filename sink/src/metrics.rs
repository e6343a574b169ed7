//! The metrics of the sinks. Labels are the sink and the table, never campaigns or accounts.

use std::time::Duration;

use crate::Written;

/// Rows sent and acknowledged, by `sink` and `table`.
pub const ROWS_TOTAL: &str = "adpulse_sink_rows_total";
/// Records by what became of them: `stored`, `superseded`, `skipped`, `rejected`, by `sink`.
pub(crate) const RECORDS_TOTAL: &str = "adpulse_sink_records_total";
/// Batches that are durable, by `sink`.
pub(crate) const BATCHES_TOTAL: &str = "adpulse_sink_batches_total";
/// How long a batch took, by `sink`.
pub(crate) const WRITE_SECONDS: &str = "adpulse_sink_write_seconds";
/// Rows of a repeated batch that were in the table already, by `sink` and `table`.
pub(crate) const FOUND_TOTAL: &str = "adpulse_sink_rows_found_total";
/// Halvings of a block in search of the rows that the store refuses, by `sink` and `table`.
pub(crate) const BISECTIONS_TOTAL: &str = "adpulse_sink_bisections_total";
/// Attempts made again after a failure, by `sink` and `class` ([`crate::SinkError::class`]). The role counts those that it
/// waits for.
pub const RETRIES_TOTAL: &str = "adpulse_sink_retries_total";
/// Pending ranges taken over and completed, by `sink`. The role counts them.
pub const TAKEN_OVER_TOTAL: &str = "adpulse_sink_blocks_taken_over_total";

/// Says what each metric means.
pub fn describe() {
    metrics::describe_counter!(ROWS_TOTAL, "Rows sent to a table and acknowledged");
    metrics::describe_counter!(RECORDS_TOTAL, "Records of finished batches, by what became of them");
    metrics::describe_counter!(BATCHES_TOTAL, "Batches that are durable");
    metrics::describe_histogram!(WRITE_SECONDS, metrics::Unit::Seconds, "Time to make a batch durable");
    metrics::describe_counter!(FOUND_TOTAL, "Rows of a repeated batch that were in the table already");
    metrics::describe_counter!(BISECTIONS_TOTAL, "Halvings of a block in search of refused rows");
    metrics::describe_counter!(RETRIES_TOTAL, "Attempts made again after a failure, by its class");
    metrics::describe_counter!(TAKEN_OVER_TOTAL, "Pending ranges rebuilt from Kafka and completed");
}

pub(crate) fn rows(sink: &'static str, table: &'static str, rows: usize) {
    metrics::counter!(ROWS_TOTAL, "sink" => sink, "table" => table).increment(rows as u64);
}

pub(crate) fn found(sink: &'static str, table: &'static str, rows: u64) {
    if rows > 0 {
        metrics::counter!(FOUND_TOTAL, "sink" => sink, "table" => table).increment(rows);
    }
}

pub(crate) fn bisection(sink: &'static str, table: &'static str) {
    metrics::counter!(BISECTIONS_TOTAL, "sink" => sink, "table" => table).increment(1);
}

pub(crate) fn batch(sink: &'static str, written: &Written, took: Duration) {
    let outcomes = [
        ("stored", written.stored),
        ("superseded", written.superseded),
        ("skipped", written.skipped),
        ("rejected", written.rejected.len() as u64),
    ];
    for (outcome, records) in outcomes {
        metrics::counter!(RECORDS_TOTAL, "sink" => sink, "outcome" => outcome).increment(records);
    }
    metrics::counter!(BATCHES_TOTAL, "sink" => sink).increment(1);
    metrics::histogram!(WRITE_SECONDS, "sink" => sink).record(took.as_secs_f64());
}
