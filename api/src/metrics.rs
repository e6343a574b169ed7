//! The API's own metrics; requests are counted by `httpserver`.

use metrics::{Unit, describe_gauge, describe_histogram};

/// A query on Postgres, from asking for a connection to the last row, by query and outcome.
pub const QUERY_DURATION_SECONDS: &str = "adpulse_api_query_duration_seconds";
/// Whether a dependency is held to be ready, by check.
pub const READY: &str = "adpulse_ready";

/// Tells the installed recorder what each metric means.
pub fn describe() {
    describe_histogram!(
        QUERY_DURATION_SECONDS,
        Unit::Seconds,
        "A query on Postgres, from asking for a connection to the last row, by query and outcome (ok, unavailable, failed)"
    );
    describe_gauge!(READY, "1 while a dependency is held to be ready, 0 otherwise, by check");
}
