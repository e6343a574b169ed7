//! The ClickHouse sink on the real engine: each row counts once whatever is repeated, and the views are right as they are.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use schemas::record::{Alert, AlertState, CampaignDay, Doubt, Figures, QualityFlag, Severity};
use schemas::{Day, Micros, Schemas, TimestampMs, Topic};
use sink::SinkError;
use sink::clickhouse::{self, ClickHouseSettings, ClickHouseSink};
use support::clickhouse::Store;
use support::{
    Log, ORIGIN, account, alert, campaign, campaign_key, dashboard_queries, day, spends_of_1178,
    stored_examples,
};

#[tokio::test]
async fn a_batch_written_twice_counts_once() {
    let store = Store::migrated("twice").await;
    for table in ["campaign_days", "campaign_day_revisions"] {
        store.run(&format!("SYSTEM STOP MERGES twice.{table}")).await;
    }
    let mut log = Log::new();
    for n in 0..90 {
        // Three months, so that one insert is a block in each of three partitions.
        log.day(i64::from(n), &day("1", Day(20_089 + n), 1_000_000, 1));
    }
    let mut sink = store.sink(&log);
    let first = sink.write(&log.records()).await.unwrap();
    assert_eq!((first.rows, first.stored), (180, 90));
    assert_eq!(sink.write(&log.records()).await.unwrap(), first);
    store.sink(&log).write(&log.records()).await.unwrap();
    // Not even the tables themselves hold a row twice: the server has dropped the repeated blocks.
    assert_eq!(store.one("SELECT count() FROM campaign_days").await, "90");
    assert_eq!(store.one("SELECT count() FROM campaign_day_revisions").await, "90");
    assert_eq!(store.one("SELECT spend FROM v_campaign_totals").await, "90");
}

#[tokio::test]
async fn a_batch_that_is_cut_differently_when_repeated_counts_once_in_the_views() {
    let store = Store::migrated("regrouped").await;
    store.run("SYSTEM STOP MERGES regrouped.campaign_days").await;
    let mut log = Log::new();
    for n in 0..60 {
        log.day(i64::from(n), &day("1", Day(20_089 + n), 1_000_000, 1));
    }
    let mut sink = store.sink(&log);
    let records = log.records();
    sink.write(&records).await.unwrap();
    sink.write(&records[..25]).await.unwrap();
    sink.write(&records[25..]).await.unwrap();
    let stored: u64 = store.one("SELECT count() FROM campaign_days").await.parse().unwrap();
    assert!(stored > 60, "the test wants rows that are not merged yet, there are {stored}");
    assert_eq!(store.one("SELECT count() FROM v_campaign_days").await, "60");
    assert_eq!(store.one("SELECT spend FROM v_campaign_totals").await, "60");
}

#[tokio::test]
async fn an_older_version_never_counts_again() {
    let store = Store::migrated("older").await;
    let mut newer = Log::new();
    newer.campaign(10, &campaign("1", "new name"));
    store.sink(&newer).write(&newer.records()).await.unwrap();
    let mut older = Log::new();
    older.campaign(5, &campaign("1", "old name"));
    store.sink(&older).write(&older.records()).await.unwrap();
    assert_eq!(
        store.one("SELECT arrayStringConcat(groupArray(assumeNotNull(name)), ',') FROM v_campaigns").await,
        "new name"
    );
}

#[tokio::test]
async fn the_latest_figures_of_a_day_count_and_every_revision_can_be_asked_for() {
    let store = Store::migrated("revisions").await;
    let mut log = Log::new();
    log.day(1, &day("1", Day(20_000), 10_000_000, 1));
    log.day(2, &day("1", Day(20_000), 12_500_000, 2));
    log.day(3, &day("1", Day(20_000), 13_000_000, 3));
    let written = store.sink(&log).write(&log.records()).await.unwrap();
    assert_eq!((written.rows, written.stored, written.superseded), (4, 1, 2));
    assert_eq!(store.one("SELECT groupArray(spend) FROM v_campaign_days").await, "[13]");
    let revisions =
        "SELECT groupArray(spend) FROM (SELECT spend FROM v_campaign_day_revisions ORDER BY revision)";
    assert_eq!(store.one(revisions).await, "[10,12.5,13]");
}

