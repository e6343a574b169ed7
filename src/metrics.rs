//! Prometheus: one recorder for the process, every metric described by the crate that reports it.

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// What became of the records that a stage consumed; the outcomes of a stage sum to its records.
pub const RECORDS_TOTAL: &str = "adpulse_records_total";
/// Which version runs.
pub const BUILD_INFO: &str = "adpulse_build_info";
/// Dead letters written.
pub const DEAD_LETTERS_TOTAL: &str = "adpulse_dead_letters_total";
/// Campaigns in a score partition.
pub const CAMPAIGNS: &str = "adpulse_campaigns";
/// Leads in a normalize partition.
pub const LEADS: &str = "adpulse_leads";
/// Leads without a campaign.
pub const LEADS_UNATTRIBUTED: &str = "adpulse_leads_unattributed";
/// Restarts of a worker after a failure.
pub const WORKER_RESTARTS_TOTAL: &str = "adpulse_worker_restarts_total";

/// From a millisecond to a minute, for everything that is timed.
const SECONDS_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Installs the recorder. Once per process.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .context("metrics: buckets")?
        .install_recorder()
        .context("metrics: installing the recorder")?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, gauge};
    describe_counter!(
        RECORDS_TOTAL,
        "Records consumed, by stage and outcome; the outcomes of a stage sum to its records."
    );
    describe_counter!(DEAD_LETTERS_TOTAL, "Dead letters written, by stage and reason.");
    describe_counter!(WORKER_RESTARTS_TOTAL, "Restarts of a worker after a failure, by stage.");
    describe_gauge!(CAMPAIGNS, "Campaigns held by this process.");
    describe_gauge!(LEADS, "Leads held by this process.");
    describe_gauge!(LEADS_UNATTRIBUTED, "Leads held by this process whose campaign is not known.");
    describe_gauge!(BUILD_INFO, "Always 1; the label says which version runs.");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    kafka::metrics::describe();
    ingest::describe();
    httpserver::metrics::describe();
    api::metrics::describe();
    sink::describe();
    // A rate sees the first event only if the series was there before it.
    for stage in ["normalize", "score"] {
        for outcome in processor::Outcome::ALL {
            metrics::counter!(RECORDS_TOTAL, "stage" => stage, "outcome" => outcome.as_str()).increment(0);
        }
    }
}
