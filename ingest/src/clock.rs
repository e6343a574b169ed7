//! Ticks: time as an event. The scheduler of the binary decides when, and sends one tick to every partition of
//! `raw.clock`; the processor knows no other time.

use schemas::TimestampMs;
use schemas::record::{RawEvent, RawKind, Source};

/// A tick that says "it is `at` now". It has no key: the caller addresses partitions.
#[must_use]
pub const fn tick(at: TimestampMs) -> RawEvent<'static> {
    RawEvent {
        source: Source::Clock,
        kind: RawKind::Tick,
        platform: "",
        account_id: "",
        time_zone: None,
        currency: None,
        message_id: "tick",
        batch: None,
        observed_at: at,
        payload: b"",
        reading: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_the_one_of_the_contract() {
        let example = r#"{"source":"CLOCK","kind":"TICK","platform":"","account_id":"","message_id":"tick",
            "observed_at":1790920800000,"payload":""}"#;
        let example: RawEvent<'_> = serde_json::from_str(example).unwrap();
        assert_eq!(tick(TimestampMs(1_790_920_800_000)), example);
    }
}
