//! The Postgres sink on a real server: rows and offsets land together, once, and never backwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use deadpool_postgres::Pool;
use schemas::record::{AlertState, CampaignDay, Doubt, FatigueLevel, Figures, QualityFlag};
use schemas::{Day, Micros, Topic};
use sink::SinkError;
use sink::postgres::{self, PostgresSink};
use support::postgres::{migrated, one};
use support::{
    Log, account, alert, campaign, campaign_key, dashboard_queries, day, spends_of_1178, stored_examples,
};

fn member(pool: &Pool, log: &Log) -> PostgresSink {
    PostgresSink::new(pool.clone(), "sink-postgres", &log.schemas)
}

#[tokio::test]
async fn a_batch_written_twice_counts_once() {
    let pool = migrated("twice").await;
    let mut log = Log::new();
    for n in 0..50 {
        log.day(i64::from(n), &day("1", Day(20_000 + n), 1_000_000, 1));
    }
    let mut sink = member(&pool, &log);
    let first = sink.write(&log.records()).await.unwrap();
    assert_eq!((first.rows, first.stored, first.skipped), (50, 50, 0));
    let again = sink.write(&log.records()).await.unwrap();
    assert_eq!((again.rows, again.stored, again.skipped), (0, 0, 50));
    // A process that has just started learns the position from the store.
    let restarted = member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!((restarted.rows, restarted.skipped), (0, 50));
    assert_eq!(one(&pool, "SELECT sum(spend) FROM v_campaign_days").await, "50.000000");
    assert_eq!(one(&pool, "SELECT next_offset FROM sink_offsets").await, "50");
}

#[tokio::test]
async fn an_older_version_never_overwrites_a_newer_one() {
    let pool = migrated("older").await;
    let mut newer = Log::new();
    newer.campaign(10, &campaign("1", "new name"));
    newer.campaign(11, &campaign("2", "also new"));
    member(&pool, &newer).write(&newer.records()).await.unwrap();
    let mut older = Log::new();
    older.campaign(5, &campaign("1", "old name"));
    older.push_bytes(Topic::Campaigns, 6, &campaign_key("2"), None);
    // Another group has its own positions, so the rows' own versions must hold.
    let mut other = PostgresSink::new(pool.clone(), "another-group", &older.schemas);
    other.write(&older.records()).await.unwrap();
    assert_eq!(
        one(&pool, "SELECT string_agg(name, ',' ORDER BY name) FROM campaigns").await,
        "also new,new name"
    );
}

#[tokio::test]
async fn within_a_batch_the_last_record_of_a_key_counts() {
    let pool = migrated("last").await;
    let mut log = Log::new();
    log.campaign(1, &campaign("1", "a"));
    log.campaign(2, &campaign("1", "b"));
    log.campaign(3, &campaign("1", "c"));
    let written = member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!((written.rows, written.stored, written.superseded), (1, 1, 2));
    assert_eq!(one(&pool, "SELECT name FROM campaigns").await, "c");
}

#[tokio::test]
async fn a_batch_that_is_not_committed_leaves_no_trace() {
    let pool = migrated("dropped").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    let mut sink = member(&pool, &log);
    drop(sink.stage(&log.records()).await.unwrap());
    assert_eq!(one(&pool, "SELECT count(*) FROM campaigns").await, "0");
    assert_eq!(one(&pool, "SELECT count(*) FROM sink_offsets").await, "0");
    assert_eq!(sink.write(&log.records()).await.unwrap().stored, 1);
}

#[tokio::test]
async fn rows_and_offsets_land_together_when_the_connection_dies_before_the_commit() {
    let pool = migrated("killed").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    let mut sink = member(&pool, &log);
    let staged = sink.stage(&log.records()).await.unwrap();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()";
    assert_eq!(one(&pool, kill).await, "1");
    let error = staged.commit().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(one(&pool, "SELECT count(*) FROM campaigns").await, "0");
    assert_eq!(one(&pool, "SELECT count(*) FROM sink_offsets").await, "0");
    assert_eq!(sink.write(&log.records()).await.unwrap().stored, 1);
    assert_eq!(one(&pool, "SELECT next_offset FROM sink_offsets").await, "1");
}

