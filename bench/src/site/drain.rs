//! Whether a group has worked off its topics.
//!
//! Transactions leave markers behind the last record, so where offsets differ by as little as a marker the rest is read, and must be
//! empty.

use std::collections::BTreeMap;

use kafka::{Admin, Isolation, KafkaSettings, PartitionLag, ReadRange, TopicReader};

/// What is committed leaves one marker behind the last record. More is records, or a transaction that was aborted, and such a run
/// does not count.
const MARKERS_MAX: i64 = 1;

pub async fn nothing_left(
    settings: &KafkaSettings,
    admin: &Admin,
    group: &str,
    topics: &[String],
) -> anyhow::Result<bool> {
    let lags = admin.lag(group, topics).await?;
    // Reading a partition again and again while it is worked off would disturb what is measured.
    if lags.iter().any(|lag| lag.lag > MARKERS_MAX) {
        return Ok(false);
    }
    let (settings, group) = (settings.clone(), group.to_owned());
    tokio::task::spawn_blocking(move || rest_is_empty(&settings, &group, lags)).await?
}

fn rest_is_empty(settings: &KafkaSettings, group: &str, lags: Vec<PartitionLag>) -> anyhow::Result<bool> {
    let mut behind: BTreeMap<String, Vec<PartitionLag>> = BTreeMap::new();
    for lag in lags.into_iter().filter(|lag| lag.lag > 0) {
        behind.entry(lag.partition.topic.to_string()).or_default().push(lag);
    }
    for (topic, lags) in behind {
        let range = ReadRange {
            topic,
            partitions: Some(lags.iter().map(|lag| lag.partition.partition).collect()),
            from: lags.iter().filter_map(|lag| Some((lag.partition.partition, lag.committed?))).collect(),
            until: lags.iter().map(|lag| (lag.partition.partition, lag.end)).collect(),
            isolation: Isolation::ReadCommitted,
        };
        let mut found = false;
        TopicReader::open(settings, group, &range)?.for_each(|_| {
            found = true;
            false
        })?;
        if found {
            return Ok(false);
        }
    }
    Ok(true)
}
