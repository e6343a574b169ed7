//! The mapping as properties: whatever an event holds, it is read or refused in bounded words that quote no value.

use proptest::prelude::*;
use schemas::{Micros, TimestampMs};
use serde_json::{Value, json};

use super::mapping::CrmMapping;
use super::{moment, reading};

/// Values that belong into the mapped fields, and others.
fn any_value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(-0.0),
        json!("-0"),
        json!(1e300),
        json!("1e400"),
        json!("NaN"),
        json!(1_000_000_000_000_000_000_u64),
        json!(9_007_199_254_740_993_u64),
        json!("9007199254740993"),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(true),
        json!([]),
        json!({}),
        json!("lead.won"),
        json!("lead.created"),
        json!("2026-10-02T05:00:00-0700"),
        json!("2026-10-02T05:00:00"),
        json!("2026-10-02"),
        json!("EUR"),
        json!("🚀\u{1b}[2J\u{0}"),
    ];
    prop_oneof![
        6 => proptest::sample::select(odd),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "\\PC{0,300}".prop_map(Value::from),
        1 => "[-+0-9.eE:TZ]{0,30}".prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_event_is_read_within_bounds_or_refused_in_bounded_words(
        fields in proptest::collection::vec(any_value(), 7), spoilt in proptest::collection::vec(any::<bool>(), 7)
    ) {
        let mut event = json!({"type": "lead.won", "timestamp": 1_790_917_200, "data": {
            "lead_id": "L", "campaign": "C", "account": "A", "amount": "1.5", "currency": "EUR"}});
        let places = ["/type", "/timestamp", "/data/lead_id", "/data/campaign", "/data/account", "/data/amount", "/data/currency"];
        for (at, place) in places.iter().enumerate() {
            if spoilt[at] {
                *event.pointer_mut(place).unwrap() = fields[at].clone();
            }
        }
        match reading::read("crm", &CrmMapping::default(), &event) {
            Ok(lead) => {
                prop_assert!(lead.lead_key.starts_with("crm:") && lead.lead_key.len() <= 4 + 3 * 256);
                prop_assert!(lead.amount.is_none_or(|amount| amount >= Micros::ZERO), "{event}");
                prop_assert!(lead.campaign_id.is_none_or(|id| !id.is_empty() && id.len() <= 256), "{event}");
            }
            Err(refusal) => {
                let words = &refusal.sentence;
                prop_assert!((1..=600).contains(&words.chars().count()), "{words}");
                prop_assert!(!words.contains(char::is_control), "{words:?}");
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(value in any_value(), other in any_value()) {
        let mapping = CrmMapping::default();
        for event in [value.clone(), json!([value]), json!({"data": value, "type": other}), json!({"data": [value]})] {
            prop_assert!(reading::read("crm", &mapping, &event).is_err());
            let stored = mapping.mapped_only(&event);
            prop_assert_eq!(mapping.mapped_only(&stored), stored);
        }
    }

    #[test]
    fn a_moment_is_the_same_in_every_writing(millis in 100_000_000_000..=253_402_300_799_999_i64) {
        let moment = TimestampMs(millis);
        let text = moment.to_string();
        let offset = text.replace('Z', "+0000");
        for value in [json!(millis), json!(millis.to_string()), json!(text), json!(offset)] {
            prop_assert_eq!(moment::parse(&value), Some(moment), "{}", value);
        }
    }
}
