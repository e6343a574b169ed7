//! Questions to a pipeline that has run: why a score is what it is, what it was, and what another policy would have said.

use std::collections::BTreeMap;

use schemas::{Day, TimestampMs, Topic};
use serde_json::Value;

use crate::harness::{Installation, RoleName, Traffic, now};

const DAY_MS: i64 = 86_400_000;

/// A pipeline that has worked off sample traffic and stands still. Its time is that of the data; the last tick is told to
/// every partition after everything else, so that all campaigns were last scored at one moment.
fn stand_still(name: &str, seed: u64) -> Installation {
    let installation = Installation::new(name).with("CLOCK__TICK_INTERVAL_MS", "0");
    let all = installation.start(RoleName::All);
    Traffic::new(seed, 8).flow(&installation, |_| ());
    installation.settle();
    let tick = ingest::clock::tick(TimestampMs(now().0 + DAY_MS));
    for key in one_key_for_each_partition() {
        installation.produce(Topic::RawClock, &key, &tick);
    }
    installation.settle();
    assert_eq!(all.terminate().code(), Some(0));
    installation
}

fn one_key_for_each_partition() -> Vec<String> {
    let count = crate::harness::PARTITIONS;
    let key_of = |partition: i32| {
        let mut keys = (0..).map(|number: u32| number.to_string());
        keys.find(|key| kafka::partition_for(key.as_bytes(), count) == partition).unwrap()
    };
    (0..count).map(key_of).collect()
}

