//! Single values in every writing that a source may come up with: read exactly, or refused by field and value.

use processor::Outcome;
use schemas::record::{RawEvent, RawKind, Source};

use crate::facts::{check_insights, insights};
use crate::written::{raw, run};

#[test]
fn values_that_cannot_be_read_are_refused_by_field_and_value() {
    for (fields, code, quoted) in [
        (r#","spend":"NaN""#, "NUMBER_INVALID", "NaN"),
        (r#","spend":1e400"#, "NUMBER_INVALID", "1e400"),
        (r#","spend":"1000000000000000000""#, "NUMBER_INVALID", "larger than"),
        (r#","impressions":"1.5""#, "NUMBER_INVALID", "impressions is"),
        (r#","impressions":[]"#, "FIELD_INVALID", "impressions is"),
        (r#","account_currency":"usd""#, "CURRENCY_INVALID", "usd"),
        (r#","actions":7"#, "PAYLOAD_INVALID", "insights row"),
        (r#","spend":"1","spend":"2""#, "PAYLOAD_INVALID", "duplicate field"),
        (r#","spend":"#, "PAYLOAD_NOT_JSON", "insights row"),
    ] {
        check_insights(fields, Outcome::Rejected, code);
        check_insights(fields, Outcome::Rejected, quoted);
    }
    for (payload, code) in [
        (r#"{"date_start":"2026-10-01"}"#, "FIELD_MISSING"),
        (r#"{"campaign_id":"1"}"#, "FIELD_MISSING"),
        (r#"{"campaign_id":"","date_start":"2026-10-01"}"#, "FIELD_INVALID"),
        (r#"{"campaign_id":1.2e17,"date_start":"2026-10-01"}"#, "FIELD_INVALID"),
        (r#"{"campaign_id":"1","date_start":"2026-02-29"}"#, "DATE_INVALID"),
        (r#"{"campaign_id":"1","date_start":"2020-01-01"}"#, "TOO_OLD"),
        (r#"{"campaign_id":"1","date_start":"2026-09-01","date_stop":"2026-09-30"}"#, "RANGE_UNSUPPORTED"),
        ("[]", "PAYLOAD_INVALID"),
        ("", "PAYLOAD_NOT_JSON"),
    ] {
        let (outcome, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
        assert_eq!((outcome, written.rejections[0].code), (Outcome::Rejected, code), "{payload}");
    }
    let without_batch = RawEvent {
        batch: None,
        ..raw(Source::Facebook, RawKind::Metrics, b"{\"campaign_id\":1,\"date_start\":\"2026-10-01\"}")
    };
    assert_eq!(run(&without_batch).1.rejections[0].code, "BATCH_MISSING");
    assert_eq!(run(&raw(Source::Csv, RawKind::Metrics, b"1,2,3")).1.rejections[0].code, "READING_MISSING");
}

#[test]
fn a_number_is_the_same_as_a_text_and_as_a_number() {
    for (value, read) in [
        ("12", "Some(12)"),
        ("-0", "Some(0)"),
        ("-0.000", "Some(0)"),
        ("7.0", "Some(7)"),
        ("1000000000000", "Some(1000000000000)"),
    ] {
        for value in [value.to_owned(), format!("\"{value}\"")] {
            let fields = format!(r#","spend":"1","reach":{value},"impressions":1000000000000"#);
            check_insights(&fields, Outcome::Accepted, &format!("reach: {read}"));
        }
    }
    for (value, micros) in
        [("143.50", "143500000"), ("-0", "0"), ("0.0000005", "1"), ("100000000000", "100000000000000000")]
    {
        for value in [value.to_owned(), format!("\"{value}\"")] {
            let fields = format!(r#","spend":{value},"impressions":"1""#);
            check_insights(&fields, Outcome::Accepted, &format!("spend_micros: Some(Micros({micros}))"));
        }
    }
    let week = |value: &str| {
        let payload = format!(
            r#"{{"campaign_id":5,"date_start":"2026-09-25","date_stop":"2026-10-01","frequency":{value}}}"#
        );
        let (_, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
        written.events.first().map_or_else(|| written.rejections[0].code.to_owned(), |event| event.1.clone())
    };
    assert!(week("-0").contains("Some(0.0)") && week("\"-0\"").contains("Some(0.0)"));
    assert!(week("2.5").contains("Some(2.5)") && week("\"2.5\"").contains("Some(2.5)"));
    for value in ["1e400", "\"1e400\"", "\"NaN\"", "\"inf\"", "-1", "\"\""] {
        assert_eq!(week(value), "NUMBER_INVALID", "{value}");
    }
    assert_eq!(week("null"), "FIELD_MISSING");
}

#[test]
fn what_is_not_a_number_of_the_field_is_refused_and_never_rounded_to_one() {
    for value in [
        r#""""#,
        r#"" 1""#,
        r#""1 ""#,
        r#""1,000""#,
        r#""0x10""#,
        r#""NaN""#,
        r#""Infinity""#,
        r#""1e400""#,
        "1e400",
        "-1e-400",
        r#""1000000000000000000""#,
        "1000000000000000000",
        r#""--1""#,
        r#""-""#,
        r#"".""#,
        r#""١""#,
    ] {
        for field in ["spend", "impressions", "reach", "clicks", "inline_link_clicks"] {
            check_insights(&format!(r#","{field}":{value}"#), Outcome::Rejected, "NUMBER_INVALID");
        }
    }
    for value in ["1.5", "1.0000001", "\"3.00000000000000000001\"", "1000000000001"] {
        check_insights(&format!(r#","clicks":{value}"#), Outcome::Rejected, "NUMBER_INVALID");
    }
    for value in ["true", "{}", "[1]", r#"{"value":"1"}"#] {
        check_insights(&format!(r#","spend":{value}"#), Outcome::Rejected, "FIELD_INVALID");
    }
    for value in ["NaN", "Infinity", "-", "01", "+1", "1.", ".5"] {
        check_insights(&format!(r#","spend":{value}"#), Outcome::Rejected, "PAYLOAD_NOT_JSON");
    }
    check_insights(r#","spend":null,"impressions":null"#, Outcome::Incomplete, "spend_micros: None");
}

#[test]
fn ids_beyond_two_to_the_53rd_keep_every_digit() {
    for id in ["9007199254740993", "120210000000000001", "340282366920938463463374607431768211457"] {
        for written_as in [id.to_owned(), format!("\"{id}\"")] {
            let payload = format!(
                r#"{{"campaign_id":{written_as},"date_start":"2026-10-01","spend":1,"impressions":1}}"#
            );
            let (outcome, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
            assert_eq!(outcome, Outcome::Accepted);
            assert_eq!(written.events[0].0, Some(format!("facebook:1:{id}")));
        }
    }
}

fn named(name: &str) -> Result<String, &'static str> {
    let payload = format!("{{\"id\":\"7\",\"name\":{name}}}");
    let (_, written) = run(&raw(Source::Facebook, RawKind::Campaign, payload.as_bytes()));
    written.events.first().map(|event| event.1.clone()).ok_or_else(|| written.rejections[0].code)
}

#[test]
fn names_survive_character_for_character_or_are_refused() {
    for (json, name) in [
        (r#""Leads | Broad 🚀""#, "Leads | Broad 🚀"),
        (r#""\ud83d\ude80""#, "🚀"),
        (r#""\u0001\u001b[31m\n\t\r\u007f""#, "\u{1}\u{1b}[31m\n\t\r\u{7f}"),
        (r#""\u202e\ufeff\u2028""#, "\u{202e}\u{feff}\u{2028}"),
        ("\"\u{7f}\u{202e}\u{feff}\"", "\u{7f}\u{202e}\u{feff}"),
        (r#""\"\\\/""#, "\"\\/"),
        (r#""""#, ""),
    ] {
        let body = named(json).unwrap();
        assert!(body.contains(&format!("name: {:?}", Some(name))), "{json}: {body}");
    }
    assert_eq!(named(r#""\u0000""#), Err("FIELD_INVALID"));
    assert_eq!(named(r#""\ud83d""#), Err("FIELD_INVALID"));
    assert_eq!(named(r#""\ude80\ud83d""#), Err("FIELD_INVALID"));
    assert_eq!(named(&format!("\"{}\"", "é".repeat(513))), Err("FIELD_INVALID"));
    assert!(named(&format!("\"{}\"", "é".repeat(512))).is_ok());
    assert_eq!(named("\"a\nb\""), Err("PAYLOAD_NOT_JSON"));
    let not_utf8 = b"{\"id\":\"7\",\"name\":\"\xff\xfe\"}";
    assert_eq!(
        run(&raw(Source::Facebook, RawKind::Campaign, not_utf8)).1.rejections[0].code,
        "PAYLOAD_NOT_JSON"
    );
}

#[test]
fn a_day_is_a_date_without_a_time_and_a_moment_a_date_with_its_offset() {
    for (date, outcome) in [
        ("2026-10-01", Outcome::Incomplete),
        ("2024-02-29", Outcome::Incomplete),
        ("2023-02-29", Outcome::Rejected),
        ("2026-10-01T00:00:00+0000", Outcome::Rejected),
        ("2026-10-1", Outcome::Rejected),
        ("01.10.2026", Outcome::Rejected),
        ("20261001", Outcome::Rejected),
        ("２０２６-10-01", Outcome::Rejected),
        ("Ongoing", Outcome::Rejected),
        ("", Outcome::Rejected),
    ] {
        let payload = format!(r#"{{"campaign_id":"1","date_start":"{date}"}}"#);
        let (got, _) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
        assert_eq!(got, outcome, "{date}");
    }
    for (created, millis) in [
        (r#""2026-09-30T23:30:00-0700""#, Some(1_790_836_200_000_i64)),
        (r#""2026-09-30T23:30:00-07:00""#, Some(1_790_836_200_000)),
        (r#""2026-10-01T06:30:00Z""#, Some(1_790_836_200_000)),
        (r#""2026-10-01T12:15:00.250+0545""#, Some(1_790_836_200_250)),
        ("1790836200", Some(1_790_836_200_000)),
        (r#""1790836200""#, Some(1_790_836_200_000)),
        (r#""2026-09-30T23:30:00""#, None),
        (r#""2026-09-30""#, None),
        ("1790836200000", None),
        ("1790836200.5", None),
        ("-1", None),
        ("9223372036854775807", None),
        (r#""+262000-01-01T00:00:00Z""#, None),
    ] {
        let payload =
            format!(r#"{{"leadgen_id":55459717045641545,"campaign_id":"10","created_time":{created}}}"#);
        let (outcome, written) = run(&raw(Source::Facebook, RawKind::Lead, payload.as_bytes()));
        match millis {
            Some(millis) => {
                assert_eq!(outcome, Outcome::Accepted, "{created}");
                assert_eq!(written.leads[0].0, "facebook:55459717045641545");
                let expected = format!("created_at: Some(TimestampMs({millis}))");
                assert!(written.leads[0].1.contains(&expected), "{created}: {}", written.leads[0].1);
            }
            None => assert_eq!(outcome, Outcome::Rejected, "{created}"),
        }
    }
}

#[test]
fn bytes_around_and_below_an_object_are_refused_with_a_code() {
    let sound = insights(r#","spend":"1","impressions":"1""#);
    let deep = "[".repeat(60_000);
    let closed = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let objects = r#"{"a":"#.repeat(10_000);
    for (payload, code) in [
        (format!("\u{feff}{sound}"), "PAYLOAD_NOT_JSON"),
        (format!("{sound}x"), "PAYLOAD_NOT_JSON"),
        (format!("{sound}{sound}"), "PAYLOAD_NOT_JSON"),
        (format!("[{sound}]"), "PAYLOAD_INVALID"),
        (deep.clone(), "PAYLOAD_INVALID"),
        (objects.clone(), "PAYLOAD_NOT_JSON"),
        (insights(&format!(r#","x":{deep}"#)), "PAYLOAD_NOT_JSON"),
        (insights(&format!(r#","x":{objects}"#)), "PAYLOAD_NOT_JSON"),
        (insights(&format!(r#","spend":{closed}"#)), "FIELD_INVALID"),
        (insights(&format!(r#","actions":{closed}"#)), "PAYLOAD_INVALID"),
        (insights(r#","actions":[["lead","7"]]"#), "PAYLOAD_INVALID"),
        (insights(r#","actions":{"action_type":"lead"}"#), "PAYLOAD_INVALID"),
        (insights(r#","actions":[{"value":"7"}]"#), "PAYLOAD_INVALID"),
        (insights(r#","actions":[{"action_type":"lead","action_type":"x"}]"#), "PAYLOAD_INVALID"),
        (insights(r#","campaign_id":"2""#), "PAYLOAD_INVALID"),
        (insights(r#","actions":[{"action_type":"lead","value":{}}]"#), "FIELD_INVALID"),
    ] {
        let (outcome, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
        let shown = &payload[..payload.len().min(120)];
        assert_eq!((outcome, written.rejections[0].code), (Outcome::Rejected, code), "{shown}");
    }
    check_insights(
        &format!(r#","spend":1,"impressions":1,"x":{closed},"y":1,"y":2"#),
        Outcome::Accepted,
        "Micros(1000000)",
    );
}

#[test]
fn of_thousands_of_actions_one_is_chosen() {
    let others = r#"{"action_type":"post_engagement","value":"1"},"#.repeat(1_300);
    let fields = format!(
        r#","spend":1,"impressions":9,"actions":[{others}{{"action_type":"lead","value":"4","7d_click":[[1]]}}]"#
    );
    check_insights(&fields, Outcome::Accepted, "leads: Some(4)");
    check_insights(
        r#","spend":1,"impressions":9,"actions":[{"action_type":"lead","value":null}],"action_values":null"#,
        Outcome::Accepted,
        "leads: None",
    );
    check_insights(
        r#","spend":1,"impressions":9,"actions":[{"action_type":"l\u0065ad","value":3}]"#,
        Outcome::Accepted,
        "leads: Some(3)",
    );
}
