//! How stored values read in JSON: money as decimal text beside its currency, moments in RFC 3339.

use chrono::{DateTime, SecondsFormat, Utc};
use schemas::Micros;
use serde::Serialize;
use tokio_postgres::Row;

use crate::ApiError;

/// An amount of money, in major units with two decimals: `"55662.15"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Money(pub(crate) Micros);

impl Money {
    /// The mean cost of each of `count`, rounded half away from zero; nothing costs anything when there is none.
    pub(crate) fn per(self, count: i64) -> Option<Self> {
        if count <= 0 {
            return None;
        }
        let half = if self.0.0 < 0 { -(count / 2) } else { count / 2 };
        Some(Self(Micros(self.0.0.saturating_add(half) / count)))
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A moment, with milliseconds: `"2026-11-22T19:04:05.000Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A row's column; one that is missing or of another type is a failure of the query, not a panic.
pub(crate) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    name: &str,
) -> Result<T, ApiError> {
    row.try_get(name).map_err(ApiError::Query)
}

/// A column of micros.
pub(crate) fn money(row: &Row, name: &str) -> Result<Money, ApiError> {
    Ok(Money(Micros(column(row, name)?)))
}

/// A column of micros that may be absent.
pub(crate) fn money_if_any(row: &Row, name: &str) -> Result<Option<Money>, ApiError> {
    Ok(column::<Option<i64>>(row, name)?.map(|micros| Money(Micros(micros))))
}

/// A column of a moment that may be absent.
pub(crate) fn moment_if_any(row: &Row, name: &str) -> Result<Option<Moment>, ApiError> {
    Ok(column::<Option<DateTime<Utc>>>(row, name)?.map(Moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_rounded_and_undefined_without_a_count() {
        assert_eq!(Money(Micros(10)).per(4), Some(Money(Micros(3))));
        assert_eq!(Money(Micros(-10)).per(4), Some(Money(Micros(-3))));
        assert_eq!(Money(Micros(10)).per(0), None);
    }

    #[test]
    fn money_and_moments_read_as_documented() {
        let money = serde_json::to_string(&Money(Micros(55_662_149_994))).unwrap();
        assert_eq!(money, "\"55662.15\"");
        let moment = Moment(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap());
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2023-11-14T22:13:20.123Z\"");
    }
}
