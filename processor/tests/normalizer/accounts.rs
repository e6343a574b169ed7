//! Ad accounts: observed, or not to be read.

use std::sync::Arc;

use processor::{Normalizer, Outcome, Policy};
use schemas::record::{RawEvent, RawKind, Source};

use crate::written::{Written, at, raw, run};

fn account(payload: &str) -> (Outcome, Written) {
    run(&raw(Source::Facebook, RawKind::Account, payload.as_bytes()))
}

#[test]
fn an_account_is_told_under_its_key_with_what_the_object_says_before_the_record() {
    let (outcome, written) = account(
        r#"{"id":"act_1","name":"Acme","currency":"EUR","timezone_name":"Europe/Berlin","account_status":3}"#,
    );
    assert_eq!((outcome, written.events[0].0.as_deref()), (Outcome::Accepted, Some("facebook:1")));
    let body = &written.events[0].1;
    for part in ["Acme", "UNSETTLED", "Europe/Berlin", "EUR", "failure_code: None"] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    let (_, written) = account(r#"{"account_id":1}"#);
    assert!(written.events[0].1.contains("America/Los_Angeles") && written.events[0].1.contains("USD"));
}

#[test]
fn a_failure_is_told_under_the_accounts_key() {
    let (outcome, written) =
        account(r#"{"failure":{"code":"TOKEN_INVALID","message":"(#190) It expired."}}"#);
    assert_eq!((outcome, written.events[0].0.as_deref()), (Outcome::Accepted, Some("facebook:1")));
    assert!(written.events[0].1.contains("TOKEN_INVALID") && written.events[0].1.contains("It expired."));
}

#[test]
fn the_key_of_an_account_escapes_its_parts() {
    let payload = br#"{"id":"a:b%"}"#;
    let record = RawEvent { account_id: "a:b%", ..raw(Source::Facebook, RawKind::Account, payload) };
    assert_eq!(run(&record).1.events[0].0.as_deref(), Some("facebook:a%3Ab%25"));
}

#[test]
fn an_account_that_cannot_be_told_is_refused() {
    for (payload, code) in [
        (r#"{"id":"act_2"}"#, "FIELD_INVALID"),
        (r#"{"name":"Acme"}"#, "FIELD_MISSING"),
        (r#"{"id":"1","currency":"usd"}"#, "CURRENCY_INVALID"),
        (r#"{"id":"1","timezone_name":"Mars/Olympus"}"#, "TIME_ZONE_INVALID"),
        (r#"{"id":"1","account_status":"?"}"#, "FIELD_INVALID"),
        (r#"{"failure":{"code":"token","message":"x"}}"#, "FIELD_INVALID"),
        ("[]", "PAYLOAD_INVALID"),
        ("{", "PAYLOAD_NOT_JSON"),
    ] {
        let (outcome, written) = account(payload);
        assert_eq!((outcome, written.rejections[0].code), (Outcome::Rejected, code), "{payload}");
    }
}

#[test]
fn the_policys_zone_and_currency_go_before_both() {
    let policy = "[accounts.\"facebook:1\"]\ntime_zone = \"Asia/Tokyo\"\ncurrency = \"JPY\"";
    let mut normalizer = Normalizer::new(Arc::new(Policy::from_toml(policy).unwrap()));
    let mut written = Written::default();
    let payload = br#"{"id":"1","currency":"EUR","timezone_name":"Mars/Olympus"}"#;
    let record = raw(Source::Facebook, RawKind::Account, payload);
    assert_eq!(normalizer.apply(&record, &at(0), &mut written), Ok(Outcome::Accepted));
    assert!(written.events[0].1.contains("Asia/Tokyo") && written.events[0].1.contains("JPY"));
}
