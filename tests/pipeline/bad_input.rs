//! Bad input: refused with a reason, wholly or by the row, and never half accepted.

use schemas::record::DeadLetter;
use schemas::{Schemas, Topic};
use serde_json::json;

use crate::harness::{Installation, RoleName, Totals, now};

const HEADER: &str = "Campaign ID,Campaign name,Day,Amount spent (EUR),Impressions\n";

fn yesterday() -> String {
    schemas::Day(now().day_utc().0 - 1).to_string()
}

#[test]
fn of_a_file_with_broken_rows_the_good_ones_land_and_the_others_are_dead_letters_with_line_and_reason() {
    let installation = Installation::new("broken");
    let _all = installation.start(RoleName::All);
    let day = yesterday();
    let rows = [
        format!("1,good,{day},10.50,1000"),
        format!("1,no number,{day},ten,1000"),
        format!("1,too few,{day}"),
        "1,no day,2026-02-31,1.00,10".to_owned(),
        format!("1,negative,{day},-1.00,10"),
        format!("1,half an impression,{day},1.00,10.5"),
        format!("2,good,{day},0.01,7"),
    ];
    let file = installation.write("broken.csv", format!("{HEADER}{}\n", rows.join("\n")));
    let ran = installation.try_upload(&file, &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&said["sent"]["accepted"], &said["sent"]["broken"]), (&json!(2), &json!(5)), "{said}");

    installation.settle();
    let sums = |spend, impressions| Totals { spend, impressions, ..Totals::default() };
    let expected = [("1".to_owned(), sums(10_500_000, 1_000)), ("2".to_owned(), sums(10_000, 7))];
    assert_eq!(installation.figures(), expected.into());

    let expected = [
        ("broken.csv:3", "NUMBER_INVALID", rows[1].as_str()),
        ("broken.csv:4", "COLUMN_COUNT", &rows[2]),
        ("broken.csv:5", "DATE_INVALID", &rows[3]),
        ("broken.csv:6", "NUMBER_NEGATIVE", &rows[4]),
        ("broken.csv:7", "NUMBER_NOT_WHOLE", &rows[5]),
    ];
    let mut letters = Vec::new();
    let mut decoder = Schemas::compiled().decoder();
    installation.read(Topic::DeadLetters, |record| {
        let letter: DeadLetter<'_> = decoder.decode(record.value).unwrap();
        assert!(letter.sentence.starts_with("line "), "{}", letter.sentence);
        let payload = String::from_utf8(letter.payload.to_vec()).unwrap();
        letters.push((
            letter.locator.to_owned(),
            letter.reason_code.to_owned(),
            payload.trim_end().to_owned(),
        ));
    });
    letters.sort();
    let owned = expected.map(|(at, code, row)| (at.to_owned(), code.to_owned(), row.to_owned()));
    assert_eq!(letters, owned);
    let stored =
        installation.clickhouse("SELECT locator, reason_code, payload FROM v_dead_letters ORDER BY locator");
    let stored: Vec<_> = stored
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[2].trim_end().to_owned()))
        .collect();
    assert_eq!(stored, owned);
}

/// A file that is refused whole: what is said names the reason, and nothing of it is on the log.
fn check_refused(installation: &Installation, content: &str, args: &[&str], named: &str) {
    let file = installation.write("refused.csv", content);
    let ran = installation.try_upload(&file, args);
    assert_eq!(ran.code, Some(1), "{args:?} {}", ran.stderr);
    assert!(ran.stderr.contains(named), "{named:?} is not named in {}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert_eq!(installation.count(Topic::RawCsv), 0);
    assert_eq!(installation.count(Topic::DeadLetters), 0);
}

#[test]
fn a_file_without_a_needed_column_or_with_an_unknown_currency_is_refused_whole_and_names_it() {
    let installation = Installation::new("refused");
    let day = yesterday();
    let row = format!("1,a,{day},1.00,10\n");
    let no_spend = format!("Campaign ID,Campaign name,Day,Impressions\n1,a,{day},10\n");
    check_refused(&installation, &no_spend, &["--currency", "EUR"], "spend");
    let no_impressions = format!("Campaign ID,Campaign name,Day,Amount spent (EUR)\n1,a,{day},1.00\n");
    check_refused(&installation, &no_impressions, &[], "impressions");
    let no_campaign = format!("Day,Amount spent (EUR),Impressions\n{day},1.00,10\n");
    check_refused(&installation, &no_campaign, &[], "campaign");
    check_refused(&installation, &format!("{}{row}", HEADER.replace("EUR", "QQQ")), &[], "QQQ");
    check_refused(
        &installation,
        &format!("{}{row}", HEADER.replace(" (EUR)", "")),
        &["--currency", "QQQ"],
        "QQQ",
    );
    check_refused(&installation, &format!("{}{row}", HEADER.replace(" (EUR)", "")), &[], "currency");
    // The same file with what was missing is taken: the refusals were not for another reason.
    let file = installation.write("good.csv", format!("{HEADER}{row}"));
    installation.upload(&file, &[]);
    assert_eq!(installation.count(Topic::RawCsv), 1);
}

#[test]
fn a_wrong_signature_gets_401_and_writes_nothing() {
    let installation = Installation::new("forged");
    let _ingest = installation.start(RoleName::Ingest);
    let body = json!({"type": "lead.created", "timestamp": now().to_string(), "data": {"lead_id": "L-1", "campaign": "1"}})
        .to_string();
    let forged = installation.door("olist").forged().post("m-1", body.as_bytes());
    let unknown = installation.door("nobody").post("m-1", body.as_bytes());
    assert_eq!(forged.status, 401, "{forged:?}");
    assert_eq!(forged, unknown, "an unknown source and a wrong signature look the same");
    assert_eq!(installation.count(Topic::RawCrm), 0);
    assert_eq!(installation.count(Topic::DeadLetters), 0);
    // What is signed as it should be is taken, so it was the signature.
    assert_eq!(installation.door("olist").post("m-1", body.as_bytes()).status, 202);
    assert_eq!(installation.count(Topic::RawCrm), 1);
}

#[test]
fn a_webhook_that_says_nothing_usable_is_acknowledged_and_kept_as_a_dead_letter() {
    let installation = Installation::new("unusable");
    let _ingest = installation.start(RoleName::Ingest);
    let body = json!({"type": "lead.sneezed", "timestamp": now().to_string(), "data": {"lead_id": "L-1"}})
        .to_string();
    assert_eq!(installation.door("olist").post("m-1", body.as_bytes()).status, 202);
    assert_eq!(installation.count(Topic::RawCrm), 0);
    let mut codes = Vec::new();
    let mut decoder = Schemas::compiled().decoder();
    installation.read(Topic::DeadLetters, |record| {
        let letter: DeadLetter<'_> = decoder.decode(record.value).unwrap();
        codes.push((letter.locator.to_owned(), letter.reason_code.to_owned()));
    });
    assert_eq!(codes, [("olist:m-1".to_owned(), "TYPE_UNKNOWN".to_owned())]);
}
