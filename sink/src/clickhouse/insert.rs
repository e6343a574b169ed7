//! One table of a batch, as one insert, which is one block with one token for each month it touches. A value that the
//! server refuses is narrowed down to its rows, and the others land.

use ::clickhouse::error::{Error, Result};
use ::clickhouse::{Row, RowWrite};

use super::failure::{Class, class, failed, words};
use super::stored::Stored;
use super::token::{Ranges, token};
use super::{ClickHouseSink, STORE};
use crate::batch::At;
use crate::{Rejected, SinkError, SinkRecord, metrics};

const ACTION: &str = "write a batch";
/// The server refuses an insert into more than 100 partitions of a table, and a partition is a month.
const MONTHS_MAX: usize = 90;
/// Below the server's `max_insert_block_size`, so that an insert stays one block.
const ROWS_MAX: usize = 500_000;
/// More than this in one batch is not bad data but a schema that does not fit.
const REFUSED_MAX: usize = 256;

/// What makes an insert repeatable: it waits for the table, it is one block, the server remembers its token, and the rows
/// stay as they were sent (they are already unique).
const SETTINGS: [(&str, &str); 7] = [
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("insert_deduplicate", "1"),
    ("optimize_on_insert", "0"),
    ("max_insert_block_size", "1000000"),
    ("min_insert_block_size_rows", "1000000"),
    ("min_insert_block_size_bytes", "0"),
];

/// A table and how its rows are made from facts.
pub(super) struct Table<T, R: Row> {
    pub(super) name: &'static str,
    /// The month as the server names it (202610), or 0 where the table is not cut by month.
    pub(super) month: fn(&T) -> i64,
    pub(super) row: for<'r> fn(&'r At<T>) -> R::Value<'r>,
}

/// The batch that rows come from, and whether some of its rows may be in the store already.
#[derive(Clone, Copy)]
pub(super) struct Source<'b> {
    pub(super) batch: &'b [SinkRecord<'b>],
    pub(super) ranges: &'b Ranges,
    /// Ask the store first, and write only what is missing.
    pub(super) again: bool,
}

/// Inserts the facts, which must be in the same order each time. Returns how many rows are in the table now; rows that the
/// server refuses are added to `refused`.
pub(super) async fn insert<T, R>(
    sink: &ClickHouseSink,
    source: Source<'_>,
    table: &Table<T, R>,
    facts: &[At<T>],
    refused: &mut Vec<Rejected>,
) -> std::result::Result<u64, SinkError>
where
    R: Row + RowWrite,
{
    let facts: Vec<&At<T>> = facts.iter().collect();
    let stored = match source.again {
        true => Stored::ask(sink, table.name, &facts).await?,
        false => Stored::default(),
    };
    let (mut rows, mut found) = (0, 0);
    for part in parts(&facts, table.month) {
        let mut ranges = vec![&part[..]];
        while let Some(range) = ranges.pop() {
            let missing: Vec<&At<T>> =
                range.iter().copied().filter(|fact| !stored.has(fact, table.month)).collect();
            let error = match send(sink, source, table, range, &missing).await {
                Ok(()) => {
                    rows += range.len() as u64;
                    found += (range.len() - missing.len()) as u64;
                    continue;
                }
                Err(error) if class(&error) == Class::Data => error,
                Err(error) => {
                    if matches!(error, Error::SchemaMismatch(_) | Error::BadResponse(_)) {
                        // The columns are remembered; somebody may be changing them.
                        sink.client.clear_cached_metadata().await;
                    }
                    return Err(failed(ACTION, &error));
                }
            };
            match (range, &missing[..]) {
                (_, [row]) => refused.push(Rejected {
                    index: row.index,
                    code: "refused_by_clickhouse",
                    sentence: format!("the table {} does not take it: {}", table.name, words(&error)),
                }),
                _ => {
                    metrics::bisection(STORE, table.name);
                    let (left, right) = range.split_at(range.len() / 2);
                    ranges.extend([right, left]);
                }
            }
            if refused.len() > REFUSED_MAX {
                return Err(schema_does_not_fit(table.name, &error));
            }
        }
    }
    metrics::rows(STORE, table.name, usize::try_from(rows - found).unwrap_or(usize::MAX));
    metrics::found(STORE, table.name, found);
    Ok(rows)
}

fn schema_does_not_fit(table: &str, error: &Error) -> SinkError {
    SinkError::Fatal {
        store: STORE,
        action: ACTION,
        reason: format!(
            "the table {table} refuses more than {REFUSED_MAX} rows of one batch, the last with: {}; that is not bad \
             data: compare the schema with the migrations",
            words(error)
        ),
    }
}

/// Cuts the facts so that no part touches too many months or is too long for one block.
fn parts<'f, T>(facts: &[&'f At<T>], month: fn(&T) -> i64) -> Vec<Vec<&'f At<T>>> {
    let of_facts: Vec<i64> = facts.iter().map(|fact| month(&fact.value)).collect();
    let mut months = of_facts.clone();
    months.sort_unstable();
    months.dedup();
    let mut parts = Vec::new();
    for months in months.chunks(MONTHS_MAX) {
        let is_among = |(_, month): &(_, &i64)| months.binary_search(month).is_ok();
        let among: Vec<&At<T>> =
            facts.iter().zip(&of_facts).filter(is_among).map(|(fact, _)| *fact).collect();
        parts.extend(among.chunks(ROWS_MAX).map(<[_]>::to_vec));
    }
    parts
}

async fn send<T, R>(
    sink: &ClickHouseSink,
    source: Source<'_>,
    table: &Table<T, R>,
    facts: &[&At<T>],
    missing: &[&At<T>],
) -> Result<()>
where
    R: Row + RowWrite,
{
    if missing.is_empty() {
        return Ok(());
    }
    // The name is that of all the rows, also where some are there already: if a late attempt at all of them still arrives,
    // the server knows them by it.
    let token = token(table.name, source.batch, source.ranges, facts.iter().map(|fact| fact.index));
    // Beginning an insert asks for the table's columns the first time, which the crate does without a limit.
    let begun = tokio::time::timeout(sink.answer_timeout, sink.client.insert::<R>(table.name));
    let mut insert = begun
        .await
        .map_err(|_| Error::TimedOut)??
        .with_timeouts(Some(sink.send_timeout), Some(sink.answer_timeout))
        .with_setting("insert_deduplication_token", token);
    for (name, value) in SETTINGS {
        insert = insert.with_setting(name, value);
    }
    fail::fail_point!("clickhouse.before_insert");
    for fact in missing {
        insert.write(&(table.row)(fact)).await?;
    }
    insert.end().await?;
    fail::fail_point!("clickhouse.after_insert");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_part_of_a_batch_touches_more_months_than_the_server_takes() {
        let facts: Vec<At<i64>> =
            (0..1_000).map(|n| At { index: 0, partition: 0, offset: 0, value: n % 250 }).collect();
        let facts: Vec<&At<i64>> = facts.iter().collect();
        let parts = parts(&facts, |month| *month);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [360, 360, 280]);
        for part in parts {
            assert!(part.iter().map(|fact| fact.value).collect::<BTreeSet<_>>().len() <= MONTHS_MAX);
        }
    }
}