#[tokio::test]
async fn a_tombstone_hides_its_row_and_keeps_the_history() {
    let store = Store::migrated("tombstones").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    log.campaign(1, &campaign("2", "b"));
    log.day(0, &day("1", Day(20_000), 1_000_000, 1));
    log.account(0, &account("a", &[(0, 1)]));
    let mut sink = store.sink(&log);
    sink.write(&log.records()).await.unwrap();
    let mut gone = Log::new();
    gone.push_bytes(Topic::Campaigns, 2, &campaign_key("1"), None);
    gone.push_bytes(Topic::CampaignDays, 1, &format!("{}@{}", campaign_key("1"), Day(20_000)), None);
    gone.push_bytes(Topic::Scores, 0, &campaign_key("1"), None);
    gone.push_bytes(Topic::Leads, 0, "hubspot:1", None);
    gone.push_bytes(Topic::Accounts, 1, "facebook:1", None);
    let written = sink.write(&gone.records()).await.unwrap();
    assert_eq!((written.stored, written.skipped, written.rejected.len()), (4, 1, 0));
    assert_eq!(store.one("SELECT groupArray(campaign_id) FROM v_campaigns").await, "['2']");
    assert_eq!(store.one("SELECT count() FROM v_campaign_days").await, "0");
    assert_eq!(store.one("SELECT count() FROM v_campaign_day_revisions").await, "1");
    assert_eq!(store.one("SELECT count() FROM v_leads").await, "0");
    assert_eq!(store.one("SELECT count() FROM v_accounts").await, "0");
    assert_eq!(store.one("SELECT count() FROM v_account_hours").await, "1");
}

#[tokio::test]
async fn spend_is_right_to_the_cent() {
    let store = Store::migrated("cents").await;
    let mut log = Log::new();
    for (n, spend) in (0..).zip(spends_of_1178()) {
        log.day(i64::from(n), &day("1178", Day(17_400 + n), spend, 1));
    }
    store.sink(&log).write(&log.records()).await.unwrap();
    assert_eq!(store.one("SELECT spend FROM v_campaign_totals").await, "55662.149994");
    assert_eq!(store.one("SELECT round(spend, 2) FROM v_campaign_totals").await, "55662.15");
}

#[tokio::test]
async fn fourteen_months_and_more_than_a_hundred_months_of_days_land_in_one_batch() {
    let store = Store::migrated("months").await;
    for (campaign_id, days, step) in [("14 months", 425, 1), ("10 years", 130, 28)] {
        let mut log = Log::new();
        log.partition = step;
        for n in 0..days {
            log.day(i64::from(n), &day(campaign_id, Day(17_000 + n * step), 1_000_000, 1));
        }
        let mut sink = store.sink(&log);
        sink.write(&log.records()).await.unwrap();
        sink.write(&log.records()).await.unwrap();
    }
    let days = |view: &str| {
        format!("SELECT groupArray(n) FROM (SELECT count() AS n FROM {view} GROUP BY campaign_id ORDER BY n)")
    };
    assert_eq!(store.one(&days("campaign_days")).await, "[130,425]");
    assert_eq!(store.one(&days("v_campaign_days")).await, "[130,425]");
}

