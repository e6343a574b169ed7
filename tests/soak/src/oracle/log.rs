//! The log as the oracle sees it: committed records only, straight from the broker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use kafka::{Admin, PartitionLag, ReadRange, TopicReader};
use schemas::Topic;

use super::stores;
use crate::block_on;
use crate::role::Role;
use crate::site::Site;

/// The topics that sources write to.
pub const RAW: [Topic; 4] = [Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock];
/// How far Postgres says that it holds each partition of a topic.
const POSTGRES_OFFSETS: &str = "SELECT topic || '/' || partition, next_offset::text FROM sink_offsets";
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A committed record.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Partition number.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; absent in a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Every committed record of a topic, in order within each partition.
///
/// # Errors
/// When the broker does not answer.
pub fn read(site: &Site, topic: Topic) -> anyhow::Result<Vec<Committed>> {
    let mut found = Vec::new();
    let range = ReadRange::whole(&site.topic(topic));
    TopicReader::open(&site.kafka(), "soak-oracle", &range)?.for_each(|record| {
        found.push(Committed {
            partition: record.partition,
            offset: record.offset,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
        });
        true
    })?;
    found.sort_by_key(|record| (record.partition, record.offset));
    Ok(found)
}

/// What a compacted topic says now: the newest value of each key.
#[must_use]
pub fn newest(records: &[Committed]) -> BTreeMap<String, &[u8]> {
    let mut state = BTreeMap::new();
    for record in records {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        match record.value.as_deref() {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
    state
}

/// The topics that a role reads.
#[must_use]
pub fn inputs(site: &Site, role: Role) -> Vec<String> {
    let topics: &[Topic] = match role {
        Role::Normalize => &RAW,
        Role::Score => &[Topic::Events],
        Role::SinkClickhouse => &sink::clickhouse::TOPICS,
        Role::SinkPostgres => &sink::postgres::TOPICS,
        Role::Ingest | Role::Serve => &[],
    };
    topics.iter().map(|&topic| site.topic(topic)).collect()
}

/// Waits until every role has read everything there is and no transaction hides anything.
///
/// # Errors
/// Which role is behind, when the time is up.
pub fn settle(site: &Site, limit: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    for role in Role::PROCESSORS {
        loop {
            match is_idle(site, role) {
                Ok(true) => break,
                // The broker may still be coming back.
                Ok(false) | Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
                Ok(false) => bail!("{} still has records to read after {} s", role.name(), limit.as_secs()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn is_idle(site: &Site, role: Role) -> anyhow::Result<bool> {
    let settings = site.kafka();
    let admin = Admin::new(&settings)?;
    let (group, inputs) = (site.group(role), inputs(site, role));
    let decided = block_on(admin.is_decided(&inputs))?;
    let mut lags = block_on(admin.lag(&group, &inputs))?;
    if role == Role::SinkPostgres {
        raise_to_stored(site, &mut lags)?;
    }
    Ok(decided && kafka::nothing_left(&settings, &group, lags)?)
}

/// Postgres itself says how far it is; a sink that was killed after COMMIT tells the group only with its next batch.
fn raise_to_stored(site: &Site, lags: &mut [PartitionLag]) -> anyhow::Result<()> {
    let stored = stores::postgres(site, POSTGRES_OFFSETS)?;
    for lag in lags {
        let topic = lag.partition.topic.trim_start_matches(&site.prefix);
        let place = format!("{topic}/{}", lag.partition.partition);
        let next = stored.get(&place).and_then(|next| next.parse().ok());
        lag.committed = lag.committed.max(next);
        lag.lag = lag.end - lag.committed.unwrap_or(0);
    }
    Ok(())
}
