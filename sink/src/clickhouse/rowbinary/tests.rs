//! The encoding against known bytes, and against the client crate's own.

use std::sync::{Arc, Mutex};

use axum::body::Bytes as Body;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use schemas::record::{Header, Reason};
use serde::Serialize;
use serde_bytes::Bytes as SerdeBytes;

use super::*;

fn bytes_of(field: &impl Field) -> Vec<u8> {
    let mut out = Vec::new();
    field.put(&mut out);
    out
}

#[test]
fn lengths_are_leb128() {
    let encoded = |length| {
        let mut out = Vec::new();
        put_length(length, &mut out);
        out
    };
    assert_eq!(encoded(0), [0]);
    assert_eq!(encoded(127), [0x7f]);
    assert_eq!(encoded(128), [0x80, 1]);
    assert_eq!(encoded(624_485), [0xe5, 0x8e, 0x26]);
}

#[test]
fn each_kind_has_its_bytes() {
    assert_eq!(bytes_of(&"né"), [3, b'n', 0xc3, 0xa9]);
    assert_eq!(bytes_of(&Bytes(&[0, 0xff])), [2, 0, 0xff]);
    assert_eq!(bytes_of(&7_u8), [7]);
    assert_eq!(bytes_of(&-2_i32), [0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(bytes_of(&258_u64), [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes_of(&-1.0_f64), [0, 0, 0, 0, 0, 0, 0xf0, 0xbf]);
    assert_eq!(bytes_of(&true), [1]);
    assert_eq!(bytes_of(&Some(Day(1))), [0, 1, 0, 0, 0]);
    assert_eq!(bytes_of(&None::<Micros>), [1]);
    assert_eq!(bytes_of(&TimestampMs(-1)), [0xff; 8]);
    assert_eq!(bytes_of(&&["a", ""][..]), [2, 1, b'a', 0]);
}

#[test]
fn a_column_fits_only_if_it_reads_the_bytes_as_what_they_mean() {
    type Fits = fn(&str) -> bool;
    let kinds: [(&[&str], Fits); 8] = [
        (&["String", "LowCardinality(String)"], <&str>::fits),
        (&["Nullable(String)", "LowCardinality(Nullable(String))"], Option::<&str>::fits),
        (&["Array(String)", "Array(LowCardinality(String))"], <&[&str]>::fits),
        (&["Decimal(18, 6)", "Decimal(10, 6)"], Micros::fits),
        (&["DateTime64(3)", "DateTime64(3, 'UTC')", "DateTime64(3, 'Europe/Berlin')"], TimestampMs::fits),
        (&["Date32"], Day::fits),
        (&["Array(Tuple(String, Float64, Float64, LowCardinality(String)))"], <&[Reason<'_>]>::fits),
        (&["Int64"], i64::fits),
    ];
    let others =
        ["Decimal(18, 4)", "Decimal(38, 6)", "Decimal(9, 6)", "DateTime64(6, 'UTC')", "DateTime", "Date"];
    let tuples = ["Array(Tuple(String, Float64, Float64))", "Array(Tuple(String, Float64, String, Float64))"];
    let more = ["Nullable(Int64)", "Int32", "UInt64", "Bool", "FixedString(3)", "Map(String, String)", ""];
    for (index, (_, fits)) in kinds.iter().enumerate() {
        for (other, (columns, _)) in kinds.iter().enumerate() {
            columns.iter().for_each(|column| assert_eq!(fits(column), index == other, "{index}: {column}"));
        }
        others
            .iter()
            .chain(&tuples)
            .chain(&more)
            .for_each(|column| assert!(!fits(column), "{index}: {column}"));
    }
}

rows! {
    struct Ours<'a> {
        text: &'a str,
        bytes: Bytes<'a>,
        float: f64,
        long: i64,
        int: i32,
        offset: u64,
        small: u8,
        flag: bool,
        maybe: Option<i64>,
        maybe_text: Option<&'a str>,
        maybe_bytes: Option<Bytes<'a>>,
        money: Option<Micros>,
        day: Day,
        at: TimestampMs,
        texts: &'a [&'a str],
        reasons: &'a [Reason<'a>],
        headers: &'a [Header<'a>],
    }
}

#[derive(::clickhouse::Row, Serialize)]
struct Theirs<'a> {
    text: &'a str,
    bytes: &'a SerdeBytes,
    float: f64,
    long: i64,
    int: i32,
    offset: u64,
    small: u8,
    flag: bool,
    maybe: Option<i64>,
    maybe_text: Option<&'a str>,
    maybe_bytes: Option<&'a SerdeBytes>,
    money: Option<i64>,
    day: i32,
    at: i64,
    texts: Vec<&'a str>,
    reasons: Vec<(&'a str, f64, f64, &'a str)>,
    headers: Vec<(&'a str, &'a SerdeBytes)>,
}

