//! Values of `dead-letters`.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::TimestampMs;

/// A record that could not be used, kept whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter<'a> {
    /// Who refused it: csv, crm, normalize, score, sink-clickhouse, sink-postgres.
    #[serde(borrow)]
    pub stage: &'a str,
    /// Why, for programs.
    #[serde(borrow)]
    pub reason_code: &'a str,
    /// Why, for people.
    #[serde(borrow)]
    pub sentence: &'a str,
    /// Its position in the log, if it was there.
    #[serde(borrow, default)]
    pub origin: Option<Origin<'a>>,
    /// Its place at the source: file and line, webhook id.
    #[serde(borrow)]
    pub locator: &'a str,
    /// observed_at of the record, or log time.
    pub refused_at: TimestampMs,
    /// Original key.
    #[serde(with = "serde_bytes", borrow, default)]
    pub key: Option<&'a [u8]>,
    /// Original bytes.
    #[serde(with = "serde_bytes", borrow)]
    pub payload: &'a [u8],
    /// Original headers.
    #[serde(borrow, default)]
    pub headers: Vec<Header<'a>>,
}

/// A record header.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// Name.
    #[serde(borrow)]
    pub name: &'a str,
    /// Value.
    #[serde(with = "serde_bytes", borrow)]
    pub value: &'a [u8],
}