fn ask(installation: &Installation, args: &[&str]) -> Value {
    let ran = installation.run(args);
    assert_eq!(ran.code, Some(0), "adpulse {args:?}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Keys of all scored campaigns.
fn campaigns(installation: &Installation) -> Vec<String> {
    let mut keys = std::collections::BTreeSet::new();
    installation.read(Topic::Scores, |record| {
        keys.insert(String::from_utf8(record.key.unwrap().to_vec()).unwrap());
    });
    keys.into_iter().collect()
}

fn id(key: &str) -> &str {
    key.rsplit_once(':').unwrap().1
}

#[test]
fn an_explanation_agrees_with_what_was_published_and_with_a_replay_of_the_log() {
    let installation = stand_still("explain", 61);
    let (keys, scores) = (campaigns(&installation), installation.scores());
    assert_eq!(keys.len(), 8);
    for key in &keys {
        let told = ask(&installation, &["explain", key, "--json"]);
        let said =
            format!("{:.2} {}", told["total"].as_f64().unwrap(), told["recommendation"].as_str().unwrap());
        assert_eq!(said, scores[id(key)]);
        assert_eq!(told["recomputed"]["differs_because"], serde_json::json!([]), "{key}: {told:#}");
        assert_eq!(told["recomputed"]["parts"], told["parts"]);
        check_shape(&told);

        let later = (now().0 + 3 * DAY_MS) / DAY_MS;
        let replayed = ask(
            &installation,
            &["explain", key, "--at", &Day(i32::try_from(later).unwrap()).to_string(), "--json"],
        );
        for field in
            ["total", "parts", "recommendation", "confidence", "as_of", "window", "next_band", "lower_edge"]
        {
            assert_eq!(replayed[field], told[field], "{field} of {key}");
        }
        let figures = |told: &Value| {
            let days = told["days"].as_array().unwrap().iter().cloned();
            days.map(|mut day| {
                // A replay reads the same events, but learns of them from the topic's first record again.
                day.as_object_mut().unwrap().remove("origin");
                day
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(figures(&replayed), figures(&told), "days of {key}");
        let count = |told: &Value| told["leads"]["list"].as_array().unwrap().len();
        assert_eq!(count(&replayed), count(&told), "leads of {key}");
    }

    let key = &keys[0];
    let past = (now().0 - 12 * DAY_MS) / DAY_MS;
    let past = Day(i32::try_from(past).unwrap()).to_string();
    let told = ask(&installation, &["explain", id(key), "--at", &past, "--json"]);
    assert_eq!(told["campaign"], key.as_str(), "a bare id is enough where one account has it");
    assert!(told["as_of"].as_str().unwrap() <= past.as_str(), "{}", told["as_of"]);
    let days = told["days"].as_array().unwrap();
    assert!(!days.is_empty() && days.iter().all(|day| day["day"].as_str().unwrap() <= past.as_str()));

    let text = installation.run(&["explain", key, "--leads"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for expected in
        [key, "cost efficiency", "computed anew from its days, the score is the same", "the lower edge"]
    {
        assert!(text.stdout.contains(expected), "{expected:?} is missing in {}", text.stdout);
    }
    let misspelt = installation.run(&["explain", &format!("{}x", id(key))]);
    assert_eq!(misspelt.code, Some(1));
    assert!(misspelt.stderr.contains(key.as_str()), "{}", misspelt.stderr);
}

/// The parts make the total unless a guard holds it down, and what would move it says how far away the edges are.
fn check_shape(told: &Value) {
    let parts = told["parts"].as_object().unwrap();
    let sum: f64 = parts.values().map(|part| part["points"].as_f64().unwrap()).sum();
    assert_eq!(parts.len(), 5);
    let total = told["total"].as_f64().unwrap();
    assert!(!told["guard"].is_null() || (sum - total).abs() < 0.05, "{told:#}");
    assert!(!told["days"].as_array().unwrap().is_empty());
    assert!(told["origin"]["topic"].as_str().unwrap().ends_with("events"));
    for (side, edge) in [("next_band", "points"), ("lower_edge", "points")] {
        if told[side][edge].is_null() {
            continue;
        }
        let levers = told[side]["levers"].as_array().unwrap();
        assert!(levers.iter().any(|lever| lever["figure"] == "spend"), "{told:#}");
        for lever in levers.iter().filter(|lever| !lever["needed"].is_null()) {
            assert_ne!(lever["reaches"], told["recommendation"], "{lever}");
        }
    }
}

#[test]
fn a_backtest_of_the_policy_in_force_changes_nothing_and_that_of_another_names_what_changes() {
    let installation = stand_still("backtest", 62);
    let same = installation.write("same.toml", "");
    let table = installation.path("same.csv");
    let args = ["backtest", "--policy", same.to_str().unwrap(), "--csv", table.to_str().unwrap(), "--json"];
    let told = ask(&installation, &args);
    assert_eq!(told["events"], installation.count(Topic::Events));
    assert_eq!(told["campaigns"], 8);
    assert_eq!(told["campaigns_changed"], 0);
    assert_eq!(told["undecodable"], serde_json::json!({}));
    assert_eq!(told["distribution"]["before"], told["distribution"]["after"]);
    assert_eq!(told["distribution"]["change_mean"], 0.0);

    // The side of the policy in force ends where the pipeline ended.
    let scores = installation.scores();
    for row in rows(&table) {
        let said = format!("{} {}", row["total_before"], row["band_before"]);
        assert_eq!(said, scores[id(&row["campaign"])]);
    }

    // Where every lead is a bargain, nothing stays as it is.
    let other =
        installation.write("other.toml", "[score]\ncost_per_lead_target = 500.0\nleads_target = 1.0\n");
    let table = installation.path("other.csv");
    let args = ["backtest", "--policy", other.to_str().unwrap(), "--csv", table.to_str().unwrap(), "--json"];
    let told = ask(&installation, &args);
    let changed = told["changed"].as_array().unwrap();
    assert_eq!(told["campaigns_changed"], changed.len());
    assert!(!changed.is_empty(), "{told:#}");
    assert!(told["distribution"]["change_mean"].as_f64().unwrap() > 0.0);
    assert_ne!(told["policy"]["before"]["version"], told["policy"]["after"]["version"]);
    for one in changed {
        assert!(one["first_day_different"].is_string() || one["announcements_different"].as_u64() > Some(0));
        let row = rows(&table).into_iter().find(|row| one["campaign"] == row["campaign"].as_str()).unwrap();
        assert_eq!(one["after"]["stands"], row["announced_after"].as_str());
    }
    // A pipeline under that policy would say the same: an explanation with it computes the score anew.
    let installation =
        installation.with_file("[policy.score]\ncost_per_lead_target = 500.0\nleads_target = 1.0\n");
    for row in rows(&table) {
        let told = ask(&installation, &["explain", &row["campaign"], "--json"]);
        let anew = &told["recomputed"];
        let total = format!("{:.2}", anew["total"].as_f64().unwrap());
        assert_eq!(total, row["total_after"], "{}", row["campaign"]);
        if total != row["total_before"] {
            assert_eq!(anew["differs_because"][0], "the policy has changed since it was published");
        }
    }

    let text = installation.run(&["backtest", "--policy", same.to_str().unwrap(), "--from", "2000-01-01"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("campaigns change their recommendation"), "{}", text.stdout);
}

fn rows(path: &std::path::Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}
