//! The columns of the real ClickHouse: each holds its own field as it was sent, and a table that does not hold a row gets none.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use schemas::record::{
    Action, Campaign, CampaignDay, CampaignScore, Cohort, DeadLetter, Doubt, FatigueLevel, Figures, Guard,
    Header, Lead, LeadStage, Origin, Parts, QualityFlag, Reason, Recommendation, WindowTotals,
};
use schemas::{Day, Micros, TimestampMs, Topic};
use sink::SinkError;
use sink::clickhouse::ClickHouseSink;
use support::clickhouse::Store;
use support::{Log, ORIGIN, account, campaign, campaign_key, day};

/// So many seconds after 2026-10-01 06:00, and as many milliseconds.
const fn at(seconds: i64) -> TimestampMs {
    TimestampMs(1_790_834_400_000 + seconds * 1_001)
}

const PARTS: Parts =
    Parts { cost_efficiency: 0.1, lead_quality: 0.2, volume: 0.3, trend: -0.4, engagement: 1e300 };

fn reasons() -> Vec<Reason<'static>> {
    let sentence = "Schöner Satz, 'lang'.";
    let short = Reason { code: "B", figure: 3.0, target: 4.0, sentence: "" };
    vec![Reason { code: "A", figure: -1.5, target: 2.5, sentence }, short]
}

async fn row(store: &Store, table: &str) -> String {
    store
        .one(&format!("SELECT toString(groupArray(tuple(*))) FROM (SELECT * FROM {table} ORDER BY _offset)"))
        .await
}

#[tokio::test]
async fn every_column_of_campaigns_and_their_days_holds_its_own_field() {
    let store = Store::migrated("fields").await;
    let mut log = Log::new();
    log.partition = 7;
    let full = Campaign {
        objective: Some("LEADS"),
        lifetime_budget_micros: Some(Micros(-1)),
        frequency_at: Some(at(1)),
        fatigue_level: Some(FatigueLevel::High),
        fatigue_at: Some(at(2)),
        observed_at: Some(at(3)),
        known_since: Some(at(4)),
        ..campaign("1", "Käse")
    };
    log.campaign(3, &full);
    log.push_bytes(Topic::Campaigns, 4, &campaign_key("2"), None);
    let figures = |of: i64| Figures {
        spend_micros: Some(Micros(of * 1_000_000 + 1)),
        impressions: Some(of + 1),
        reach: Some(of + 2),
        clicks: Some(of + 3),
        link_clicks: Some(of + 4),
        leads: Some(of + 5),
        purchases: Some(of + 6),
        purchase_value_micros: Some(Micros(999_999_999_999_999_999 - of)),
    };
    let cohort = Cohort { leads: 31, qualified: 32, won: 33, revenue_micros: Micros(34) };
    log.day(
        5,
        &CampaignDay {
            figures: figures(10),
            first_figures: Some(figures(20)),
            flags: vec![QualityFlag::Outlier],
            doubts: vec![Doubt::DayAhead, Doubt::CtrAboveLimit],
            cohort,
            first_seen: Some(at(1)),
            last_seen: Some(at(2)),
            ..day("1", Day(-25_567), 0, 2)
        },
    );
    store.sink(&log).write(&log.records()).await.unwrap();
    let expected = "[('facebook','1','1','Käse','ACTIVE','LEADS',50,-0.000001,'Europe/Berlin','EUR',1.5,\
                    '2026-10-01 06:00:01.001','HIGH','2026-10-01 06:00:02.002','2026-10-01 06:00:03.003',\
                    '2026-10-01 06:00:04.004',0,7,3),('facebook','1','2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,\
                    NULL,NULL,NULL,NULL,NULL,NULL,1,7,4)]";
    assert_eq!(row(&store, "campaigns").await, expected);
    let expected = "[('facebook','1','1','1900-01-01','USD',10.000001,11,12,13,14,15,16,999999999999.999989,\
                    ['OUTLIER'],['DAY_AHEAD','CTR_ABOVE_LIMIT'],31,32,33,0.000034,2,'2026-10-01 06:00:01.001',\
                    '2026-10-01 06:00:02.002',true,20.000001,21,22,23,24,25,26,999999999999.999979,0,7,5)]";
    assert_eq!(row(&store, "campaign_days").await, expected);
    let expected = "[('facebook','1','1','1900-01-01','USD',10.000001,11,12,13,14,15,16,999999999999.999989,\
                    ['OUTLIER'],['DAY_AHEAD','CTR_ABOVE_LIMIT'],31,32,33,0.000034,2,'2026-10-01 06:00:01.001',\
                    '2026-10-01 06:00:02.002',7,5)]";
    assert_eq!(row(&store, "campaign_day_revisions").await, expected);
}

