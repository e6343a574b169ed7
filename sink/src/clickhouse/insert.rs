//! One table of a batch, as one insert, which is one block with one token for each month it touches. A value that the
//! server refuses is narrowed down to its rows, and the others land.

use std::sync::Arc;
use std::time::Duration;

use ::clickhouse::error::{Error, Result};
use ::clickhouse::insert_formatted::InsertFormatted;

use super::columns::Head;
use super::failure::{Class, class, failed, words};
use super::rowbinary::Column;
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

/// Rows are sent in chunks of this many bytes, so that a batch is never there twice.
const CHUNK: usize = 256 * 1024;
/// A chunk's last row may lie beyond its end.
const CHUNK_AND_ROW: usize = CHUNK + 8 * 1024;

/// What makes an insert repeatable: it waits for the table, it is one block, the server remembers its token, and the rows
/// stay as they were sent (they are already unique). And what makes it safe: the server compares the names and types that
/// it begins with.
const SETTINGS: [(&str, &str); 9] = [
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("insert_deduplicate", "1"),
    ("optimize_on_insert", "0"),
    ("max_insert_block_size", "1000000"),
    ("min_insert_block_size_rows", "1000000"),
    ("min_insert_block_size_bytes", "0"),
    ("input_format_with_names_use_header", "1"),
    ("input_format_with_types_use_header", "1"),
];

/// A table and how its rows are made from facts.
pub(super) struct Table<T> {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// The month as the server names it (202610), or 0 where the table is not cut by month.
    pub(super) month: fn(&T) -> i64,
    /// Appends the fact's row, in RowBinary.
    pub(super) put: fn(&At<T>, &mut Vec<u8>),
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
pub(super) async fn insert<T>(
    sink: &mut ClickHouseSink,
    source: Source<'_>,
    table: &Table<T>,
    facts: &[At<T>],
    refused: &mut Vec<Rejected>,
) -> std::result::Result<u64, SinkError> {
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
                    sink.columns.forget(table.name);
                    return Err(failed(ACTION, &error));
                }
            };
            // The server says the same of a column of another type as of a bad value.
            if has_changed(sink, table).await.map_err(|error| failed(ACTION, &error))? {
                ranges.push(range);
                continue;
            }
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

/// Asks for the table's columns again, and says whether they are no longer those that rows were just sent for.
async fn has_changed<T>(sink: &mut ClickHouseSink, table: &Table<T>) -> Result<bool> {
    let before = head(sink, table).await?;
    sink.columns.forget(table.name);
    Ok(head(sink, table).await? != before)
}

async fn head<T>(sink: &mut ClickHouseSink, table: &Table<T>) -> Result<Arc<Head>> {
    sink.columns.head(&sink.client, sink.answer_timeout, table.name, table.columns).await
}

async fn send<T>(
    sink: &mut ClickHouseSink,
    source: Source<'_>,
    table: &Table<T>,
    facts: &[&At<T>],
    missing: &[&At<T>],
) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    // The name is that of all the rows, also where some are there already: if a late attempt at all of them still arrives,
    // the server knows them by it.
    let token = token(table.name, source.batch, source.ranges, facts.iter().map(|fact| fact.index));
    let head = head(sink, table).await?;
    let mut insert = sink
        .client
        .insert_formatted_with(head.statement.as_str())
        .with_timeouts(None, Some(sink.answer_timeout))
        .with_setting("insert_deduplication_token", token);
    for (name, value) in SETTINGS {
        insert = insert.with_setting(name, value);
    }
    fail::fail_point!("clickhouse.before_insert");
    let mut chunk = Vec::with_capacity(CHUNK_AND_ROW);
    chunk.extend_from_slice(&head.header);
    for fact in missing {
        (table.put)(fact, &mut chunk);
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_AND_ROW));
            send_chunk(&mut insert, full, sink.send_timeout).await?;
        }
    }
    if !chunk.is_empty() {
        send_chunk(&mut insert, chunk, sink.send_timeout).await?;
    }
    insert.end().await?;
    fail::fail_point!("clickhouse.after_insert");
    Ok(())
}

/// The limit is for each chunk; the crate's own may go on counting from one to the next.
async fn send_chunk(insert: &mut InsertFormatted, chunk: Vec<u8>, limit: Duration) -> Result<()> {
    tokio::time::timeout(limit, insert.send(chunk.into())).await.map_err(|_| Error::TimedOut)?
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
