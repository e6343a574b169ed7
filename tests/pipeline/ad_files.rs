//! Files of ad platforms: their figures come out the same everywhere, repeating changes nothing, a correction replaces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemas::{Day, Micros};

use crate::expected::{ads_manager_figures, kag_figures, repeated_pairs, total};
use crate::generated::{ads_manager_like, kag_like};
use crate::harness::{Figures, Installation, Role, RoleName, now, real_data};

/// Old files stay within the horizon for as long as this project lives.
const LONG_HORIZON: &str = "[policy.facts]\nhorizon_months = 1200\n";

/// The amount as the API shows it.
fn cents(micros: i64) -> String {
    Micros(micros).to_string()
}

fn yesterday() -> Day {
    Day(now().day_utc().0 - 1)
}

/// All roles in one process.
fn all(installation: &Installation) -> Role {
    installation.start(RoleName::All)
}

/// Uploads a file, waits until it has gone through, and holds both stores against what it comes to.
fn upload_and_compare(installation: &Installation, file: &Path, args: &[&str], expected: &Figures) {
    installation.upload(file, args);
    installation.settle();
    assert_eq!(installation.figures(), *expected, "the stores (left) differ from the file (right)");
}

/// How often each day was restated, and what was announced: what must not move when nothing new is said.
fn history(installation: &Installation) -> impl PartialEq + std::fmt::Debug {
    let mut revisions = installation.clickhouse(
        "SELECT campaign_id, day, revision FROM v_campaign_day_revisions ORDER BY campaign_id, day, revision",
    );
    let postgres = installation
        .postgres("SELECT campaign_id, day::text, revision FROM campaign_days ORDER BY 1, 2", &[]);
    revisions
        .extend(postgres.iter().map(|row| vec![row.get(0), row.get(1), row.get::<_, i32>(2).to_string()]));
    (revisions, installation.announced())
}

/// A copy with one cell of one row changed: the amount of the row that holds `mark` becomes `amount`.
fn corrected(installation: &Installation, file: &Path, from: &str, to: &str) -> PathBuf {
    let bytes = std::fs::read(file).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", file.display());
    installation.write("corrected.csv", text.replacen(from, to, 1))
}

fn check_kag_file(file: &Path, expected: &Figures) {
    let installation = Installation::new("kag");
    let _all = all(&installation);
    let date = yesterday().to_string();
    let args = ["--profile", "kag", "--date", &date];
    upload_and_compare(&installation, file, &args, expected);
    let of_api = installation.api_figures();
    let expected_of_api: BTreeMap<_, _> = expected
        .iter()
        .map(|(id, sums)| (id.clone(), (cents(sums.spend), sums.leads, sums.purchases)))
        .collect();
    assert_eq!(of_api, expected_of_api, "the API (left) differs from the file (right)");

    let announced = installation.announced();
    let campaigns: Vec<&String> = announced.iter().map(|(campaign, _, _)| campaign).collect();
    assert_eq!(campaigns, expected.keys().collect::<Vec<_>>(), "one recommendation each: {announced:?}");
    assert_eq!(installation.api_items("/api/recommendations").len(), 3);

    let before = history(&installation);
    upload_and_compare(&installation, file, &args, expected);
    assert_eq!(history(&installation), before, "the same file again changes something");
}

#[test]
fn a_file_without_dates_comes_out_the_same_in_both_stores_and_from_the_api() {
    let bytes = kag_like(11);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kag_like.csv");
    std::fs::write(&file, &bytes).unwrap();
    check_kag_file(&file, &kag_figures(&bytes));
}

#[test]
fn the_real_file_without_dates_comes_out_to_the_cent() {
    let Some(folder) = real_data() else { return };
    let file = folder.join("kag_conversion_data.csv");
    let figures = kag_figures(&std::fs::read(&file).unwrap());
    let anchors = [("916", "149.71", 58, 24), ("936", "2893.37", 537, 183), ("1178", "55662.15", 2_669, 872)];
    for (campaign, spend, leads, purchases) in anchors {
        let sums = &figures[campaign];
        assert_eq!(
            (Micros(sums.spend).to_string().as_str(), sums.leads, sums.purchases),
            (spend, leads, purchases)
        );
    }
    assert_eq!(figures.len(), 3);
    check_kag_file(&file, &figures);
}

fn check_ads_manager_file(file: &Path, correction: (&str, &str)) {
    let installation = Installation::new("ads").with_file(LONG_HORIZON);
    let _all = all(&installation);
    let args = ["--map", "Ad name=campaign"];
    let bytes = std::fs::read(file).unwrap();
    let said = installation.upload(file, &args);
    assert_eq!(said["sent"]["repeated_campaign_days"], repeated_pairs(&bytes), "{said}");
    installation.settle();
    let expected = ads_manager_figures(&bytes);
    assert_eq!(installation.figures(), expected, "the stores (left) differ from the file (right)");

    let before = history(&installation);
    upload_and_compare(&installation, file, &args, &expected);
    assert_eq!(history(&installation), before, "the same file again changes something");

    let corrected = corrected(&installation, file, correction.0, correction.1);
    let expected = ads_manager_figures(&std::fs::read(&corrected).unwrap());
    assert_ne!(expected, ads_manager_figures(&bytes));
    upload_and_compare(&installation, &corrected, &args, &expected);
}

#[test]
fn a_daily_file_with_repeated_names_adds_up_and_a_corrected_copy_replaces_it() {
    let bytes = ads_manager_like(12, Day(yesterday().0 + 1));
    let text = String::from_utf8(bytes).unwrap();
    assert!(repeated_pairs(text.as_bytes()) > 20);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ads_manager_like.csv");
    std::fs::write(&file, &text).unwrap();
    // The first row's amount, with the type that follows it.
    let first = text.lines().nth(1).unwrap();
    let amount = first.split(',').find(|cell| cell.contains('.') && cell.parse::<f64>().is_ok()).unwrap();
    check_ads_manager_file(&file, (&format!(",{amount},"), ",12345.67,"));
}

#[test]
fn the_real_daily_file_adds_up_and_a_corrected_copy_replaces_it() {
    let Some(folder) = real_data() else { return };
    let file = folder.join("ads_manager_daily_2025-08.csv");
    let bytes = std::fs::read(&file).unwrap();
    let sums = total(&ads_manager_figures(&bytes));
    assert_eq!(Micros(sums.spend).to_string(), "103255.29");
    assert_eq!((sums.impressions, sums.link_clicks), (5_332_650, 52_116));
    assert_eq!(repeated_pairs(&bytes), 229);
    check_ads_manager_file(&file, (",2486.31,", ",1486.30,"));
}

#[test]
fn with_the_clock_of_the_file_the_window_lies_around_old_data() {
    let installation = Installation::new("old");
    // Without the door there is no clock that says that it is now.
    let _roles = installation.start_each(&[
        RoleName::Normalize,
        RoleName::Score,
        RoleName::SinkClickhouse,
        RoleName::SinkPostgres,
        RoleName::Serve,
    ]);
    let bytes = ads_manager_like(13, Day::parse("2019-03-08").unwrap());
    let file = installation.write("old.csv", &bytes);
    let expected = ads_manager_figures(&bytes);
    upload_and_compare(&installation, &file, &["--map", "Ad name=campaign", "--clock", "data"], &expected);
    let spends: Vec<(String, String)> =
        installation.api_figures().into_iter().map(|(campaign, (spend, _, _))| (campaign, spend)).collect();
    let expected: Vec<(String, String)> =
        expected.into_iter().map(|(campaign, sums)| (campaign, cents(sums.spend))).collect();
    assert_eq!(spends, expected);
}