#[tokio::test]
async fn every_column_of_scores_and_recommendations_holds_its_own_field() {
    let store = Store::migrated("fields_of_scores").await;
    let mut log = Log::new();
    let score = CampaignScore {
        platform: "facebook",
        account_id: "1",
        campaign_id: "2",
        as_of: Day(120_529),
        parts: PARTS,
        total: 55.5,
        recommendation: Action::ReduceBudget,
        confidence: 0.75,
        actionable: true,
        guard: Some(Guard::NoLeadsAt3xTarget),
        reasons: reasons(),
        window: WindowTotals {
            spend_micros: Micros(1),
            impressions: 2,
            link_clicks: 3,
            leads: 4,
            crm_leads: 5,
            qualified: 6,
            won: 7,
            revenue_micros: Micros(8),
            purchases: 9,
            active_days: 10,
        },
        currency: Some("EUR"),
        scored_at: at(1),
        metrics_observed_at: Some(at(2)),
        policy_version: "p1",
        announced: None,
        firing: vec!["X", "Y"],
        origin: ORIGIN,
    };
    log.push(Topic::Scores, 11, &campaign_key("2"), &score);
    let recommendation = Recommendation {
        platform: "facebook",
        account_id: "1",
        campaign_id: "2",
        campaign_name: Some("n"),
        as_of: Day(20_000),
        parts: PARTS,
        total: 19.0,
        action: Action::PauseCampaign,
        previous_action: Some(Action::IncreaseBudget),
        confidence: 1.0,
        actionable: false,
        guard: None,
        reasons: reasons(),
        policy_version: "p2",
        announced_at: at(3),
        origin: ORIGIN,
    };
    log.push(Topic::Recommendations, 12, &campaign_key("2"), &recommendation);
    store.sink(&log).write(&log.records()).await.unwrap();
    let expected = "[('facebook','1','2','2299-12-31',0.1,0.2,0.3,-0.4,1e300,55.5,'REDUCE_BUDGET',0.75,true,\
                    'NO_LEADS_AT_3X_TARGET',[('A',-1.5,2.5,'Schöner Satz, \\'lang\\'.'),('B',3,4,'')],0.000001,\
                    2,3,4,5,6,7,0.000008,9,10,'EUR','2026-10-01 06:00:01.001','2026-10-01 06:00:02.002','p1',\
                    ['X','Y'],0,11)]";
    assert_eq!(row(&store, "scores").await, expected);
    let expected = "[('facebook','1','2','n','2024-10-04',0.1,0.2,0.3,-0.4,1e300,19,'PAUSE_CAMPAIGN',\
                    'INCREASE_BUDGET',1,false,NULL,[('A',-1.5,2.5,'Schöner Satz, \\'lang\\'.'),('B',3,4,'')],\
                    'p2','2026-10-01 06:00:03.003',0,12)]";
    assert_eq!(row(&store, "recommendations").await, expected);
}