/// What both rows are made of.
type Seed =
    (String, Vec<u8>, f64, (i64, i32, u64, u8), bool, Option<i64>, Option<String>, Vec<(String, Vec<u8>)>);

fn seeds() -> impl Strategy<Value = Seed> {
    let text = || proptest::string::string_regex("[a-zä€]{0,150}").expect("a good pattern");
    let bytes = || vec(any::<u8>(), 0..300);
    let pairs = vec((text(), bytes()), 0..4);
    let numbers = (any::<i64>(), any::<i32>(), any::<u64>(), any::<u8>());
    (
        text(),
        bytes(),
        any::<f64>(),
        numbers,
        any::<bool>(),
        any::<Option<i64>>(),
        proptest::option::of(text()),
        pairs,
    )
}

fn ours(
    (text, bytes, float, (long, int, offset, small), flag, maybe, maybe_text, pairs): &Seed,
    out: &mut Vec<u8>,
) {
    let texts: Vec<&str> = pairs.iter().map(|(text, _)| &**text).collect();
    let reason = |text| Reason { code: text, figure: *float, target: -*float, sentence: text };
    let reasons: Vec<Reason<'_>> = texts.iter().copied().map(reason).collect();
    let headers: Vec<Header<'_>> = pairs.iter().map(|(name, value)| Header { name, value }).collect();
    let row = Ours {
        text,
        bytes: Bytes(bytes),
        float: *float,
        long: *long,
        int: *int,
        offset: *offset,
        small: *small,
        flag: *flag,
        maybe: *maybe,
        maybe_text: maybe_text.as_deref(),
        maybe_bytes: maybe.map(|_| Bytes(bytes)),
        money: maybe.map(Micros),
        day: Day(*int),
        at: TimestampMs(*long),
        texts: &texts,
        reasons: &reasons,
        headers: &headers,
    };
    row.put(out);
}

fn theirs(
    (text, bytes, float, (long, int, offset, small), flag, maybe, maybe_text, pairs): &Seed,
) -> Theirs<'_> {
    Theirs {
        text,
        bytes: SerdeBytes::new(bytes),
        float: *float,
        long: *long,
        int: *int,
        offset: *offset,
        small: *small,
        flag: *flag,
        maybe: *maybe,
        maybe_text: maybe_text.as_deref(),
        maybe_bytes: maybe.map(|_| SerdeBytes::new(bytes)),
        money: *maybe,
        day: *int,
        at: *long,
        texts: pairs.iter().map(|(text, _)| &**text).collect(),
        reasons: pairs.iter().map(|(text, _)| (&**text, *float, -*float, &**text)).collect(),
        headers: pairs.iter().map(|(name, value)| (&**name, SerdeBytes::new(value))).collect(),
    }
}

#[tokio::test]
async fn rows_lie_on_the_wire_as_the_client_crate_writes_them() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app =
        axum::Router::new().fallback(move |body: Body| async move { *kept.lock().unwrap() = body.to_vec() });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = ::clickhouse::Client::default()
        .with_url(url)
        .with_compression(::clickhouse::Compression::None)
        .with_validation(false);

    let mut runner = TestRunner::deterministic();
    let mut insert = client.insert::<Theirs<'_>>("t").await.unwrap();
    let mut expected = Vec::new();
    for _ in 0..300 {
        let seed = seeds().new_tree(&mut runner).unwrap().current();
        ours(&seed, &mut expected);
        insert.write(&theirs(&seed)).await.unwrap();
    }
    insert.end().await.unwrap();
    let received = received.lock().unwrap();
    assert!(expected.len() > 100_000, "rows worth comparing");
    assert!(*received == expected, "{} bytes of theirs, {} of ours", received.len(), expected.len());
}
