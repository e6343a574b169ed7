//! The CRM door over its whole surface, with a log in memory behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use ingest::webhook::{CrmLimits, CrmSource, Secret, SourceClock, router, sign};
use ingest::{Ack, Record, RecordSink, SinkError};
use proptest::prelude::*;
use schemas::record::{DeadLetter, RawEvent, Reading};
use schemas::{Schemas, TimestampMs, Topic};
use tower::ServiceExt as _;

const NOW_S: i64 = 1_790_920_800;
const GOOD: &str = r#"{"type":"lead.won","timestamp":"2026-10-02T05:00:00Z","email":"a@example.org","data":{"lead_id":"L-1","campaign":"c1","amount":"12.50","currency":"EUR"}}"#;

type Kept = (Topic, Option<String>, Vec<u8>);

/// Keeps encoded records, or fails as it is told.
#[derive(Clone, Default)]
struct Log {
    records: Arc<Mutex<Vec<Kept>>>,
    fails: Option<SinkError>,
}

impl RecordSink for Log {
    fn send(&self, record: Record<'_>) -> Ack {
        let mut encoder = Schemas::compiled().encoder(record.topic());
        let mut bytes = Vec::new();
        let key = match record {
            Record::Raw { key, event, .. } => {
                encoder.encode(event, &mut bytes).map(|()| Some(key.to_owned()))
            }
            Record::Refused { key, letter } => {
                encoder.encode(letter, &mut bytes).map(|()| key.map(str::to_owned))
            }
        };
        let (log, topic, fails) = (self.clone(), record.topic(), self.fails);
        Box::pin(async move {
            if let Some(error) = fails {
                return Err(error);
            }
            log.records.lock().unwrap().push((topic, key.unwrap(), bytes));
            Ok(())
        })
    }
}

fn secret() -> Secret {
    Secret::from_bytes(&[9; 32]).unwrap()
}

fn source() -> CrmSource {
    CrmSource::new("crm", "acc", vec![secret()])
}

fn door(source: CrmSource, log: &Log) -> Router {
    let limits = CrmLimits { body_bytes_max: 4_096, events_max: 10, ..CrmLimits::default() };
    router(vec![source], limits, Arc::new(|| TimestampMs(NOW_S * 1_000)), log.clone()).unwrap()
}

fn signed(body: &[u8]) -> Request<Body> {
    Request::post("/webhooks/crm/crm")
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", NOW_S.to_string())
        .header("webhook-signature", sign(&secret(), "msg_1", NOW_S, body))
        .body(Body::from(body.to_vec()))
        .unwrap()
}

fn answer(door: Router, request: Request<Body>) -> (StatusCode, Response<()>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (parts, body) = door.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    })
}

fn post(log: &Log, body: &str) -> StatusCode {
    answer(door(source(), log), signed(body.as_bytes())).0
}

/// Runs `look` on each record of the log, decoded.
fn records(log: &Log) -> (Vec<String>, Vec<String>) {
    let (mut raw, mut dead) = (Vec::new(), Vec::new());
    for (topic, key, bytes) in &*log.records.lock().unwrap() {
        let mut decoder = Schemas::compiled().decoder();
        if *topic == Topic::RawCrm {
            let event: RawEvent<'_> = decoder.decode(Some(bytes)).unwrap();
            let Some(Reading::LeadReading(reading)) = event.reading else { panic!("no reading") };
            assert_eq!(key.as_deref(), Some(reading.lead_key), "the record key is the lead's");
            let payload = String::from_utf8(event.payload.to_vec()).unwrap();
            raw.push(format!(
                "{} {} {:?} {} {payload}",
                event.message_id, event.account_id, reading.stage, event.observed_at.0
            ));
        } else {
            let letter: DeadLetter<'_> = decoder.decode(Some(bytes)).unwrap();
            assert_eq!((letter.stage, letter.key), ("crm", key.as_deref().map(str::as_bytes)));
            let payload = String::from_utf8(letter.payload.to_vec()).unwrap();
            dead.push(format!("{} {} {payload}", letter.locator, letter.reason_code));
        }
    }
    (raw, dead)
}

