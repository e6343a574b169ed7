//! The metrics of this crate. Requests by route and status are counted by the HTTP server.

use metrics::{counter, describe_counter};

/// Rows of CSV files, by outcome and reason.
pub(crate) const CSV_ROWS: &str = "adpulse_ingest_csv_rows_total";
/// Events of CRM webhooks, by outcome and reason.
pub(crate) const CRM_EVENTS: &str = "adpulse_ingest_crm_events_total";
/// Webhook requests refused before an event was read, by reason.
pub(crate) const CRM_REFUSED_REQUESTS: &str = "adpulse_ingest_crm_refused_requests_total";

/// Describes every metric of the crate to the installed recorder.
pub fn describe() {
    describe_counter!(CSV_ROWS, "Rows of CSV files sent, by outcome (accepted, refused) and reason");
    describe_counter!(
        CRM_EVENTS,
        "CRM events acknowledged by the log, by outcome (accepted, refused) and reason"
    );
    describe_counter!(
        CRM_REFUSED_REQUESTS,
        "Webhook requests answered with an error before an event of them was written, by reason"
    );
    counter!(CSV_ROWS, "outcome" => "accepted", "reason" => "").absolute(0);
    counter!(CRM_EVENTS, "outcome" => "accepted", "reason" => "").absolute(0);
}
