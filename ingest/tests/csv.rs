//! CSV files end to end: the fixtures, made up with the quirks of real exports, and the real exports where they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ingest::csv::{CsvItem, CsvOptions, CsvPlan, CsvSummary, Field, ObservedAt, plan};
use ingest::{CsvError, SendError};
use schemas::record::Reading;
use schemas::{Day, Micros, Schemas, TimestampMs, Topic};

/// What a file came to, as its sink sees it.
#[derive(Default, Debug, PartialEq)]
struct Sent {
    /// Spend micros, impressions, link clicks, leads, purchases of each record key.
    campaigns: BTreeMap<String, [i64; 5]>,
    /// (row_index, row_count) of each (key, day), in order.
    seats: BTreeMap<(String, Day), Vec<(i32, i32)>>,
    /// Locator, reason and payload of each dead letter.
    refused: Vec<(String, String, Vec<u8>)>,
    names: BTreeMap<String, Option<String>>,
    payloads: Vec<Vec<u8>>,
}

fn send(plan: &CsvPlan) -> (Sent, CsvSummary) {
    let schemas = Schemas::compiled();
    let (mut raw, mut dead) = (schemas.encoder(Topic::RawCsv), schemas.encoder(Topic::DeadLetters));
    let (mut sent, mut buffer) = (Sent::default(), Vec::new());
    let summary = plan.send(
        |item| {
            buffer.clear();
            match item {
                CsvItem::Event { key, event } => {
                    raw.encode(event, &mut buffer).unwrap();
                    let Some(Reading::MetricsReading(reading)) = event.reading else { panic!("no reading") };
                    let sums = sent.campaigns.entry(key.to_owned()).or_default();
                    let f = reading.figures;
                    let figures =
                        [f.spend_micros.map(|m| m.0), f.impressions, f.link_clicks, f.leads, f.purchases];
                    sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure.unwrap_or(0));
                    let batch = event.batch.unwrap();
                    let seats = sent.seats.entry((key.to_owned(), reading.day)).or_default();
                    seats.push((batch.row_index, batch.row_count));
                    sent.names.insert(key.to_owned(), reading.campaign_name.map(str::to_owned));
                    sent.payloads.push(event.payload.to_vec());
                }
                CsvItem::Refused { letter } => {
                    dead.encode(letter, &mut buffer).unwrap();
                    let line = letter.locator.rsplit_once(':').unwrap().1.to_owned();
                    sent.refused.push((line, letter.reason_code.to_owned(), letter.payload.to_vec()));
                }
            }
            Ok::<(), ()>(())
        },
        |_| (),
    );
    let summary = summary.unwrap();
    let refused: u64 = summary.refused.values().sum();
    assert_eq!(summary.rows, summary.accepted + refused, "every row has one outcome");
    assert_eq!(summary.accepted, plan.report().accepted, "the passes agree");
    for (pair, seats) in &sent.seats {
        let count = i32::try_from(seats.len()).unwrap();
        let want: Vec<(i32, i32)> = (0..count).map(|index| (index, count)).collect();
        assert_eq!(*seats, want, "{pair:?}");
    }
    (sent, summary)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn with_ad_names() -> CsvOptions {
    CsvOptions { map: vec![("Ad name".to_owned(), Field::Campaign)], ..CsvOptions::default() }
}

fn on(day: &str) -> CsvOptions {
    CsvOptions { date: Day::parse(day), ..CsvOptions::default() }
}

#[test]
fn a_file_of_cr_lines_without_dates_gets_the_day_it_is_given() {
    let path = fixture("kag_like.csv");
    assert!(
        matches!(plan(&path, &CsvOptions::default()), Err(CsvError::ColumnMissing { field, .. }) if field == "day")
    );
    let plan = plan(&path, &on("2026-03-01")).unwrap();
    let report = plan.report();
    assert_eq!((report.line_end, report.profile.as_str(), report.rows), ("CR", "kag", 24));
    assert_eq!(report.currency.as_deref(), Some("USD"));
    assert_eq!(report.observed_at, Day::parse("2026-03-02").unwrap().midnight_utc());
    let (sent, summary) = send(&plan);
    assert_eq!((summary.accepted, summary.campaigns, summary.repeated_keys), (24, 3, 3));
    // 1.37 × (0 + 3 + … + 21), impressions 8 × 1000 + 37 × 84, leads 8 × 1, purchases every second of eight.
    assert_eq!(sent.campaigns["facebook:default:501"], [115_080_000, 11_108, 0, 8, 4]);
    assert_eq!(sent.payloads[0], b"900000,501,20000,30-34,M,10,1000,0,0.000000000,1,0");
}