#[tokio::test]
async fn poison_is_set_aside_and_the_rest_lands() {
    let store = Store::migrated("poison").await;
    store.run("ALTER TABLE campaigns ADD CONSTRAINT refused CHECK name != 'bad'").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "older, and good"));
    log.campaign(1, &campaign("2", "good"));
    log.push_bytes(Topic::Campaigns, 2, "x", Some(b"not avro"));
    log.push_bytes(Topic::DeadLetters, 0, "x", None);
    log.campaign(4, &campaign("1", "bad"));
    log.campaign(5, &campaign("3", "good too"));
    log.day(0, &day("1", Day(200_000), 1, 1));
    log.day(1, &day("1", Day(20_000), i64::MAX, 1));
    let mut sink = store.sink(&log);
    let written = sink.write(&log.records()).await.unwrap();
    let found: Vec<_> = written.rejected.iter().map(|it| (it.index, it.code)).collect();
    let expected = [
        (2, "not_framed"),
        (3, "no_value"),
        (4, "refused_by_clickhouse"),
        (6, "day_out_of_range"),
        (7, "money_out_of_range"),
    ];
    assert_eq!(found, expected);
    assert_eq!(written.stored, 3);
    // Repeated after a lost answer, it comes to the same.
    assert_eq!(sink.write(&log.records()).await.unwrap(), written);
    let names = "SELECT groupArray(name) FROM (SELECT name FROM v_campaigns ORDER BY campaign_id)";
    assert_eq!(store.one(names).await, "['older, and good','good','good too']");
}