#[tokio::test]
async fn a_member_that_has_been_replaced_is_fenced_and_writes_nothing() {
    let pool = migrated("fenced").await;
    let mut log = Log::new();
    for n in 0..4 {
        log.campaign(n, &campaign("1", "from the new member"));
    }
    let mut old_log = Log::new();
    for n in 0..8 {
        old_log.campaign(n, &campaign("1", "from the old member"));
    }
    let (mut old, mut new) = (member(&pool, &log), member(&pool, &log));
    assert!(old.positions().await.unwrap().is_empty());
    new.write(&log.records()).await.unwrap();
    match old.write(&old_log.records()).await.unwrap_err() {
        SinkError::Fenced { topic, partition, expected, found } => {
            assert_eq!((topic, partition, expected, found), ("campaigns", 0, 0, 4));
        }
        other => panic!("{other}"),
    }
    assert_eq!(one(&pool, "SELECT name FROM campaigns").await, "from the new member");
    assert_eq!(old.positions().await.unwrap().get(&(Topic::Campaigns, 0)), Some(&4));
    let written = old.write(&old_log.records()).await.unwrap();
    assert_eq!((written.skipped, written.superseded, written.stored), (4, 3, 1));
}

#[tokio::test]
async fn two_members_at_once_store_each_record_once() {
    let pool = migrated("race").await;
    let mut log = Log::new();
    for n in 0..200 {
        log.day(i64::from(n), &day("1", Day(20_000 + n), 1_000_000, 1));
    }
    let (mut a, mut b) = (member(&pool, &log), member(&pool, &log));
    a.positions().await.unwrap();
    b.positions().await.unwrap();
    let records = log.records();
    let (first, second) = tokio::join!(a.write(&records), b.write(&records));
    let fenced =
        [&first, &second].into_iter().filter(|it| matches!(it, Err(SinkError::Fenced { .. }))).count();
    assert_eq!(fenced, 1, "{first:?} {second:?}");
    assert_eq!(one(&pool, "SELECT count(*) FROM campaign_days").await, "200");
}

#[tokio::test]
async fn a_tombstone_removes_its_row() {
    let pool = migrated("tombstones").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    log.campaign(1, &campaign("2", "b"));
    log.day(0, &day("1", Day(20_000), 1, 1));
    log.account(0, &account("a", &[]));
    let mut sink = member(&pool, &log);
    sink.write(&log.records()).await.unwrap();
    let mut gone = Log::new();
    gone.push_bytes(Topic::Campaigns, 2, &campaign_key("1"), None);
    gone.push_bytes(Topic::CampaignDays, 1, &format!("{}@{}", campaign_key("1"), Day(20_000)), None);
    gone.push_bytes(Topic::Scores, 0, &campaign_key("1"), None);
    gone.push_bytes(Topic::Leads, 0, "hubspot:1", None);
    gone.push_bytes(Topic::Accounts, 1, "facebook:1", None);
    assert_eq!(sink.write(&gone.records()).await.unwrap().stored, 5);
    assert_eq!(one(&pool, "SELECT count(*) FROM accounts").await, "0");
    assert_eq!(one(&pool, "SELECT string_agg(name, ',') FROM campaigns").await, "b");
    assert_eq!(one(&pool, "SELECT count(*) FROM campaign_days").await, "0");
}

#[tokio::test]
async fn spend_is_right_to_the_cent() {
    let pool = migrated("cents").await;
    let mut log = Log::new();
    for (n, spend) in (0..).zip(spends_of_1178()) {
        log.day(i64::from(n), &day("1178", Day(17_400 + n), spend, 1));
    }
    member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!(one(&pool, "SELECT sum(spend_micros) FROM campaign_days").await, "55662149994");
    assert_eq!(one(&pool, "SELECT round(sum(spend), 2) FROM v_campaign_days").await, "55662.15");
}