#[test]
fn rows_of_one_name_and_day_add_up_and_names_are_keys_only_when_asked() {
    let path = fixture("ads_manager_daily.csv");
    let error = plan(&path, &CsvOptions::default()).unwrap_err();
    assert!(matches!(&error, CsvError::ColumnMissing { field, .. } if field == "campaign"), "{error}");
    let plan = plan(&path, &with_ad_names()).unwrap();
    let (sent, summary) = send(&plan);
    assert_eq!((summary.rows, summary.accepted, summary.keys, summary.repeated_keys), (16, 16, 12, 4));
    assert_eq!(summary.spend, BTreeMap::from([("USD".to_owned(), Micros(1_394_000_000))]));
    assert_eq!((summary.impressions, summary.link_clicks), (136_000, 952));
    assert_eq!((summary.leads, summary.purchases), (3 + 6 + 9 + 15, 1 + 2 + 5 + 7 + 10 + 11 + 13 + 14));
    let key = "facebook:default:Video A, wide";
    assert_eq!(sent.seats[&(key.to_owned(), Day::parse("2026-03-01").unwrap())], [(0, 2), (1, 2)]);
    assert_eq!(sent.names[key].as_deref(), Some("Video A, wide"));
    assert!(sent.campaigns.contains_key("facebook:default:Still \"B\""));
}

#[test]
fn another_language_encoding_and_number_style_are_understood() {
    let plan = plan(&fixture("russian_utf16.tsv"), &CsvOptions::default()).unwrap();
    let report = plan.report();
    assert_eq!((report.encoding, report.delimiter, report.line_end), ("UTF-16LE", '\t', "CRLF"));
    assert_eq!(report.columns[5].field, None, "the price of results is not the results");
    assert_eq!(report.columns[3].style, Some("1.234,56"));
    let (sent, summary) = send(&plan);
    assert_eq!(summary.spend, BTreeMap::from([("UAH".to_owned(), Micros(1_245_000_000))]));
    assert_eq!(sent.campaigns["facebook:default:77"], [1_235_000_000, 13_579, 0, 3, 0]);
    assert_eq!((summary.totals_skipped(), summary.broken(), summary.results_not_mapped), (1, 0, 1));
    let file = std::fs::read(fixture("russian_utf16.tsv")).unwrap();
    for payload in sent.payloads.iter().chain(sent.refused.iter().map(|(_, _, payload)| payload)) {
        assert!(file.windows(payload.len()).any(|window| window == payload), "the bytes exactly as received");
    }
}

#[test]
fn broken_rows_are_dead_letters_with_line_reason_and_bytes_and_the_good_ones_land() {
    let plan = plan(&fixture("broken_semicolon.csv"), &CsvOptions::default()).unwrap();
    assert_eq!((plan.report().encoding, plan.report().delimiter), ("windows-1252", ';'));
    assert!(plan.report().notes.iter().any(|note| note.contains("windows-1252")));
    let (sent, summary) = send(&plan);
    let refused: Vec<(&str, &str)> =
        sent.refused.iter().map(|(line, code, _)| (line.as_str(), code.as_str())).collect();
    assert_eq!(
        refused,
        [
            ("3", "NUMBER_INVALID"),
            ("4", "DATE_INVALID"),
            ("5", "PERIOD_TOTAL"),
            ("6", "NUMBER_NEGATIVE"),
            ("7", "COLUMN_COUNT"),
            ("8", "FIELD_MISSING"),
            ("9", "CURRENCY_UNKNOWN"),
            ("10", "NUMBER_NOT_WHOLE"),
            ("11", "TOTAL_ROW"),
            ("13", "QUOTE_INVALID"),
        ]
    );
    assert_eq!(sent.refused[4].2, b"1;too few;13/08/2026");
    assert_eq!((summary.accepted, summary.broken()), (2, 9));
    assert_eq!(sent.campaigns["facebook:default:1"][..2], [1_234_500_000, 1_000]);
    assert_eq!(sent.names["facebook:default:2"].as_deref(), Some("Café"));
    assert_eq!(sent.payloads[1], b"2;Caf\xe9;01/08/2026;2,50;USD;20;;");
    assert!(sent.seats.contains_key(&("facebook:default:2".to_owned(), Day::parse("2026-08-01").unwrap())));
}

