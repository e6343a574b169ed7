//! A running installation as its operators see it: the API, health, metrics, and an orderly end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Installation, RoleName, Traffic, becomes};
use crate::kills::check_figures;

/// The outcomes that a stage has counted, by name.
fn outcomes(metrics: &str, stage: &str) -> BTreeMap<String, u64> {
    let label = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    metrics
        .lines()
        .filter(|line| {
            line.starts_with("adpulse_records_total{") && label(line, "stage").as_deref() == Some(stage)
        })
        .map(|line| (label(line, "outcome").unwrap(), line.rsplit_once(' ').unwrap().1.parse().unwrap()))
        .collect()
}

#[test]
fn the_api_shows_what_the_stores_hold_and_the_metrics_account_for_every_record() {
    let installation = Installation::new("operations");
    let all = installation.start(RoleName::All);
    let traffic = Traffic::new(51, 10);
    traffic.flow(&installation, |_| ());
    // What nobody can read is counted as well.
    installation.produce_bytes(schemas::Topic::RawCrm, "damaged", b"\x00\x00\x00\x00\x01damaged");
    installation.settle();
    check_figures(&installation, &traffic);

    assert_eq!(all.get("/livez").0, 200);
    let (status, body) = all.get("/readyz");
    assert_eq!(status, 200, "{body}");
    let ready: Value = serde_json::from_str(&body).unwrap();
    for check in ["kafka", "postgres", "workers"] {
        assert_eq!(ready["checks"][check]["ready"], true, "{body}");
    }

    let raw = installation.raw_count();
    becomes("the outcomes of normalize add up to the raw records", &raw, || {
        outcomes(&all.get("/metrics").1, "normalize").values().sum()
    });
    assert_eq!(outcomes(&all.get("/metrics").1, "normalize")["rejected"], 1);
    let events = installation.count(schemas::Topic::Events);
    becomes("the outcomes of score add up to the events", &events, || {
        outcomes(&all.get("/metrics").1, "score").values().sum()
    });

    let campaigns = installation.api_items("/api/campaigns");
    let scores: BTreeMap<String, String> = campaigns
        .iter()
        .map(|campaign| {
            let text = |field: &str| campaign[field].as_str().unwrap().to_owned();
            (
                text("campaign_id"),
                format!("{:.2} {}", campaign["total"].as_f64().unwrap(), text("recommendation")),
            )
        })
        .collect();
    assert_eq!(scores, installation.scores());
    let announced: BTreeSet<(String, String)> =
        installation.announced().into_iter().map(|(campaign, _, action)| (campaign, action)).collect();
    let of_api: BTreeSet<(String, String)> = installation
        .api_items("/api/recommendations")
        .iter()
        .map(|item| {
            (item["campaign_id"].as_str().unwrap().to_owned(), item["action"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(of_api, announced);
    assert_eq!(installation.api_items("/api/recommendations").len(), installation.announced().len());
}

#[test]
fn sigterm_under_traffic_ends_all_roles_in_order_and_nothing_is_lost() {
    let installation = Installation::new("sigterm");
    let all = installation.start(RoleName::All);
    let traffic = Traffic::new(52, 10);
    traffic.flow(&installation, |traffic| {
        for quarter in 1..=2 {
            traffic.allow(quarter);
            traffic.wait_for_eighths(quarter * 2 - 1);
            let status = all.terminate();
            assert_eq!(status.code(), Some(0), "{status}");
            all.restart();
        }
    });
    installation.settle();
    check_figures(&installation, &traffic);
}