#[tokio::test]
async fn every_column_of_leads_accounts_and_dead_letters_holds_its_own_field() {
    let store = Store::migrated("fields_of_leads").await;
    let mut log = Log::new();
    let lead = Lead {
        platform: Some("facebook"),
        account_id: Some("1"),
        campaign_id: Some("2"),
        campaign_at: Some(at(1)),
        stage: LeadStage::Won,
        created_at: Some(at(2)),
        qualified_at: Some(at(3)),
        disqualified_at: Some(at(4)),
        won_at: Some(at(5)),
        lost_at: Some(at(6)),
        amount_micros: Some(Micros(1_500_000)),
        currency: Some("EUR"),
        account_time_zone: Some("Europe/Berlin"),
        account_currency: Some("USD"),
        account_at: Some(at(7)),
        counted: None,
        observed_at: at(8),
        origin: ORIGIN,
    };
    log.push(Topic::Leads, 21, "hubspot:1", &lead);
    log.account(22, &account("name", &[(0, 4)]));
    let letter = DeadLetter {
        stage: "normalize",
        reason_code: "R",
        sentence: "s",
        origin: Some(Origin { topic: "events", partition: 5, offset: 6 }),
        locator: "l",
        refused_at: at(9),
        key: Some(b"\xff\x00k"),
        payload: b"\x80\n",
        headers: vec![Header { name: "h", value: b"\xfe" }, Header { name: "", value: b"" }],
    };
    log.push(Topic::DeadLetters, 23, "k", &letter);
    log.push(
        Topic::DeadLetters,
        24,
        "k",
        &DeadLetter { origin: None, key: None, headers: vec![], ..letter.clone() },
    );
    store.sink(&log).write(&log.records()).await.unwrap();
    let expected = "[('hubspot:1','facebook','1','2','2026-10-01 06:00:01.001','WON','2026-10-01 06:00:02.002',\
                    '2026-10-01 06:00:03.003','2026-10-01 06:00:04.004','2026-10-01 06:00:05.005',\
                    '2026-10-01 06:00:06.006',1.5,'EUR','Europe/Berlin','USD','2026-10-01 06:00:07.007',\
                    '2026-10-01 06:00:08.008',0,0,21)]";
    assert_eq!(row(&store, "leads").await, expected);
    let expected = "[('facebook','1','name','ACTIVE','Europe/Berlin','EUR',NULL,NULL,'2026-10-01 06:00:00.000',\
                    '2026-10-01 06:00:00.000',['DATA_QUALITY'],0,0,22)]";
    assert_eq!(row(&store, "accounts").await, expected);
    let expected = "[('facebook','1','2026-10-01 06:00:00.000',10,1,2,4,0,22)]";
    assert_eq!(row(&store, "account_hours").await, expected);
    let letters = "(SELECT * REPLACE (hex(key) AS key, hex(payload) AS payload, \
                   arrayMap(it -> (it.1, hex(it.2)), headers) AS headers) FROM dead_letters)";
    let expected = "[('normalize','R','s','events',5,6,'l','2026-10-01 06:00:09.009','FF006B','800A',[('h',\
                    'FE'),('','')],0,23),('normalize','R','s',NULL,NULL,NULL,'l','2026-10-01 06:00:09.009',NULL,\
                    '800A',[],0,24)]";
    assert_eq!(row(&store, letters).await, expected);
}