#[test]
fn a_signed_event_is_written_without_what_is_not_mapped() {
    let log = Log::default();
    assert_eq!(post(&log, GOOD), StatusCode::ACCEPTED);
    let (raw, dead) = records(&log);
    assert!(dead.is_empty());
    let payload = r#"{"data":{"amount":"12.50","campaign":"c1","currency":"EUR","lead_id":"L-1"},"timestamp":"2026-10-02T05:00:00Z","type":"lead.won"}"#;
    assert_eq!(raw, [format!("msg_1 acc Won {} {payload}", NOW_S * 1_000)]);
}

#[test]
fn a_source_may_keep_its_bytes_and_may_bring_its_own_clock() {
    let log = Log::default();
    let source = CrmSource { keep_payload: true, clock: SourceClock::Data, ..source() };
    assert_eq!(answer(door(source, &log), signed(GOOD.as_bytes())).0, StatusCode::ACCEPTED);
    assert_eq!(records(&log).0, [format!("msg_1 acc Won 1790917200000 {GOOD}")]);
}

#[test]
fn a_sender_whose_clock_runs_ahead_does_not_carry_the_log_into_the_future() {
    let log = Log::default();
    let source = CrmSource { clock: SourceClock::Data, ..source() };
    let body = GOOD.replace("2026-10-02T05:00:00Z", "2099-10-02T05:00:00Z");
    assert_eq!(answer(door(source, &log), signed(body.as_bytes())).0, StatusCode::ACCEPTED);
    assert!(records(&log).0[0].starts_with(&format!("msg_1 acc Won {} ", NOW_S * 1_000)));
}

#[test]
fn one_bad_event_among_good_ones_is_a_dead_letter_and_the_request_succeeds() {
    let log = Log::default();
    let body = format!(
        r#"[{GOOD}, {{"type":"lead.sneezed","email":"a@example.org","data":{{"lead_id":"L-2"}}}}, 7, {GOOD}, {{"n":1e999}}]"#
    );
    assert_eq!(post(&log, &body), StatusCode::ACCEPTED);
    let (raw, dead) = records(&log);
    assert_eq!(raw.len(), 2);
    assert!(raw[1].starts_with("msg_1#3 "), "{raw:?}");
    assert_eq!(
        dead,
        [
            r#"crm:msg_1#1 TYPE_UNKNOWN {"data":{"lead_id":"L-2"},"type":"lead.sneezed"}"#,
            "crm:msg_1#2 NOT_AN_OBJECT {}",
            "crm:msg_1#4 JSON_UNREADABLE {}",
        ]
    );
}

#[test]
fn an_unknown_source_a_wrong_signature_and_a_stale_one_get_the_same_answer() {
    let log = Log::default();
    let mut unknown = signed(GOOD.as_bytes());
    *unknown.uri_mut() = "/webhooks/crm/nobody".parse().unwrap();
    let mut forged = signed(GOOD.as_bytes());
    *forged.body_mut() = Body::from(GOOD.replace("12.50", "99.50"));
    let mut stale = signed(GOOD.as_bytes());
    let old_s = NOW_S - 301;
    let signature = sign(&secret(), "msg_1", old_s, GOOD.as_bytes());
    stale.headers_mut().insert("webhook-timestamp", old_s.into());
    stale.headers_mut().insert("webhook-signature", signature.parse().unwrap());
    let unsigned = Request::post("/webhooks/crm/crm").body(Body::from(GOOD)).unwrap();
    let answers = [unknown, forged, stale, unsigned].map(|request| {
        let (status, response, body) = answer(door(source(), &log), request);
        (status, response.headers()["content-type"].clone(), body)
    });
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert_eq!(answers[0].1, "application/problem+json");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(records(&log), (vec![], vec![]), "nothing is written");
}

