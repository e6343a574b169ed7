//! Moments as CRMs write them. What names no offset from UTC is refused: guessing one would move leads across days.

use chrono::DateTime;
use schemas::TimestampMs;
use serde_json::Value;

/// Epoch numbers below this are seconds (until the year 5138), others milliseconds (from March 1973).
const EPOCH_SECONDS_MAX: i64 = 100_000_000_000;

/// Reads RFC 3339, the same with an offset such as `-0700`, or epoch seconds or milliseconds as number or text.
pub(super) fn parse(value: &Value) -> Option<TimestampMs> {
    match value {
        Value::Number(number) => number.as_i64().and_then(epoch),
        Value::String(text) => text.parse().ok().and_then(epoch).or_else(|| calendar(text)),
        _ => None,
    }
}

fn epoch(number: i64) -> Option<TimestampMs> {
    match number {
        0..EPOCH_SECONDS_MAX => Some(TimestampMs(number * 1_000)),
        // Beyond the year 9999 it is a number of something else.
        EPOCH_SECONDS_MAX..=253_402_300_799_999 => Some(TimestampMs(number)),
        _ => None,
    }
}

fn calendar(text: &str) -> Option<TimestampMs> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()
        .map(|moment| TimestampMs(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_of_all_usual_kinds_are_the_same_moment() {
        for value in [
            json!("2026-03-12T22:02:47Z"),
            json!("2026-03-12T15:02:47-07:00"),
            json!("2026-03-12T15:02:47-0700"),
            json!("2026-03-12T15:02:47.000-0700"),
            json!(1_773_352_967),
            json!(1_773_352_967_000_i64),
            json!("1773352967"),
        ] {
            assert_eq!(parse(&value), Some(TimestampMs(1_773_352_967_000)), "{value}");
        }
    }

    #[test]
    fn a_moment_without_an_offset_is_refused() {
        for value in [
            json!("2026-03-12T15:02:47"),
            json!("2026-03-12"),
            json!(1.5),
            json!(-1),
            json!(null),
            json!("now"),
        ] {
            assert_eq!(parse(&value), None, "{value}");
        }
    }
}
