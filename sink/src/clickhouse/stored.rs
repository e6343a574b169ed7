//! Which rows of a batch a table has already, by the positions of the records that they came from.
//!
//! A record's rows of one month land together or not at all, so partition, offset and month tell whether a row is there. A row that
//! is not found was never written, or a newer version of it has swallowed it; writing it (again) is right in both cases.

use std::collections::BTreeMap;

use ::clickhouse::Row;
use ::clickhouse::sql::Identifier;
use serde::Deserialize;

use super::{ClickHouseSink, within};
use crate::SinkError;
use crate::batch::At;

/// The rows found, as (partition, offset, month), in order.
#[derive(Default)]
pub(super) struct Stored(Vec<(i32, u64, i64)>);

#[derive(Row, Deserialize)]
struct Position {
    _partition: i32,
    _offset: u64,
    month: i64,
}

impl Stored {
    /// Asks the server about the range of each partition that the facts touch.
    pub(super) async fn ask<T>(
        sink: &ClickHouseSink,
        table: &'static str,
        facts: &[&At<T>],
    ) -> Result<Self, SinkError> {
        let mut ranges: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
        for fact in facts {
            let range = ranges.entry(fact.partition).or_insert((fact.offset, fact.offset));
            *range = (range.0.min(fact.offset), range.1.max(fact.offset));
        }
        if ranges.is_empty() {
            return Ok(Self::default());
        }
        let conditions = vec!["(_partition = ? AND _offset BETWEEN ? AND ?)"; ranges.len()].join(" OR ");
        let sql = format!(
            "SELECT DISTINCT _partition, _offset, toInt64OrZero(_partition_id) AS month FROM ? WHERE {conditions}"
        );
        let mut query = sink.client.query(&sql).bind(Identifier(table));
        for (partition, (first, last)) in ranges {
            query = query.bind(partition).bind(first).bind(last);
        }
        let answer = query.fetch_all::<Position>();
        let found = within(sink.answer_timeout, "ask for stored positions", answer).await?;
        let mut found: Vec<_> =
            found.into_iter().map(|row| (row._partition, row._offset, row.month)).collect();
        found.sort_unstable();
        Ok(Self(found))
    }

    pub(super) fn has<T>(&self, fact: &At<T>, month: fn(&T) -> i64) -> bool {
        let Ok(offset) = u64::try_from(fact.offset) else { return false };
        !self.0.is_empty() && self.0.binary_search(&(fact.partition, offset, month(&fact.value))).is_ok()
    }
}
