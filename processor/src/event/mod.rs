//! From payloads as the sources wrote them to typed readings.
//!
//! One file per kind of payload. Every value is parsed once, here: numbers come as strings or as numbers, ids beyond
//! 2^53 stay text, `null` is absent, and absent is not zero. What cannot be read is a [`Rejection`] that names field
//! and value; no bytes make a parser panic. [`crate::Normalizer`] calls it.

mod account;
mod campaign;
mod fatigue;
mod insights;
mod leadgen;
mod plain;
mod value;

pub(crate) use account::{AccountReport, account_report};
pub(crate) use campaign::campaign_object;
pub(crate) use fatigue::fatigue;
pub(crate) use insights::{InsightsPeriod, insights_row};
pub(crate) use leadgen::leadgen;
pub(crate) use value::{COUNT_MAX, MONEY_MAX, TEXT_BYTES_MAX, bounded, currency, time_zone};

use serde::Deserialize;

use crate::Rejection;
use crate::outcome::quoted;

/// Reads a JSON object.
fn object<'a, T: Deserialize<'a>>(payload: &'a [u8], what: &str) -> Result<T, Rejection> {
    // An array would be taken for the fields in their order of declaration.
    if payload.trim_ascii_start().starts_with(b"[") {
        return Err(Rejection::new(
            "PAYLOAD_INVALID",
            format!("the {what} is a list, where one object is expected"),
        ));
    }
    serde_json::from_slice(payload).map_err(|e| {
        let (code, problem) = match e.classify() {
            serde_json::error::Category::Data => ("PAYLOAD_INVALID", "does not have the expected shape"),
            _ => ("PAYLOAD_NOT_JSON", "is not JSON"),
        };
        Rejection::new(code, format!("the {what} {problem}: {}", quoted(&e.to_string())))
    })
}