#[tokio::test]
async fn poison_is_set_aside_and_the_rest_lands() {
    let pool = migrated("poison").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "older, and good"));
    log.campaign(1, &campaign("2", "good"));
    log.push_bytes(Topic::Campaigns, 2, "x", Some(b"not avro"));
    log.push_bytes(Topic::Campaigns, 3, "no campaign key", None);
    // Valid UTF-8 and a valid record, but no text of Postgres.
    log.campaign(4, &campaign("1", "a nul \0 inside"));
    log.campaign(5, &campaign("3", "good too"));
    log.day(0, &day("1", Day(200_000), 1, 1));
    let mut sink = member(&pool, &log);
    let records = log.records();
    let staged = sink.stage(&records).await.unwrap();
    let found: Vec<_> = staged.written().rejected.iter().map(|it| (it.index, it.code)).collect();
    let expected =
        [(2, "not_framed"), (3, "malformed_key"), (4, "refused_by_postgres"), (6, "day_out_of_range")];
    assert_eq!(found, expected);
    let written = staged.commit().await.unwrap();
    assert_eq!((written.rows, written.stored, written.rejected.len()), (3, 3, 4));
    let names = one(&pool, "SELECT string_agg(name, ',' ORDER BY campaign_id) FROM campaigns").await;
    assert_eq!(names, "older, and good,good,good too");
    assert_eq!(
        one(&pool, "SELECT string_agg(topic || next_offset, ',' ORDER BY topic) FROM sink_offsets").await,
        "campaign-days1,campaigns6"
    );
}

#[tokio::test]
async fn a_schema_that_fits_nothing_is_fatal_and_not_a_flood_of_dead_letters() {
    let pool = migrated("drift").await;
    let alter = "ALTER TABLE campaign_days ADD CONSTRAINT none CHECK (false)";
    pool.get().await.unwrap().batch_execute(alter).await.unwrap();
    let mut log = Log::new();
    for n in 0..600 {
        log.day(i64::from(n), &day("1", Day(n), 1, 1));
    }
    let error = member(&pool, &log).write(&log.records()).await.unwrap_err();
    assert_eq!(error.kind(), "fatal", "{error}");
    assert_eq!(one(&pool, "SELECT count(*) FROM sink_offsets").await, "0");
}

#[tokio::test]
async fn every_example_of_the_contracts_becomes_a_row() {
    let pool = migrated("examples").await;
    let log = stored_examples(&postgres::TOPICS);
    let written = member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!(written.rejected, []);
    let tables = [
        "campaigns",
        "campaign_days",
        "scores",
        "leads",
        "accounts",
        "recommendations",
        "alerts",
        "current_alerts",
    ];
    for table in tables {
        assert_ne!(one(&pool, &format!("SELECT count(*) FROM {table}")).await, "0", "{table}");
    }
    let code = "SELECT reasons->0->>'code' FROM recommendations WHERE total = 19";
    assert_eq!(one(&pool, code).await, "VOLUME_LOW");
    let views = [
        "v_campaign_days",
        "v_campaign_scores",
        "v_current_recommendations",
        "v_firing_alerts",
        "v_account_hours",
    ];
    for view in views {
        assert_ne!(one(&pool, &format!("SELECT count(*) FROM {view}")).await, "0", "{view}");
    }
}

#[tokio::test]
async fn every_query_of_the_dashboards_finds_the_examples() {
    let pool = migrated("dashboards").await;
    let log = stored_examples(&postgres::TOPICS);
    member(&pool, &log).write(&log.records()).await.unwrap();
    let client = pool.get().await.unwrap();
    for (title, sql) in dashboard_queries("${postgres}", "isfinite") {
        let found = client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{title}: {error:?}"));
        assert!(!found.is_empty(), "{title}: {sql}");
    }
}

#[tokio::test]
async fn every_column_of_a_campaign_holds_its_own_field() {
    let pool = migrated("columns").await;
    let mut log = Log::new();
    let mut campaign = campaign("1", "name");
    campaign.fatigue_level = Some(FatigueLevel::High);
    log.partition = 7;
    log.campaign(3, &campaign);
    member(&pool, &log).write(&log.records()).await.unwrap();
    let row = one(&pool, "SELECT c FROM campaigns c").await;
    let expected = "(facebook:1:1,facebook,1,1,name,ACTIVE,,50000000,,Europe/Berlin,EUR,1.5,HIGH,,\
                    \"2026-10-01 06:00:00+00\",7,3,\"2026-10-01 06:00:00+00\",\"2026-09-21 14:13:20+00\")";
    assert_eq!(row, expected);
}