fn temporary(text: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn the_same_file_is_the_same_batch_and_another_reading_of_it_is_not() {
    let (path, other) = (fixture("kag_like.csv"), on("2026-03-02"));
    let batch = |path: &Path, options: &CsvOptions| plan(path, options).unwrap().report().batch_id.clone();
    let copy = temporary(&std::fs::read(&path).unwrap());
    let later = CsvOptions { observed_at: ObservedAt::At(TimestampMs(1)), ..on("2026-03-01") };
    assert_eq!(batch(&path, &on("2026-03-01")), batch(copy.path(), &later));
    assert_ne!(batch(&path, &on("2026-03-01")), batch(&path, &other));
    let mut corrected = std::fs::read(&path).unwrap();
    corrected.extend_from_slice(b"1,501,1,x,M,1,1,1,1.0,1,1\r");
    assert_ne!(batch(&path, &other), batch(temporary(&corrected).path(), &other));
}

#[test]
fn of_two_uploads_that_bring_their_own_time_the_later_counts() {
    let path = fixture("kag_like.csv");
    let stamp = |uploaded_at| {
        let options = CsvOptions { uploaded_at: Some(TimestampMs(uploaded_at)), ..on("2026-03-01") };
        let plan = plan(&path, &options).unwrap();
        (plan.report().observed_at, plan.report().batch_id.clone())
    };
    // The rules compare (observed_at, batch id).
    let (earlier, later) = (stamp(1_790_000_000_000), stamp(1_790_000_000_001));
    assert_eq!(earlier.0, later.0);
    assert!(earlier < later);
}

#[test]
fn a_file_about_the_future_is_observed_when_it_is_uploaded() {
    let uploaded_at = Some(TimestampMs(1_790_000_000_000));
    let options = CsvOptions { uploaded_at, ..on("2099-01-01") };
    let plan = plan(&fixture("kag_like.csv"), &options).unwrap();
    assert_eq!(Some(plan.report().observed_at), uploaded_at);
}

#[test]
fn styles_proven_late_in_a_file_hold_for_all_of_it() {
    let mut text = "Campaign ID;Day;Amount spent (EUR);Impressions\n".to_owned();
    (0..2_000).for_each(|row| text += &format!("{row};01/02/2026;1.234;1\n"));
    text += "1;13/02/2026;0,5;1\n";
    let plan = plan(temporary(text.as_bytes()).path(), &CsvOptions::default());
    // The file is gone when it is to be sent, so only the plan is looked at here.
    let plan = plan.unwrap();
    assert_eq!(plan.report().columns[2].style, Some("1.234,56"));
    assert_eq!((plan.report().accepted, plan.report().first_day), (2_001, Day::parse("2026-02-01")));
    assert!(matches!(
        plan.send(|_| Ok::<(), ()>(()), |_| ()),
        Err(SendError::Csv(CsvError::Unreadable { .. }))
    ));
}

#[test]
fn files_that_cannot_be_understood_are_refused_whole() {
    let code = |text: &str, options: &CsvOptions| {
        plan(temporary(text.as_bytes()).path(), options).map(|_| ()).map_err(|e| e.code())
    };
    let plain = CsvOptions::default();
    for (text, want) in [
        ("", "FILE_EMPTY"),
        ("\n\n", "FILE_EMPTY"),
        ("Campaign ID,Day,Impressions\n", "COLUMN_MISSING"),
        ("Campaign ID,Day,Amount spent,Impressions\n1,2026-01-01,1,1\n", "CURRENCY_MISSING"),
        ("Campaign ID,Day,Amount spent (ZZZ),Impressions\n", "CURRENCY_UNKNOWN"),
        ("Campaign ID,Day,Amount spent (USD),Impressions\n1,03/04/2026,1,1\n", "DATE_ORDER_UNKNOWN"),
        (
            "Campaign ID,Day,Amount spent (USD),Impressions\n1,13/04/2026,1,1\n1,04/13/2026,1,1\n",
            "DATE_ORDER_UNKNOWN",
        ),
        ("Campaign ID,Day,Amount spent (USD),Impressions\n1,\"2026-01-01,1,1\n", "QUOTE_NEVER_CLOSED"),
    ] {
        assert_eq!(code(text, &plain), Err(want), "{text:?}");
    }
    let ambiguous = "Campaign ID,Day,Amount spent (USD),Impressions\n1,03/04/2026,1,1\n";
    let told = CsvOptions { date_order: Some("mdy".parse().unwrap()), ..CsvOptions::default() };
    assert_eq!(
        plan(temporary(ambiguous.as_bytes()).path(), &told).unwrap().report().first_day,
        Day::parse("2026-03-04")
    );
    assert_eq!(
        code(ambiguous, &CsvOptions { time_zone: Some("Mars".into()), ..plain.clone() }),
        Err("MAPPING_INVALID")
    );
    let mut tight = CsvOptions { currency: Some("EUR".into()), ..CsvOptions::default() };
    tight.limits.keys_max = 1;
    let two = "Campaign ID,Day,Amount spent,Impressions\n1,2026-01-01,1,1\n2,2026-01-01,1,1\n";
    assert_eq!(code(two, &tight), Err("LIMIT_EXCEEDED"));
    assert!(matches!(plan(Path::new("/nonexistent.csv"), &plain), Err(CsvError::Unreadable { .. })));
}

#[test]
fn a_file_that_changes_between_the_passes_is_noticed() {
    let text = "Campaign ID,Day,Amount spent (USD),Impressions\n1,2026-01-01,1,1\n";
    let file = temporary(text.as_bytes());
    let plan = plan(file.path(), &CsvOptions::default()).unwrap();
    std::fs::write(file.path(), text.replace(",1,1", ",2,1")).unwrap();
    assert!(matches!(plan.send(|_| Ok::<(), ()>(()), |_| ()), Err(SendError::Csv(CsvError::Changed { .. }))));
}

#[test]
fn excel_may_name_the_delimiter_and_a_broken_line_of_a_utf8_file_is_one_row() {
    let text = b"sep=;\r\nCampaign ID;Campaign name;Day;Amount spent (USD);Impressions\r\n1;\xc3\xa9;2026-01-01;1,5;1\r\n1;\xe9;2026-01-01;1,5;1\r\n";
    let file = temporary(text);
    let plan = plan(file.path(), &CsvOptions::default()).unwrap();
    let (sent, summary) = send(&plan);
    assert_eq!((plan.report().encoding, summary.accepted), ("UTF-8", 1));
    assert_eq!(sent.refused[0].1, "ENCODING_INVALID");
    assert_eq!(sent.refused[0].2, b"1;\xe9;2026-01-01;1,5;1");
}

#[test]
fn the_real_exports_come_out_right() {
    let Ok(folder) = std::env::var("ADPULSE_REAL_DATA") else {
        // Written past the test harness, which would keep the output of a test that passes to itself.
        let line = "ADPULSE_REAL_DATA is not set: the cases on real CSV exports were left out";
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let kag = plan(&Path::new(&folder).join("kag_conversion_data.csv"), &on("2026-03-01")).unwrap();
    let (sent, summary) = send(&kag);
    assert_eq!((summary.rows, summary.accepted), (1_143, 1_143));
    for (campaign, spend, leads, purchases) in
        [("916", "149.71", 58, 24), ("936", "2893.37", 537, 183), ("1178", "55662.15", 2_669, 872)]
    {
        let sums = sent.campaigns[&format!("facebook:default:{campaign}")];
        assert_eq!((Micros(sums[0]).to_string().as_str(), sums[3], sums[4]), (spend, leads, purchases));
    }
    let daily = plan(&Path::new(&folder).join("ads_manager_daily_2025-08.csv"), &with_ad_names()).unwrap();
    let (_, summary) = send(&daily);
    assert_eq!((summary.rows, summary.accepted), (992, 992));
    assert_eq!(summary.spend["USD"].to_string(), "103255.29");
    assert_eq!((summary.impressions, summary.link_clicks), (5_332_650, 52_116));
    assert_eq!(summary.purchase_value["USD"].to_string(), "120175.58");
    assert_eq!(summary.repeated_keys, 229, "pairs of day and name with more than one row");
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8]) {
        let file = temporary(bytes);
        if let Ok(plan) = plan(file.path(), &CsvOptions { currency: None, ..CsvOptions::default() }) {
            send(&plan);
        }
    }

    proptest! {
        #[test]
        fn a_file_of_any_bytes_is_refused_or_every_row_has_one_outcome(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            check(&bytes);
        }

        #[test]
        fn so_is_one_with_a_good_header(
            rows in prop::collection::vec("[0-9a-zé,;\"\r\n./ -]{0,60}", 0..30),
            mark in prop::sample::select(vec![&b""[..], b"\xEF\xBB\xBF", b"\xFF"]),
        ) {
            let header = b"Campaign ID,Day,Amount spent (USD),Impressions\n";
            check(&[mark, header, rows.join("\n").as_bytes()].concat());
        }

        #[test]
        fn so_is_one_with_plausible_rows(
            rows in prop::collection::vec(("[12]?", "(2026-0[1-3]-0[1-9]|All|x)", "(-?[0-9]{1,3}([.,][0-9]{1,3})?|abc)", "[0-9]{0,4}"), 0..60),
        ) {
            let mut text = "Campaign ID;Day;Amount spent (USD);Impressions\n".to_owned();
            for (campaign, day, spend, impressions) in rows {
                text += &format!("{campaign};{day};{spend};{impressions}\n");
            }
            check(text.as_bytes());
        }
    }
}