/// What is done to the table, what the error says of it, and how it is undone.
const CHANGES: [(&str, &str, &str); 9] = [
    ("RENAME COLUMN objective TO goal", "column objective", "RENAME COLUMN goal TO objective"),
    (
        "DROP COLUMN known_since",
        "column known_since",
        "ADD COLUMN known_since Nullable(DateTime64(3, 'UTC'))",
    ),
    (
        "MODIFY COLUMN daily_budget Nullable(Decimal(18, 4))",
        "daily_budget of the table campaigns is Nullable(Decimal(18, 4))",
        "MODIFY COLUMN daily_budget Nullable(Decimal(18, 6))",
    ),
    (
        "MODIFY COLUMN daily_budget Nullable(Int64)",
        "daily_budget of the table campaigns is Nullable(Int64)",
        "MODIFY COLUMN daily_budget Nullable(Decimal(18, 6))",
    ),
    (
        "MODIFY COLUMN frequency_7d Nullable(String)",
        "frequency_7d of the table campaigns is Nullable(String)",
        "MODIFY COLUMN frequency_7d Nullable(Float64)",
    ),
    (
        "MODIFY COLUMN observed_at Nullable(DateTime64(6, 'UTC'))",
        "observed_at of the table campaigns is Nullable(DateTime64(6, 'UTC'))",
        "MODIFY COLUMN observed_at Nullable(DateTime64(3, 'UTC'))",
    ),
    (
        "MODIFY COLUMN name String DEFAULT ''",
        "name of the table campaigns is String",
        "MODIFY COLUMN name Nullable(String)",
    ),
    (
        "MODIFY COLUMN _partition Int64",
        "_partition of the table campaigns is Int64",
        "MODIFY COLUMN _partition Int32",
    ),
    // A running sink does not notice this one, and the column has its default: as before.
    ("ADD COLUMN unknown Int64", "a column unknown", "DROP COLUMN unknown"),
];

#[tokio::test]
async fn a_table_that_does_not_hold_a_row_gets_none_and_the_error_names_the_column() {
    let store = Store::migrated("mismatches").await;
    let mut first = Log::new();
    first.campaign(0, &campaign("1", "before"));
    for (change, said, undo) in CHANGES {
        // Few rows, which could be taken for bad ones, and more than the server reads before it answers.
        let sizes = [1, 20_000];
        let mut running = sizes.map(|_| store.sink(&first));
        for sink in &mut running {
            sink.write(&first.records()).await.unwrap();
        }
        let before = store.one("SELECT count() FROM campaigns").await;
        store
            .run(&format!("ALTER TABLE campaigns {change} SETTINGS mutations_sync = 2, alter_sync = 2"))
            .await;
        for (rows, running) in sizes.into_iter().zip(&mut running) {
            let mut log = Log::new();
            (0..rows).for_each(|n| log.campaign(1 + n, &campaign(&n.to_string(), "after")));
            let mut new = store.sink(&log);
            let mut sinks = vec![&mut new];
            if !change.starts_with("ADD") {
                sinks.push(running);
            }
            for sink in sinks {
                let error = sink.write(&log.records()).await.unwrap_err();
                assert!(matches!(error, SinkError::Fatal { .. }), "{change}, {rows} rows: {error}");
                assert!(error.to_string().contains(said), "{change}, {rows} rows: {error}");
            }
        }
        assert_eq!(store.one("SELECT count() FROM campaigns").await, before, "{change}");
        store.run(&format!("ALTER TABLE campaigns {undo} SETTINGS mutations_sync = 2, alter_sync = 2")).await;
    }
}

#[tokio::test]
async fn a_running_sink_goes_on_when_a_column_still_holds_its_field() {
    let store = Store::migrated("tolerated").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    let mut sink: ClickHouseSink = store.sink(&log);
    sink.write(&log.records()).await.unwrap();
    for (offset, change) in [
        (1, "MODIFY COLUMN name LowCardinality(Nullable(String))"),
        (2, "MODIFY COLUMN observed_at Nullable(DateTime64(3, 'Europe/Berlin'))"),
        (3, "ADD COLUMN unknown Int64 DEFAULT 7"),
    ] {
        store
            .run(&format!("ALTER TABLE campaigns {change} SETTINGS mutations_sync = 2, alter_sync = 2"))
            .await;
        let mut log = Log::new();
        log.campaign(offset, &campaign(&format!("c{offset}"), "b"));
        for sink in [&mut sink, &mut store.sink(&log)] {
            let written = sink.write(&log.records()).await.unwrap();
            assert_eq!((written.stored, written.rejected.len()), (1, 0), "{change}");
        }
    }
    assert_eq!(store.one("SELECT groupArray(unknown) FROM campaigns FINAL").await, "[7,7,7,7]");
}