#[test]
fn what_is_not_an_event_request_has_its_own_answer() {
    let log = Log::default();
    for (body, status) in [
        ("not json", StatusCode::BAD_REQUEST),
        ("", StatusCode::BAD_REQUEST),
        ("[1,", StatusCode::BAD_REQUEST),
        (&"[1]".repeat(2), StatusCode::BAD_REQUEST),
        ("[1,2,3,4,5,6,7,8,9,10,11]", StatusCode::PAYLOAD_TOO_LARGE),
        (&" ".repeat(4_097), StatusCode::PAYLOAD_TOO_LARGE),
        ("[]", StatusCode::ACCEPTED),
    ] {
        assert_eq!(post(&log, body), status, "{body}");
    }
    let get = Request::get("/webhooks/crm/crm").body(Body::empty()).unwrap();
    let (status, response, _) = answer(door(source(), &log), get);
    assert_eq!(
        (status, &response.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    let mut zipped = signed(GOOD.as_bytes());
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(answer(door(source(), &log), zipped).0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(records(&log), (vec![], vec![]));
}

#[test]
fn what_the_log_does_not_acknowledge_is_not_acknowledged() {
    let retry_after = Duration::from_secs(7);
    for (error, status) in [
        (SinkError::Unavailable { retry_after }, StatusCode::SERVICE_UNAVAILABLE),
        (SinkError::Overloaded { retry_after }, StatusCode::TOO_MANY_REQUESTS),
    ] {
        let log = Log { fails: Some(error), ..Log::default() };
        let (answered, response, _) = answer(door(source(), &log), signed(GOOD.as_bytes()));
        assert_eq!((answered, response.headers()["retry-after"].to_str().unwrap()), (status, "7"));
    }
    let limits = CrmLimits { in_flight_max: 0, ..CrmLimits::default() };
    let full = router(vec![source()], limits, Arc::new(|| TimestampMs(0)), Log::default()).unwrap();
    assert_eq!(answer(full, signed(GOOD.as_bytes())).0, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn a_source_that_cannot_work_is_refused_at_the_start() {
    let make = |sources| {
        router(sources, CrmLimits::default(), Arc::new(|| TimestampMs(0)), Log::default()).map(|_| ())
    };
    assert!(make(vec![source()]).is_ok());
    assert!(make(vec![source(), source()]).is_err());
    assert!(make(vec![CrmSource { secrets: vec![], ..source() }]).is_err());
    assert!(make(vec![CrmSource { name: "a/b".into(), ..source() }]).is_err());
    assert!(make(vec![CrmSource { account_id: String::new(), ..source() }]).is_err());
}

#[test]
fn the_lead_events_of_the_contract_are_what_the_door_writes() {
    let log = Log::default();
    let body = r#"{"type": "lead.won", "timestamp": "2026-10-02T05:00:00Z", "data": {"lead_id": "L-1", "campaign": "120210000000000001", "amount": "2500.00", "currency": "USD"}}"#;
    let source = CrmSource { keep_payload: true, ..CrmSource::new("crm", "123456789012345", vec![secret()]) };
    assert_eq!(answer(door(source, &log), signed(body.as_bytes())).0, StatusCode::ACCEPTED);
    let text = include_str!("../../schemas/examples/raw_event.json");
    let examples: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let example = examples.iter().find(|example| example["kind"] == "LEAD").unwrap();
    let records = log.records.lock().unwrap();
    let event: RawEvent<'_> = Schemas::compiled().decoder().decode(Some(&records[0].2)).unwrap();
    let mut written = serde_json::to_value(&event).unwrap();
    let payload = std::str::from_utf8(event.payload).unwrap();
    assert_eq!(payload, example["payload"].as_str().unwrap());
    written["payload"] = example["payload"].clone();
    written["message_id"] = example["message_id"].clone();
    assert_eq!(written, *example);
}

proptest! {
    #[test]
    fn any_signed_bytes_are_answered_and_every_event_has_one_outcome(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let log = Log::default();
        let status = answer(door(source(), &log), signed(&bytes)).0;
        prop_assert!(status == StatusCode::ACCEPTED || status == StatusCode::BAD_REQUEST, "{}", status);
    }

    #[test]
    fn any_json_is_answered_and_every_event_has_one_outcome(
        events in prop::collection::vec("(\\{\"type\":\"lead[.](won|x)\",\"timestamp\":[1-9][0-9]{0,19},\"data\":\\{\"lead_id\":[1-9][0-9]{0,24}\\}\\}|[1-9]|null|\"x\"|\\[\\[\\]\\])", 0..8),
    ) {
        let log = Log::default();
        prop_assert_eq!(post(&log, &format!("[{}]", events.join(","))), StatusCode::ACCEPTED);
        let (raw, dead) = records(&log);
        prop_assert_eq!(raw.len() + dead.len(), events.len());
    }
}
