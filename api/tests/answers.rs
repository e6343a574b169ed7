//! The API's answers over a real Postgres with the sink's tables.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use support::{ALERTS, CAMPAIGNS, Site, seed};

async fn seeded() -> Site {
    let site = Site::start("127.0.0.1:0").await;
    seed(&site.store).await;
    site
}

#[tokio::test]
async fn a_campaign_reads_as_it_is_stored() {
    let site = seeded().await;
    let first = site.get("/api/campaigns?limit=1").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("content-type"), "application/json");
    let item = &first.json()["items"][0];
    for (field, expected) in [
        ("key", "\"facebook:act_77:1201\""),
        ("name", "\"Spring leads, lookalike 1%\""),
        ("account_id", "\"act_77\""),
        ("currency", "\"EUR\""),
        ("spend", "\"55662.00\""),
        ("leads", "2670"),
        ("cost_per_lead", "\"20.85\""),
        ("total", "83.6"),
        ("recommendation", "\"INCREASE_BUDGET\""),
        ("confidence", "0.93"),
        ("actionable", "true"),
        ("guard", "null"),
        ("as_of", "\"2026-11-22\""),
        ("updated_at", "\"2026-11-22T19:04:05.000Z\""),
    ] {
        assert_eq!(item[field].to_string(), expected, "{field}");
    }
    assert_eq!(item["parts"]["engagement"], 7.5);
    assert_eq!(item["window"]["revenue"], "77700.00");
    site.end().await;
}

#[tokio::test]
async fn pages_show_each_campaign_once_in_every_order() {
    let site = seeded().await;
    for sort in ["total", "spend", "leads", "cost_per_lead", "confidence", "updated", "name"] {
        for order in ["asc", "desc"] {
            let whole = site.all(&format!("/api/campaigns?sort={sort}&order={order}&limit=200")).await;
            let paged = site.all(&format!("/api/campaigns?sort={sort}&order={order}&limit=1")).await;
            assert_eq!(paged, whole, "{sort} {order}");
            let keys: BTreeSet<_> = paged.iter().map(|item| item["key"].to_string()).collect();
            assert_eq!((keys.len(), paged.len()), (CAMPAIGNS.len(), CAMPAIGNS.len()), "{sort} {order}");
        }
    }
    let totals: Vec<f64> =
        site.all("/api/campaigns?limit=5").await.iter().map(|item| item["total"].as_f64().unwrap()).collect();
    assert!(totals.is_sorted_by(|higher, lower| higher >= lower), "{totals:?}");
    let dearest = site.get("/api/campaigns?sort=cost_per_lead&limit=1").await.json();
    assert_eq!(dearest["items"][0]["cost_per_lead"], serde_json::Value::Null);
    site.end().await;
}

