//! The metrics of every HTTP server of adpulse, declared once. Labels never hold a raw path.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Requests answered, by server, route template, method and status.
pub const REQUESTS_TOTAL: &str = "adpulse_http_requests_total";
/// From the end of a request's header to the head of its response, by server and route template.
pub const REQUEST_DURATION_SECONDS: &str = "adpulse_http_request_duration_seconds";
/// Connections open, by server.
pub const CONNECTIONS: &str = "adpulse_http_connections";
/// Connections ended, by server and reason.
pub const CONNECTIONS_CLOSED_TOTAL: &str = "adpulse_http_connections_closed_total";
/// Failures to accept a connection, by server.
pub const ACCEPT_ERRORS_TOTAL: &str = "adpulse_http_accept_errors_total";

/// Buckets of [`REQUEST_DURATION_SECONDS`], for the exporter.
pub const REQUEST_DURATION_BUCKETS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Tells the installed recorder what each metric means.
pub fn describe() {
    describe_counter!(
        REQUESTS_TOTAL,
        "Requests answered, by server, route template (or unmatched), method and status"
    );
    describe_histogram!(
        REQUEST_DURATION_SECONDS,
        Unit::Seconds,
        "From the end of a request's header to the head of its response, by server and route"
    );
    describe_gauge!(CONNECTIONS, "Connections open, by server");
    describe_counter!(
        CONNECTIONS_CLOSED_TOTAL,
        "Connections ended, by server and reason: done, header_timeout, idle, write_timeout, refused, error, cut_off"
    );
    describe_counter!(ACCEPT_ERRORS_TOTAL, "Failures to accept a connection, by server");
}

/// Sets every series without a route to zero, so that a rate is known from the first scrape.
pub(crate) fn start(server: &'static str) {
    metrics::gauge!(CONNECTIONS, "server" => server).set(0.0);
    metrics::counter!(ACCEPT_ERRORS_TOTAL, "server" => server).absolute(0);
    for reason in ["done", "header_timeout", "idle", "write_timeout", "refused", "error", "cut_off"] {
        metrics::counter!(CONNECTIONS_CLOSED_TOTAL, "server" => server, "reason" => reason).absolute(0);
    }
}

/// Counts an ended connection.
pub(crate) fn closed(server: &'static str, reason: &'static str) {
    metrics::counter!(CONNECTIONS_CLOSED_TOTAL, "server" => server, "reason" => reason).increment(1);
}
