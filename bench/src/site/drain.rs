//! Whether a group has worked off its topics.
//!
//! Transactions leave markers behind the last record, so where offsets differ by as little as a marker the rest is read, and must be
//! empty.

use kafka::{Admin, KafkaSettings};

/// What is committed leaves one marker behind the last record. More is records, or a transaction that was aborted, and such a run
/// does not count.
const MARKERS_MAX: i64 = 1;

/// How many offsets a group has before it, and whether no record lies behind them.
pub async fn state(
    settings: &KafkaSettings,
    admin: &Admin,
    group: &str,
    topics: &[String],
) -> anyhow::Result<(i64, bool)> {
    let lags = admin.lag(group, topics).await?;
    let lag = lags.iter().map(|lag| lag.lag).sum();
    // Reading a partition again and again while it is worked off would disturb what is measured.
    if lags.iter().any(|lag| lag.lag > MARKERS_MAX) {
        return Ok((lag, false));
    }
    let (settings, group) = (settings.clone(), group.to_owned());
    let is_empty =
        tokio::task::spawn_blocking(move || kafka::nothing_left(&settings, &group, lags)).await??;
    Ok((lag, is_empty))
}
