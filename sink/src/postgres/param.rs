//! Rows to the arrays that a statement unnests: one array for each column.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use schemas::{Day, Micros, TimestampMs};
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

/// An array of one column's values.
pub(super) type Param<'r> = Box<dyn ToSql + Sync + Send + 'r>;

/// The column that `get` reads from each row.
pub(super) fn column<'r, R, T>(rows: &'r [R], get: impl Fn(&'r R) -> T) -> Param<'r>
where
    Vec<T>: ToSql + Sync + Send + 'r,
{
    Box::new(rows.iter().map(get).collect::<Vec<T>>())
}

pub(super) fn micros(amount: Micros) -> i64 {
    amount.0
}

/// A list in one text, which the statement splits again: arrays of arrays cannot be ragged. The separator is a control
/// character that no symbol or code contains.
pub(super) fn list<'s>(items: impl Iterator<Item = &'s str>) -> String {
    items.collect::<Vec<_>>().join("\u{1f}")
}

/// `date`: days since 2000-01-01 on the wire.
#[derive(Debug)]
pub(super) struct Date(pub(super) Day);

/// `timestamptz`: microseconds since 2000-01-01 on the wire.
#[derive(Debug)]
pub(super) struct Moment(pub(super) TimestampMs);

const DAYS_1970_TO_2000: i32 = 10_957;
const MS_1970_TO_2000: i64 = 946_684_800_000;

impl ToSql for Date {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(self.0.0.checked_sub(DAYS_1970_TO_2000).ok_or("a day before all calendars")?);
        Ok(IsNull::No)
    }
    accepts!(DATE);
    to_sql_checked!();
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let ms = self.0.0.checked_sub(MS_1970_TO_2000).and_then(|ms| ms.checked_mul(1_000));
        out.put_i64(ms.ok_or("a moment outside of all calendars")?);
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}