#[tokio::test]
async fn a_day_keeps_its_doubts_and_its_first_figures() {
    let pool = migrated("doubts").await;
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
    member(&pool, &log).write(&log.records()).await.unwrap();
    PostgresSink::new(pool.clone(), "another-group", &log.schemas).write(&log.records()).await.unwrap();
    let rows = "SELECT string_agg(concat_ws(' ', spend, doubts, restated, first_spend, first_impressions, first_reach, \
                first_clicks, first_link_clicks, coalesce(first_leads::text, '-'), first_purchases, first_purchase_value), \
                '; ' ORDER BY day) FROM v_campaign_days";
    let expected = "2.000000 {CLICKS_ABOVE_IMPRESSIONS,CTR_ABOVE_LIMIT} t 1.250000 10 9 8 7 - 5 4.000000; \
                    2.000000 {} f -";
    assert_eq!(one(&pool, rows).await, expected);
}

#[tokio::test]
async fn the_newest_state_of_an_account_counts() {
    let pool = migrated("accounts").await;
    let mut log = Log::new();
    log.account(0, &account("old name", &[(0, 4)]));
    log.account(1, &account("new name", &[(0, 5), (1, 10)]));
    member(&pool, &log).write(&log.records()).await.unwrap();
    let mut older = Log::new();
    older.account(0, &account("old name", &[(0, 4)]));
    PostgresSink::new(pool.clone(), "another-group", &log.schemas).write(&older.records()).await.unwrap();
    let row =
        one(&pool, "SELECT (account_key, name, status, currency, failure_code, firing) FROM accounts").await;
    assert_eq!(row, "(facebook:1,\"new name\",ACTIVE,EUR,,{DATA_QUALITY})");
    let hours = "SELECT string_agg(concat_ws(' ', hour_start AT TIME ZONE 'UTC', records, incomplete, outlier, rejected), \
                 '; ' ORDER BY hour_start) FROM v_account_hours";
    assert_eq!(one(&pool, hours).await, "2026-10-01 06:00:00 10 1 2 5; 2026-10-01 07:00:00 10 1 2 10");
}

/// Subject and since when, of what is firing.
async fn firing(pool: &Pool) -> String {
    let list = "SELECT string_agg(subject || ' ' || to_char(raised_at AT TIME ZONE 'UTC', 'HH24:MI'), ', ' ORDER BY subject) \
                FROM v_firing_alerts";
    one(pool, list).await
}

#[tokio::test]
async fn an_alert_is_firing_until_it_resolves_and_may_fire_again() {
    let pool = migrated("firing").await;
    let mut log = Log::new();
    let write = async |log: &Log| member(&pool, log).write(&log.records()).await.unwrap();
    log.alert(0, &alert(Some("1"), AlertState::Firing, 0));
    log.alert(1, &alert(None, AlertState::Firing, 1));
    write(&log).await;
    assert_eq!(firing(&pool).await, "facebook:1 06:01, facebook:1:1 06:00");
    log.alert(2, &alert(Some("1"), AlertState::Resolved, 2));
    write(&log).await;
    assert_eq!(firing(&pool).await, "facebook:1 06:01");
    log.alert(3, &alert(Some("1"), AlertState::Firing, 3));
    log.alert(4, &alert(None, AlertState::Resolved, 3));
    write(&log).await;
    assert_eq!(firing(&pool).await, "facebook:1:1 06:03");
    assert_eq!(one(&pool, "SELECT count(*) FROM alerts").await, "5");
}

