//! Hostile payloads: whatever the bytes, a record has one outcome, a bounded sentence, and nothing said if refused.

use proptest::prelude::*;
use schemas::TimestampMs;
use schemas::record::{RawEvent, RawKind, Source};

use crate::written::{NOW, raw, run};

/// A sound payload of every kind, each with every field that its parser reads.
const SOUND: [(RawKind, &str); 8] = [
    (
        RawKind::Metrics,
        concat!(
            r#"{"campaign_id":"120210000000000001","account_currency":"USD","date_start":"2026-10-01","#,
            r#""date_stop":"2026-10-01","spend":"143.50","impressions":"18500","reach":14100,"frequency":"1.3","#,
            r#""clicks":"520","inline_link_clicks":"410","actions":[{"action_type":"lead","value":"9","7d_click":"8"}],"#,
            r#""action_values":[{"action_type":"omni_purchase","value":"310.00"}]}"#
        ),
    ),
    (
        RawKind::Metrics,
        r#"{"campaign_id":5,"date_start":"2026-09-25","date_stop":"2026-10-01","impressions":9,"reach":"4","frequency":2.31}"#,
    ),
    (
        RawKind::Campaign,
        concat!(
            r#"{"id":"7","name":"Leads \u00e4 \ud83d\ude80","status":"PAUSED","effective_status":"ACTIVE","#,
            r#""objective":"OUTCOME_LEADS","daily_budget":"5000","lifetime_budget":null}"#
        ),
    ),
    (
        RawKind::Fatigue,
        concat!(
            r#"{"ad_account_id":1,"adgroup_id":99,"campaign_id":120210000000000001,"#,
            r#""creative_fatigue_level":"HIGH","creative_fatigue_message":"Tired \ud83d\ude34"}"#
        ),
    ),
    (RawKind::Lead, r#"{"id":"55","campaign_id":"10","created_time":"2026-09-30T20:00:00-0700"}"#),
    (
        RawKind::Lead,
        r#"{"leadgen_id":55459717045641545,"page_id":"516540199134611","created_time":1790836200}"#,
    ),
    (
        RawKind::Account,
        r#"{"account_id":"1","id":"act_1","name":"Acme","currency":"USD","timezone_name":"UTC","account_status":1}"#,
    ),
    (RawKind::Account, r#"{"failure":{"code":"TOKEN_INVALID","message":"It expired."}}"#),
];

/// Payloads are kept below this here; the sources' own limits are tested where they are.
const PAYLOAD_BYTES_MAX: usize = 64 * 1_024;

/// Pieces that sources, encoders and attackers put where they do not belong.
fn any_piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<Vec<u8>> = [
        "null",
        "NaN",
        "1e400",
        "-1e400",
        "\"1e400\"",
        "-0",
        "\"-0\"",
        "1000000000000000000",
        "\"9007199254740993\"",
        "true",
        "{}",
        "[]",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\u001b[2J\"",
        "\"🚀\"",
        "\u{feff}",
        "\u{202e}",
        "-0700",
        "2026-10-01T00:00:00-0700",
        ",",
        ":",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "0",
        "-",
        "access_token=",
        "\"spend\":",
        "\"id\":",
        "\"failure\":",
        "\"campaign_id\":",
    ]
    .iter()
    .map(|piece| piece.as_bytes().to_vec())
    .chain([vec![0xff], vec![0], vec![0xed, 0xa0, 0x80], vec![0xc0, 0x80]])
    .collect();
    prop_oneof![
        8 => proptest::sample::select(pieces),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => (1..20_000_usize, proptest::sample::select(vec![b'[', b'{', b'9', b'x', b' ', b'-', 0x80]))
            .prop_map(|(times, byte)| vec![byte; times]),
    ]
}

type Edit = (prop::sample::Index, prop::sample::Index, Vec<u8>);

/// Replaces a stretch of the payload, which may be empty, by a piece. Half of the edits keep to whole values.
fn edited(mut payload: Vec<u8>, edits: &[(bool, Edit)]) -> Vec<u8> {
    for (whole, (from, to, piece)) in edits {
        let borders: Vec<usize> = if *whole {
            let at_border = |at: &usize| {
                *at == payload.len()
                    || b",:{}[]".contains(&payload[*at])
                    || (*at > 0 && b",:{}[]".contains(&payload[at - 1]))
            };
            (0..=payload.len()).filter(at_border).collect()
        } else {
            (0..=payload.len()).collect()
        };
        let (from, to) = (borders[from.index(borders.len())], borders[to.index(borders.len())]);
        // Short stretches, so that most of the payload stays sound.
        let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 24));
        payload.splice(from..to, piece.iter().copied());
    }
    payload.truncate(PAYLOAD_BYTES_MAX);
    payload
}

#[test]
fn the_payloads_to_be_spoilt_are_sound() {
    for (kind, payload) in SOUND {
        let (_, written) = run(&raw(Source::Facebook, kind, payload.as_bytes()));
        assert!(written.rejections.is_empty(), "{payload}: {:?}", written.rejections);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_bytes_make_it_panic_and_each_record_has_one_outcome(
        payload in proptest::collection::vec(any::<u8>(), 0..300), kind in 0..SOUND.len()
    ) {
        run(&raw(Source::Facebook, SOUND[kind].0, &payload));
    }

    #[test]
    fn no_spoilt_payload_makes_it_panic_and_each_record_has_one_outcome(
        kind in 0..SOUND.len(),
        edits in proptest::collection::vec(
            (any::<bool>(), (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any_piece())), 1..4),
        observed_at in prop_oneof![9 => Just(NOW), 1 => any::<i64>().prop_map(TimestampMs)],
        known in any::<bool>()
    ) {
        let (kind, payload) = SOUND[kind];
        let payload = edited(payload.as_bytes().to_vec(), &edits);
        let record = RawEvent { observed_at, ..raw(Source::Facebook, kind, &payload) };
        run(&if known { record } else { RawEvent { time_zone: None, currency: None, batch: None, ..record } });
    }

    #[test]
    fn no_text_of_the_record_itself_makes_it_panic(
        kind in 0..SOUND.len(), text in "\\PC{0,40}|[\\x00-\\x1f:%]{1,9}", which in 0..5_usize
    ) {
        let (kind, payload) = SOUND[kind];
        let record = raw(Source::Facebook, kind, payload.as_bytes());
        run(&match which {
            0 => RawEvent { platform: &text, ..record },
            1 => RawEvent { account_id: &text, ..record },
            2 => RawEvent { time_zone: Some(&text), ..record },
            3 => RawEvent { currency: Some(&text), ..record },
            _ => RawEvent { message_id: &text, ..record },
        });
    }
}
