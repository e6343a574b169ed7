//! `adpulse policy` as its users run it: without Kafka, with exit statuses that a script can trust.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn adpulse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adpulse")).current_dir(folder).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../processor/vectors.json")).unwrap()
}

#[test]
fn cases_that_the_policy_scores_as_expected_pass_and_a_difference_is_shown_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = vectors();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, cases.to_string()).unwrap();
    let passed = adpulse(folder.path(), &["policy", "test", "cases.json", "--json"]);
    assert!(passed.status.success());
    assert_eq!(json(&passed)["passed"], cases.as_array().unwrap().len());

    cases[1]["expect"]["total"] = 12.0.into();
    std::fs::write(&file, cases.to_string()).unwrap();
    let failed = adpulse(folder.path(), &["policy", "test", "cases.json"]);
    assert_eq!(failed.status.code(), Some(1));
    let table = String::from_utf8(failed.stdout).unwrap();
    assert!(table.contains(cases[1]["name"].as_str().unwrap()) && table.contains("12"), "{table}");
}

#[test]
fn a_file_that_holds_no_cases_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cases.json"), "[{\"name\": 1}]").unwrap();
    let refused = adpulse(folder.path(), &["policy", "test", "cases.json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cases.json"));
}

#[test]
fn what_is_in_force_for_a_campaign_is_shown_with_the_layer_that_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[policy.score]\ncost_per_lead_target = 22.0\n\
        [policy.accounts.\"facebook:1\"]\nscore = { leads_target = 30.0 }\n\
        [[policy.campaigns]]\nname = \"*retarget*\"\nscore = { ctr_target = 0.05 }\n";
    std::fs::write(folder.path().join("adpulse.toml"), settings).unwrap();
    let arguments = ["policy", "show", "facebook:1", "--campaign", "7", "--name", "Retarget May", "--json"];
    let shown = json(&adpulse(folder.path(), &arguments));
    let setting = |key: &str| {
        let all = shown["settings"].as_array().unwrap();
        let found = all.iter().find(|setting| setting["section"] == "score" && setting["key"] == key);
        let found = found.unwrap_or_else(|| panic!("no {key} in {shown}"));
        (found["value"].as_str().unwrap().to_owned(), found["layer"].to_string())
    };
    assert_eq!(setting("cost_per_lead_target").0, "22.0");
    assert_eq!(setting("leads_target").0, "30.0");
    assert_eq!(setting("ctr_target").0, "0.05");
    let layers = ["qualified_rate_target", "cost_per_lead_target", "leads_target", "ctr_target"]
        .map(|key| setting(key).1);
    let distinct: std::collections::BTreeSet<_> = layers.iter().collect();
    assert_eq!(distinct.len(), 4, "default, policy, account and pattern are told apart: {layers:?}");

    std::fs::write(folder.path().join("adpulse.toml"), "[policy.score]\ncost_target = 22.0\n").unwrap();
    let refused = adpulse(folder.path(), &["policy", "show", "facebook:1"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cost_target"));
}