#[tokio::test]
async fn a_missing_column_is_fatal_and_nothing_is_set_aside() {
    let store = Store::migrated("drift").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    let mut sink = store.sink(&log);
    sink.write(&log.records()).await.unwrap();
    store.run("ALTER TABLE campaigns DROP COLUMN objective").await;
    let mut later = Log::new();
    later.campaign(1, &campaign("1", "b"));
    // The columns are remembered from the first insert, and asked for by a new sink.
    for sink in [&mut sink, &mut store.sink(&later)] {
        let error = sink.write(&later.records()).await.unwrap_err();
        assert!(matches!(error, SinkError::Fatal { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_transient_and_a_missing_database_is_not() {
    let log = stored_examples(&[Topic::Campaigns]);
    let away = ClickHouseSettings {
        user: Some("u".to_owned()),
        password: Some("canary".into()),
        ..ClickHouseSettings::new("http://127.0.0.1:1", "x")
    };
    let error = ClickHouseSink::connect(&away, &log.schemas).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    let error = ClickHouseSink::new(&away, &log.schemas).write(&log.records()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!format!("{away:?} {error} {error:?}").contains("canary"));
    let missing = Store::empty("missing");
    let error = missing.sink(&log).write(&log.records()).await.unwrap_err();
    assert_eq!(error.kind(), "fatal", "{error}");
    assert!(error.to_string().ends_with("run `adpulse migrate`"), "{error}");
}

#[tokio::test]
async fn every_example_of_the_contracts_becomes_a_row() {
    let store = Store::migrated("examples").await;
    let log = stored_examples(&clickhouse::TOPICS);
    let written = store.sink(&log).write(&log.records()).await.unwrap();
    assert_eq!(written.rejected, []);
    let views = [
        "v_campaigns",
        "v_campaign_days",
        "v_campaign_day_revisions",
        "v_campaign_totals",
        "v_scores",
        "v_current_scores",
        "v_recommendations",
        "v_leads",
        "v_accounts",
        "v_account_hours",
        "v_alerts",
        "v_firing_alerts",
        "v_dead_letters",
    ];
    for view in views {
        assert_ne!(store.one(&format!("SELECT count() FROM {view}")).await, "0", "{view}");
    }
    let code = "SELECT reasons[1].code FROM v_recommendations WHERE total = 19";
    assert_eq!(store.one(code).await, "VOLUME_LOW");
    let spend = "SELECT spend FROM v_campaign_days WHERE spend = 143.5";
    assert_eq!(store.one(spend).await, "143.5");
}

#[tokio::test]
async fn every_query_of_the_dashboards_finds_the_examples() {
    // The dashboards name the database.
    let store = Store::migrated("adpulse").await;
    let log = stored_examples(&clickhouse::TOPICS);
    store.sink(&log).write(&log.records()).await.unwrap();
    for (title, sql) in dashboard_queries("${clickhouse}", "isNotNull") {
        assert_ne!(store.one(&format!("SELECT count() FROM ({sql})")).await, "0", "{title}: {sql}");
    }
}

#[tokio::test]
async fn every_column_of_an_alert_holds_its_own_field() {
    let store = Store::migrated("columns").await;
    let mut log = Log::new();
    log.partition = 7;
    let alert = Alert {
        code: "COST_SPIKE",
        severity: Severity::High,
        state: AlertState::Firing,
        platform: "facebook",
        account_id: "1",
        campaign_id: None,
        figure: Some(2.5),
        threshold: Some(1.5),
        sentence: "Spend rose.",
        raised_at: TimestampMs(1_790_834_400_123),
        origin: ORIGIN,
    };
    log.push(Topic::Alerts, 3, "facebook:1", &alert);
    store.sink(&log).write(&log.records()).await.unwrap();
    let row = store.one("SELECT tuple(*) FROM v_alerts").await;
    let expected = "('facebook','1',NULL,'facebook:1','COST_SPIKE','HIGH','FIRING',2.5,1.5,'Spend rose.',\
                    '2026-10-01 06:00:00.123',7,3)";
    assert_eq!(row, expected);
}

#[tokio::test]
async fn a_day_keeps_its_doubts_and_its_first_figures() {
    let store = Store::migrated("doubts").await;
    let mut log = Log::new();
    let restated = CampaignDay {
        flags: vec![QualityFlag::Outlier],
        doubts: vec![Doubt::ClicksAboveImpressions, Doubt::CtrAboveLimit],
        first_figures: Some(Figures {
            spend_micros: Some(Micros(1_250_000)),
            impressions: Some(10),
            reach: Some(9),
            clicks: Some(8),
            link_clicks: Some(7),
            leads: None,
            purchases: Some(5),
            purchase_value_micros: Some(Micros(4_000_000)),
        }),
        ..day("1", Day(20_000), 2_000_000, 2)
    };
    log.day(0, &restated);
    log.day(1, &day("1", Day(20_001), 2_000_000, 1));
    let mut sink = store.sink(&log);
    for _ in 0..2 {
        sink.write(&log.records()).await.unwrap();
        let columns = "spend, doubts, restated, first_spend, first_impressions, first_reach, first_clicks, \
                       first_link_clicks, first_leads, first_purchases, first_purchase_value";
        let rows = store.one(&format!("SELECT groupArray(tuple({columns})) FROM v_campaign_days")).await;
        let expected = "[(2,['CLICKS_ABOVE_IMPRESSIONS','CTR_ABOVE_LIMIT'],true,1.25,10,9,8,7,NULL,5,4),\
                        (2,[],false,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)]";
        assert_eq!(rows, expected);
    }
    let doubts = "SELECT arrayStringConcat(doubts, ' ') FROM v_campaign_day_revisions WHERE revision = 2";
    assert_eq!(store.one(doubts).await, "CLICKS_ABOVE_IMPRESSIONS CTR_ABOVE_LIMIT");
}

#[tokio::test]
async fn an_account_keeps_every_hour_that_its_records_ever_carried() {
    let store = Store::migrated("accounts").await;
    let mut log = Log::new();
    log.account(0, &account("first name", &[(0, 4)]));
    log.account(1, &account("second name", &[(0, 5), (1, 0), (2, 0)]));
    log.account(2, &account("third name", &[(1, 10), (2, 0), (3, 1)]));
    let mut sink = store.sink(&log);
    let first = sink.write(&log.records()).await.unwrap();
    assert_eq!((first.rows, first.stored, first.superseded, first.rejected.len()), (5, 1, 2, 0));
    // The same again, whole and in parts that the server has not seen as such.
    assert_eq!(sink.write(&log.records()).await.unwrap(), first);
    sink.write(&log.records()[..1]).await.unwrap();
    sink.write(&log.records()[1..]).await.unwrap();
    let account = "SELECT groupArray(tuple(name, status, currency, failure_code, firing)) FROM v_accounts";
    assert_eq!(store.one(account).await, "[('third name','ACTIVE','EUR',NULL,['DATA_QUALITY'])]");
    let hours = "SELECT groupArray(tuple(toHour(hour_start), records, rejected, round(bad_share, 2))) \
                 FROM (SELECT * FROM v_account_hours ORDER BY hour_start)";
    assert_eq!(store.one(hours).await, "[(6,10,5,0.8),(7,10,10,1),(8,10,0,0.3),(9,10,1,0.4)]");
}

#[tokio::test]
async fn an_alert_is_firing_until_it_resolves_however_often_it_is_told() {
    let store = Store::migrated("firing").await;
    let mut log = Log::new();
    log.alert(0, &alert(Some("1"), AlertState::Firing, 0));
    log.alert(1, &alert(None, AlertState::Firing, 0));
    log.alert(2, &alert(Some("1"), AlertState::Resolved, 0));
    let mut sink = store.sink(&log);
    for _ in 0..2 {
        sink.write(&log.records()).await.unwrap();
        sink.write(&log.records()[..1]).await.unwrap();
        let firing = "SELECT groupArray(tuple(subject, code)) FROM v_firing_alerts";
        assert_eq!(store.one(firing).await, "[('facebook:1','DATA_QUALITY')]");
        assert_eq!(store.one("SELECT count() FROM v_alerts").await, "3");
    }
}

#[tokio::test]
async fn what_was_stored_before_the_columns_came_has_their_defaults() {
    let store = Store::migrated("upgraded").await;
    // As the migrations before left it.
    store
        .run("ALTER TABLE campaign_days DROP COLUMN doubts, DROP COLUMN restated, DROP COLUMN first_spend")
        .await;
    store.run("ALTER TABLE schema_migrations DELETE WHERE version = 3 SETTINGS mutations_sync = 2").await;
    store
        .run(
            "INSERT INTO campaign_days (platform, account_id, campaign_id, day, spend, revision, _offset) \
              VALUES ('facebook', '1', '1', '2026-10-01', 7, 1, 3)",
        )
        .await;
    assert_eq!(clickhouse::migrate(&store.settings).await.unwrap().len(), 1);
    let row = "SELECT tuple(spend, doubts, restated, first_spend) FROM v_campaign_days";
    assert_eq!(store.one(row).await, "(7,[],false,NULL)");
}

#[tokio::test]
async fn every_table_remembers_its_tokens() {
    let store = Store::migrated("windows").await;
    let without = "SELECT groupArray(name) FROM system.tables WHERE database = 'windows' \
                   AND engine = 'ReplacingMergeTree' AND create_table_query NOT LIKE '%deduplication_window = 10000%'";
    assert_eq!(store.one(without).await, "[]");
}

#[tokio::test]
async fn migrating_twice_or_from_two_processes_is_safe() {
    let store = Store::empty("migrations");
    let (a, b) = tokio::join!(clickhouse::migrate(&store.settings), clickhouse::migrate(&store.settings));
    assert!(a.unwrap().len() + b.unwrap().len() >= 2);
    assert!(clickhouse::migrate(&store.settings).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_changed_or_unknown_migration_is_refused() {
    let store = Store::migrated("changed").await;
    store.run("INSERT INTO schema_migrations (version, name, checksum) VALUES (1, 'history', 'x')").await;
    let error = clickhouse::migrate(&store.settings).await.unwrap_err();
    assert!(error.to_string().contains("0001 (history) was applied with another content"), "{error}");
    let store = Store::migrated("unknown").await;
    store.run("INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'later', '')").await;
    let error = clickhouse::migrate(&store.settings).await.unwrap_err();
    assert!(error.to_string().contains("a newer adpulse has migrated it"), "{error}");
}

#[tokio::test]
async fn batches_may_be_sent_compressed_or_not() {
    let store = Store::migrated("compression").await;
    for (offset, compress) in [(0, true), (1, false)] {
        let mut log = Log::new();
        log.campaign(offset, &campaign(&offset.to_string(), "a"));
        let settings = ClickHouseSettings { compress, ..store.settings.clone() };
        ClickHouseSink::connect(&settings, &Schemas::compiled())
            .await
            .unwrap()
            .write(&log.records())
            .await
            .unwrap();
    }
    assert_eq!(store.one("SELECT count() FROM v_campaigns").await, "2");
}
