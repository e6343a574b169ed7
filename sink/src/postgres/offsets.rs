//! How far each topic has been stored: read on assignment, moved with the rows, each from the value last seen.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::Pool;
use schemas::Topic;

use super::failure::{failed, unavailable};
use super::stage::Open;
use super::{Positions, TOPICS};
use crate::{SinkError, SinkRecord};

/// Where a partition stood and where the batch takes it.
pub(super) struct Advance {
    pub(super) topic: Topic,
    pub(super) partition: i32,
    expected: i64,
    pub(super) next: i64,
}

/// How the positions move, and which records lie before them.
pub(super) fn plan(batch: &[SinkRecord<'_>], known: &Positions) -> (Vec<Advance>, BTreeSet<usize>) {
    let mut ends = BTreeMap::new();
    let mut stored = BTreeSet::new();
    for (index, record) in batch.iter().enumerate() {
        let expected = known.get(&(record.topic, record.partition)).copied().unwrap_or(0);
        if record.offset < expected {
            stored.insert(index);
            continue;
        }
        let next = record.offset.saturating_add(1);
        let end: &mut (i64, i64) = ends.entry((record.topic, record.partition)).or_insert((expected, next));
        end.1 = end.1.max(next);
    }
    let advances = ends
        .into_iter()
        .map(|((topic, partition), (expected, next))| Advance { topic, partition, expected, next })
        .collect();
    (advances, stored)
}

/// Why the positions did not move.
pub(super) enum Refusal {
    /// One is not what was seen.
    Moved(SinkError),
    Database(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// Moves the positions, each from the value last seen.
pub(super) async fn advance(open: &Open, group: &str, advances: &[Advance]) -> Result<(), Refusal> {
    let topics: Vec<&str> = advances.iter().map(|advance| advance.topic.name()).collect();
    let partitions: Vec<i32> = advances.iter().map(|advance| advance.partition).collect();
    let expected: Vec<i64> = advances.iter().map(|advance| advance.expected).collect();
    let next: Vec<i64> = advances.iter().map(|advance| advance.next).collect();
    let client = open.client();
    if expected.contains(&0) {
        let add = client.prepare_cached(include_str!("sql/add_offsets.sql")).await?;
        client.execute(&add, &[&group, &topics, &partitions]).await?;
    }
    let advance = client.prepare_cached(include_str!("sql/advance_offsets.sql")).await?;
    let moved = client.execute(&advance, &[&group, &topics, &partitions, &expected, &next]).await?;
    if moved == advances.len() as u64 {
        return Ok(());
    }
    // Seen through the statement's own eyes: the other transaction has ended, or the update would still wait.
    let select = client.prepare_cached(include_str!("sql/read_offsets.sql")).await?;
    let stored = positions_of(&client.query(&select, &[&group]).await?);
    for advance in advances {
        let found = stored.get(&(advance.topic, advance.partition)).copied().unwrap_or(0);
        if found != advance.expected && found != advance.next {
            let moved = SinkError::moved((advance.topic, advance.partition), advance.expected, found);
            return Err(Refusal::Moved(moved));
        }
    }
    let first = &advances[0];
    Err(Refusal::Moved(SinkError::moved((first.topic, first.partition), first.expected, first.next)))
}

pub(super) async fn read_positions(pool: &Pool, group: &str) -> Result<Positions, SinkError> {
    const ACTION: &str = "read the stored positions";
    let client = pool.get().await.map_err(|error| unavailable(ACTION, error))?;
    let failed = |error| failed(ACTION, &error);
    let select = client.prepare_cached(include_str!("sql/read_offsets.sql")).await.map_err(failed)?;
    Ok(positions_of(&client.query(&select, &[&group]).await.map_err(failed)?))
}

/// Whether everything is still stored that was acknowledged.
pub(super) fn holds(stored: &Positions, acknowledged: &Positions) -> Result<(), SinkError> {
    let lost = acknowledged.iter().find_map(|(at, expected)| {
        let found = stored.get(at).copied().unwrap_or(0);
        (found < *expected).then_some((*at, *expected, found))
    });
    lost.map_or(Ok(()), |(at, expected, found)| Err(SinkError::moved(at, expected, found)))
}

fn positions_of(rows: &[tokio_postgres::Row]) -> Positions {
    let mut found = Positions::new();
    for row in rows {
        let name: &str = row.get(0);
        // A topic of another version of adpulse is none of ours.
        if let Some(topic) = TOPICS.into_iter().find(|topic| topic.name() == name) {
            found.insert((topic, row.get(1)), row.get(2));
        }
    }
    found
}