#[tokio::test]
async fn fired_and_resolved_in_one_batch_is_not_firing_even_at_one_moment() {
    let pool = migrated("firing_at_once").await;
    let mut log = Log::new();
    log.alert(0, &alert(Some("1"), AlertState::Firing, 0));
    log.alert(1, &alert(Some("1"), AlertState::Resolved, 0));
    log.alert(2, &alert(None, AlertState::Resolved, 0));
    log.alert(3, &alert(None, AlertState::Firing, 0));
    let written = member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!((written.stored, written.superseded), (4, 0));
    assert_eq!(firing(&pool).await, "facebook:1 06:00");
}

#[tokio::test]
async fn alerts_that_arrive_again_change_nothing() {
    let pool = migrated("firing_again").await;
    let mut log = Log::new();
    log.alert(0, &alert(Some("1"), AlertState::Firing, 0));
    log.alert(1, &alert(Some("1"), AlertState::Resolved, 5));
    log.alert(2, &alert(None, AlertState::Firing, 6));
    member(&pool, &log).write(&log.records()).await.unwrap();
    // Read again by a group without positions, in two batches, and written again by a processor that repeats itself.
    let mut other = PostgresSink::new(pool.clone(), "another-group", &log.schemas);
    other.write(&log.records()[..1]).await.unwrap();
    assert_eq!(firing(&pool).await, "facebook:1 06:06");
    other.write(&log.records()[1..]).await.unwrap();
    assert_eq!(firing(&pool).await, "facebook:1 06:06");
    log.alert(3, &alert(Some("1"), AlertState::Firing, 0));
    member(&pool, &log).write(&log.records()).await.unwrap();
    assert_eq!(firing(&pool).await, "facebook:1 06:06");
    assert_eq!(one(&pool, "SELECT count(*) FROM alerts").await, "3");
}

#[tokio::test]
async fn what_is_firing_is_known_from_the_alerts_stored_before_there_was_a_table_for_it() {
    let pool = migrated("upgraded").await;
    let client = pool.get().await.unwrap();
    // As the migrations before left it.
    let back = "DROP VIEW v_firing_alerts, v_campaign_days, v_account_hours; DROP TABLE current_alerts, accounts;
                ALTER TABLE campaigns DROP COLUMN frequency_at, DROP COLUMN known_since;
                ALTER TABLE leads DROP COLUMN account_time_zone, DROP COLUMN account_currency, DROP COLUMN account_at;
                ALTER TABLE campaign_days DROP COLUMN doubts, DROP COLUMN restated, DROP COLUMN first_spend_micros,
                    DROP COLUMN first_impressions, DROP COLUMN first_reach, DROP COLUMN first_clicks,
                    DROP COLUMN first_link_clicks, DROP COLUMN first_leads, DROP COLUMN first_purchases,
                    DROP COLUMN first_purchase_value_micros;
                DELETE FROM schema_migrations WHERE version = 3;
                INSERT INTO alerts VALUES
                    ('facebook:1:1', 'SPEND_SPIKE', '2026-10-01 06:00Z', 'FIRING', 'HIGH', 'facebook', '1', '1', 2, 1, '', 0, 0),
                    ('facebook:1:1', 'SPEND_SPIKE', '2026-10-01 06:00Z', 'RESOLVED', 'HIGH', 'facebook', '1', '1', 2, 1, '', 0, 1),
                    ('facebook:1:2', 'SPEND_SPIKE', '2026-10-01 06:00Z', 'FIRING', 'HIGH', 'facebook', '1', '2', 2, 1, '', 0, 2);
                INSERT INTO campaign_days (campaign_key, day, platform, account_id, campaign_id, flags, crm_leads,
                    crm_qualified, crm_won, crm_revenue_micros, revision, source_partition, source_offset)
                VALUES ('facebook:1:1', '2026-10-01', 'facebook', '1', '1', '{}', 0, 0, 0, 0, 1, 0, 0)";
    client.batch_execute(back).await.unwrap();
    assert_eq!(postgres::migrate(&pool).await.unwrap().len(), 1);
    assert_eq!(firing(&pool).await, "facebook:1:2 06:00");
    assert_eq!(one(&pool, "SELECT (doubts, restated, first_spend) FROM v_campaign_days").await, "({},f,)");
}