#[tokio::test]
async fn filters_leave_what_fits() {
    let site = seeded().await;
    for (query, expected) in [
        ("account=act_9", 4),
        ("recommendation=INCREASE_BUDGET", 1),
        ("recommendation=PAUSE_CAMPAIGN&account=act_77", 1),
        ("search=lead%20FORM", 3),
        ("search=m%C3%BCN", 1),
        ("search=2104", 1),
        ("search=100%25", 0),
        ("account=act_", 0),
    ] {
        assert_eq!(site.all(&format!("/api/campaigns?{query}")).await.len(), expected, "{query}");
    }
    site.end().await;
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_its_name() {
    let site = seeded().await;
    let cursor = site.get("/api/campaigns?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let firing = site.get("/api/alerts?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    for (path, word) in [
        ("/api/campaigns?colour=red".to_owned(), "colour"),
        ("/api/campaigns?limit=201".to_owned(), "limit"),
        ("/api/campaigns?limit=0".to_owned(), "limit"),
        ("/api/campaigns?limit=many".to_owned(), "limit"),
        ("/api/campaigns?limit=1&limit=2".to_owned(), "limit"),
        ("/api/campaigns?sort=colour".to_owned(), "sort"),
        ("/api/campaigns?recommendation=BUY".to_owned(), "BUY"),
        ("/api/campaigns?search=".to_owned(), "search"),
        ("/api/campaigns?cursor=x".to_owned(), "cursor"),
        (format!("/api/campaigns?sort=spend&cursor={cursor}"), "cursor"),
        (format!("/api/recommendations?cursor={cursor}"), "cursor"),
        ("/api/recommendations?sort=total".to_owned(), "sort"),
        ("/api/alerts?severity=RED".to_owned(), "RED"),
        ("/api/alerts?campaign=".to_owned(), "campaign"),
        ("/api/alerts?history=perhaps".to_owned(), "history"),
        (format!("/api/alerts?cursor={cursor}"), "cursor"),
        (format!("/api/alerts?history=true&cursor={firing}"), "history"),
        ("/api/alerts?colour=red".to_owned(), "colour"),
        ("/api/campaigns/x?days=3".to_owned(), "days"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert!(answer.text.contains(word), "{path}: {}", answer.text);
    }
    site.end().await;
}

#[tokio::test]
async fn a_campaign_shows_its_days_its_reasons_and_its_alerts() {
    let site = seeded().await;
    let answer = site.get("/api/campaigns/facebook:act_77:1207").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let campaign = answer.json();
    let days = campaign["days"].as_array().unwrap();
    assert_eq!((days.len(), days[44]["day"].as_str()), (45, Some("2026-11-21")));
    assert_eq!(days[40]["spend"], serde_json::Value::Null, "what was not reported is not zero");
    assert_eq!(
        (&days[40]["flags"][0], &days[40]["doubts"][0]),
        (&"INCOMPLETE".into(), &"SPEND_MISSING".into())
    );
    assert_eq!(days[36]["doubts"][0], "CLICKS_ABOVE_IMPRESSIONS");
    assert_eq!(days[0]["doubts"], serde_json::json!([]));
    let (spend, first) = (days[44]["spend"].as_str().unwrap(), days[44]["first"]["spend"].as_str().unwrap());
    assert!(first.parse::<f64>().unwrap() < spend.parse().unwrap(), "{first} {spend}");
    assert_eq!(
        days[44]["first"]["leads"],
        serde_json::Value::Null,
        "what was not reported at first is not zero"
    );
    assert_eq!(days[41]["first"], serde_json::Value::Null, "it has not changed since it was first seen");
    assert_eq!(campaign["reasons"][0]["code"], "NO_LEADS_AT_5X_TARGET");
    let alert = &campaign["alerts"][0];
    assert_eq!((&alert["code"], &alert["severity"]), (&"SPEND_SPIKE".into(), &"HIGH".into()));
    assert_eq!(alert["sentence"], "Yesterday cost 184.20, 2.0 times the mean of the seven days before.");
    assert_eq!(alert["raised_at"], "2026-11-22T20:00:00.000Z");
    assert_eq!(campaign["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&campaign["account"]["name"], &campaign["account"]["failure"]),
        (&"Garden & Home".into(), &serde_json::Value::Null)
    );
    assert_eq!(campaign["daily_budget"], "2000.00");
    assert_eq!(site.get("/api/campaigns/facebook:act_77:none").await.status, 404);
    assert_eq!(site.get("/api/campaigns/a%00b").await.status, 404);
    // A key may itself hold an escape; only its address in a URL is escaped once more.
    site.store
        .batch_execute("UPDATE scores SET campaign_key = 'facebook:act_77:a%3Ab' WHERE campaign_id = '1207'")
        .await
        .unwrap();
    assert_eq!(site.get("/api/campaigns/facebook:act_77:a%253Ab").await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn an_alert_of_an_account_shows_at_each_of_its_campaigns() {
    let site = seeded().await;
    let campaign = site.get("/api/campaigns/facebook:act_9:2101").await.json();
    assert_eq!(codes(campaign["alerts"].as_array().unwrap()), ["ACCOUNT_FAILURE", "DATA_QUALITY"]);
    assert_eq!(campaign["alerts"][0]["campaign_key"], serde_json::Value::Null);
    assert_eq!(campaign["account"]["failure_code"], "TOKEN_INVALID");
    assert_eq!(campaign["firing_alerts"], serde_json::json!([]), "the badges of a campaign are its own");
    let resolved = site.get("/api/campaigns/facebook:act_77:1204").await.json();
    assert_eq!(resolved["alerts"], serde_json::json!([]), "a resolved alert is not firing");
    site.end().await;
}

fn codes(alerts: &[serde_json::Value]) -> Vec<&str> {
    alerts.iter().map(|alert| alert["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn alerts_that_fire_come_the_most_severe_first_and_the_history_newest_first() {
    let site = seeded().await;
    let firing = site.all("/api/alerts?limit=200").await;
    assert_eq!(codes(&firing), ["ACCOUNT_FAILURE", "SPEND_SPIKE", "DATA_QUALITY", "LEAD_DROP"]);
    assert_eq!(site.all("/api/alerts?limit=1").await, firing);
    for (field, expected) in [
        ("severity", "\"HIGH\""),
        ("state", "\"FIRING\""),
        ("account_id", "\"act_77\""),
        ("account_name", "\"Garden & Home\""),
        ("campaign_key", "\"facebook:act_77:1207\""),
        ("campaign_name", "\"Summer sale <b>2026</b>\""),
        ("figure", "184.2"),
        ("threshold", "138.6"),
    ] {
        assert_eq!(firing[1][field].to_string(), expected, "{field}");
    }
    let history = site.all("/api/alerts?history=true&limit=200").await;
    assert_eq!(history.len(), ALERTS.len());
    assert_eq!(site.all("/api/alerts?history=true&limit=1").await, history);
    let moments: Vec<&str> = history.iter().map(|item| item["raised_at"].as_str().unwrap()).collect();
    assert!(moments.is_sorted_by(|newer, older| newer >= older), "{moments:?}");
    for (query, expected) in [
        ("account=act_9", 2),
        ("account=act_77", 2),
        ("campaign=facebook:act_77:1204", 0),
        ("campaign=facebook:act_77:1204&history=true", 2),
        ("severity=HIGH", 1),
        ("severity=HIGH&history=true", 3),
        ("severity=LOW", 0),
    ] {
        assert_eq!(site.all(&format!("/api/alerts?{query}")).await.len(), expected, "{query}");
    }
    site.end().await;
}

#[tokio::test]
async fn recommendations_come_newest_first_and_once() {
    let site = seeded().await;
    let whole = site.all("/api/recommendations?limit=200").await;
    assert_eq!(whole.len(), CAMPAIGNS.len());
    assert_eq!(site.all("/api/recommendations?limit=1").await, whole);
    let moments: Vec<&str> = whole.iter().map(|item| item["announced_at"].as_str().unwrap()).collect();
    assert!(moments.is_sorted_by(|newer, older| newer >= older), "{moments:?}");
    for (query, expected) in [
        ("action=PAUSE_CAMPAIGN", 1),
        ("account=act_9", 4),
        ("campaign=facebook:act_77:1201", 1),
        ("campaign=facebook:act_77:1201&action=PAUSE_CAMPAIGN", 0),
    ] {
        assert_eq!(site.all(&format!("/api/recommendations?{query}")).await.len(), expected, "{query}");
    }
    site.end().await;
}

#[tokio::test]
async fn an_empty_store_is_an_empty_list() {
    let site = Site::start("127.0.0.1:0").await;
    for path in ["/api/campaigns", "/api/recommendations", "/api/alerts", "/api/alerts?history=true"] {
        assert_eq!(site.get(path).await.text, r#"{"items":[],"next_cursor":null}"#);
    }
    site.end().await;
}

#[tokio::test]
async fn sessions_cannot_write_nor_run_for_long() {
    let site = Site::start("127.0.0.1:0").await;
    let session = site.pool.get().await.unwrap();
    let written =
        session.batch_execute("INSERT INTO sink_offsets VALUES ('g', 't', 0, 0)").await.unwrap_err();
    assert_eq!(written.code().unwrap().code(), "25006");
    let slept = session.batch_execute("SELECT pg_sleep(30)").await.unwrap_err();
    assert!(matches!(api::ApiError::from(slept), api::ApiError::Unavailable(_)));
    drop(session);
    site.end().await;
}

#[tokio::test]
async fn without_postgres_the_process_lives_and_says_what_is_missing() {
    let site = seeded().await;
    let before = site.get("/readyz").await;
    assert_eq!(
        (before.status, before.json()["checks"]["postgres"]["reason"].as_str()),
        (503, Some("not checked yet"))
    );
    site.readiness.check_all().await;
    assert_eq!(site.get("/readyz").await.status, 200);
    assert_eq!(site.get("/api/campaigns").await.status, 200);
    site.stack.postgres().unwrap().process().stop().await.unwrap();
    for _ in 0..3 {
        site.readiness.check_all().await;
    }
    let unready = site.get("/readyz").await;
    assert_eq!((unready.status, unready.json()["checks"]["postgres"]["failures"].as_u64()), (503, Some(3)));
    let answer = site.get("/api/campaigns").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{}", answer.text);
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    assert_eq!(site.get("/livez").await.status, 200);
    assert_eq!(site.get("/metrics").await.text, "adpulse_test 1\n");
    site.end().await;
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let site = Site::start("127.0.0.1:0").await;
    let page = site.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"));
    let mut texts = vec![page.text.clone()];
    for name in ["dashboard.css", "main.js", "dom.js", "list.js", "detail.js", "chart.js", "icon.svg"] {
        let asset = site.get(&format!("/assets/{name}")).await;
        assert_eq!(asset.status, 200, "{name}");
        assert!(!asset.header("content-security-policy").contains("unsafe"), "{name}");
        texts.push(asset.text);
    }
    for text in texts {
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{text}");
        assert!(!text.contains("innerHTML") && !text.contains(" style=\""), "{text}");
    }
    assert_eq!(site.get("/assets/nothing.js").await.status, 404);
    site.end().await;
}
