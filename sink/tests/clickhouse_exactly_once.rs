//! The ClickHouse sink under faults, on the real engine: no row is lost and none is there twice, whatever is refused, lost, late or
//! forgotten. Rows are counted in the tables themselves, unmerged, where nothing hides a repetition.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use std::sync::Arc;

use schemas::Day;
use sink::SinkError;
use sink::clickhouse::ClickHouseSink;
use support::clickhouse::Store;
use support::faults::{Fault, Insert};
use support::{Log, campaign, day};
use tokio::sync::Semaphore;

const DAYS: &str = "SELECT count() FROM campaign_days";
const REVISIONS: &str = "SELECT count() FROM campaign_day_revisions";

/// Ninety days of one campaign, in three months and two partitions.
fn ninety_days() -> Log {
    let mut log = Log::new();
    for n in 0..90 {
        log.partition = n % 2;
        log.day(i64::from(100 + n), &day("1", Day(20_089 + n), 1_000_000, 1));
    }
    log
}

fn tokens(inserts: &[Insert]) -> Vec<String> {
    inserts.iter().map(|insert| insert.token.replace("%2F", "/")).collect()
}

async fn assert_ninety_once(store: &Store) {
    assert_eq!(store.one(DAYS).await, "90");
    assert_eq!(store.one(REVISIONS).await, "90");
    assert_eq!(store.one("SELECT spend FROM v_campaign_totals").await, "90");
}

#[tokio::test]
async fn an_insert_is_synchronous_and_its_token_names_table_version_schema_topic_partitions_and_ranges() {
    let (_store, faults, settings) = Store::behind_faults("tokens").await;
    let log = ninety_days();
    ClickHouseSink::new(&settings, &log.schemas).write(&log.records()).await.unwrap();
    let first = faults.inserts();
    assert!(first.iter().all(|insert| insert.settings.contains("async_insert=0")), "{first:?}");
    let named = tokens(&first);
    assert!(named[0].starts_with("adpulse/campaign_day_revisions/3/"), "{named:?}");
    assert!(named[1].starts_with("adpulse/campaign_days/3/"), "{named:?}");
    assert!(named.iter().all(|token| token.ends_with("/campaign-days-0-100-188/campaign-days-1-101-189")));
    // Another member, and the same again: the same names. One record less: others.
    ClickHouseSink::new(&settings, &log.schemas).write(&log.records()).await.unwrap();
    assert_eq!(tokens(&faults.inserts()), named);
    ClickHouseSink::new(&settings, &log.schemas).write(&log.records()[1..]).await.unwrap();
    assert!(tokens(&faults.inserts()).iter().all(|token| !named.contains(token)));
}

#[tokio::test]
async fn however_many_rows_an_insert_has_it_is_one_block_for_each_month() {
    let (store, faults, settings) = Store::behind_faults("blocks").await;
    let mut log = Log::new();
    for n in 0..70_000 {
        let campaign = (n / 2).to_string();
        log.day(i64::from(n), &day(&campaign, Day(20_089 + 31 * (n % 2)), 1_000_000, 1));
    }
    let mut sink = ClickHouseSink::new(&settings, &log.schemas);
    for _ in 0..2 {
        sink.write(&log.records()).await.unwrap();
        assert_eq!(store.one(DAYS).await, "70000");
        let parts = "SELECT count() FROM system.parts WHERE active AND database = 'blocks' AND table = 'campaign_days'";
        assert_eq!(store.one(parts).await, "2");
    }
    assert_eq!(faults.inserts().len(), 4);
}

#[tokio::test]
async fn a_lost_answer_costs_nothing_also_when_the_tables_have_forgotten_their_tokens() {
    for (database, forgotten) in [("lost", false), ("lost_and_forgotten", true)] {
        let (store, faults, settings) = Store::behind_faults(database).await;
        let log = ninety_days();
        let mut sink = ClickHouseSink::new(&settings, &log.schemas);
        // The answer for each of the two tables is lost once.
        for _ in 0..2 {
            faults.plan([Fault::LostAnswer]);
            let error = sink.complete(&log.records()).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
            if forgotten {
                store.forget_tokens().await;
            }
        }
        let written = sink.complete(&log.records()).await.unwrap();
        assert_eq!((written.rows, written.stored, written.rejected.len()), (180, 90, 0));
        assert_ninety_once(&store).await;
    }
}

#[tokio::test]
async fn who_completes_a_batch_writes_what_is_missing_under_the_same_token_and_nothing_else() {
    let (store, faults, settings) = Store::behind_faults("missing").await;
    let log = ninety_days();
    // Revisions land, days do not: the member dies.
    faults.plan([Fault::None, Fault::Code(242)]);
    ClickHouseSink::new(&settings, &log.schemas).write(&log.records()).await.unwrap_err();
    let attempted = tokens(&faults.inserts());
    store.forget_tokens().await;
    // Of a month that is gone again, as after an insert that reached only some partitions, the rows are missing too.
    store.run("ALTER TABLE campaign_day_revisions DROP PARTITION 202501").await;
    let left: u64 = store.one(REVISIONS).await.parse().unwrap();
    assert!(0 < left && left < 90, "{left}");
    ClickHouseSink::new(&settings, &log.schemas).complete(&log.records()).await.unwrap();
    assert_eq!(tokens(&faults.inserts()), attempted);
    assert_ninety_once(&store).await;
    // Once more there is nothing to do, and nothing is sent.
    ClickHouseSink::new(&settings, &log.schemas).complete(&log.records()).await.unwrap();
    assert_eq!(faults.inserts(), []);
}

#[tokio::test]
async fn a_zombies_insert_that_arrives_after_the_new_owners_shows_no_row_twice() {
    for (database, forgotten) in [("zombie", false), ("zombie_and_forgotten", true)] {
        let (store, faults, settings) = Store::behind_faults(database).await;
        let log = ninety_days();
        let (go, done) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        faults.plan([Fault::Late(Arc::clone(&go), Arc::clone(&done))]);
        let mut zombie = ClickHouseSink::new(&settings, &log.schemas);
        assert!(zombie.write(&log.records()).await.unwrap_err().is_transient());
        ClickHouseSink::new(&settings, &log.schemas).complete(&log.records()).await.unwrap();
        assert_ninety_once(&store).await;
        if forgotten {
            store.forget_tokens().await;
        }
        go.add_permits(1);
        done.acquire().await.unwrap().forget();
        if forgotten {
            // The table itself holds them twice until it is merged; what is read does not.
            assert_eq!(store.one(REVISIONS).await, "180");
            assert_eq!(store.one("SELECT count() FROM v_campaign_day_revisions").await, "90");
            assert_eq!(store.one("SELECT spend FROM v_campaign_totals").await, "90");
        } else {
            assert_ninety_once(&store).await;
        }
    }
}

#[tokio::test]
async fn records_that_compaction_has_dropped_meanwhile_do_not_bring_the_others_in_again() {
    let (store, _faults, settings) = Store::behind_faults("compacted").await;
    let log = ninety_days();
    let records = log.records();
    ClickHouseSink::new(&settings, &log.schemas).write(&records).await.unwrap();
    store.forget_tokens().await;
    let kept: Vec<_> =
        records.iter().enumerate().filter(|(n, _)| n % 3 > 0).map(|(_, record)| *record).collect();
    ClickHouseSink::new(&settings, &log.schemas).complete(&kept).await.unwrap();
    assert_ninety_once(&store).await;
}

#[tokio::test]
async fn poison_is_found_by_halves_and_the_rest_lands_once_also_when_the_search_is_cut_short() {
    // Wherever the member dies: at the n-th insert of the search.
    for dies_at in 0..12 {
        let (store, faults, settings) = Store::behind_faults(&format!("bisection_{dies_at}")).await;
        store.run("ALTER TABLE campaigns ADD CONSTRAINT refused CHECK name NOT LIKE 'bad%'").await;
        let mut log = Log::new();
        for n in 0..16 {
            log.campaign(n, &campaign(&n.to_string(), if n == 5 || n == 11 { "bad" } else { "good" }));
        }
        // The newest record of a key is refused: then the one before counts.
        log.campaign(16, &campaign("3", "bad too"));
        faults.plan(std::iter::repeat_n(Fault::None, dies_at));
        faults.plan([Fault::LostAnswer]);
        let died = ClickHouseSink::new(&settings, &log.schemas).write(&log.records()).await;
        if dies_at == 0 {
            store.forget_tokens().await;
        }
        drop(died);
        faults.plan([]);
        let written = ClickHouseSink::new(&settings, &log.schemas).complete(&log.records()).await.unwrap();
        let found: Vec<usize> = written.rejected.iter().map(|rejected| rejected.index).collect();
        assert_eq!(found, [5, 11, 16], "dies at {dies_at}");
        assert_eq!(store.one("SELECT count() FROM campaigns").await, "14", "dies at {dies_at}");
        assert_eq!(store.one("SELECT countIf(name = 'good') FROM v_campaigns").await, "14");
        assert_eq!(store.one("SELECT name FROM v_campaigns WHERE campaign_id = '3'").await, "good");
    }
}

#[tokio::test]
async fn each_trouble_of_the_store_is_told_by_its_class_and_repeating_the_batch_completes_it() {
    let (store, faults, settings) = Store::behind_faults("troubles").await;
    let log = ninety_days();
    let mut sink = ClickHouseSink::new(&settings, &log.schemas);
    let troubles = [
        (252, "too_many_parts"),
        (242, "read_only"),
        (243, "disk"),
        (241, "memory"),
        (159, "timeout"),
        (202, "overloaded"),
        (999, "unavailable"),
    ];
    for (code, class) in troubles {
        faults.plan([Fault::Code(code)]);
        let error = sink.complete(&log.records()).await.unwrap_err();
        assert!(error.is_transient(), "{code}: {error}");
        assert_eq!(error.class(), class, "{code}");
    }
    // A schema that is not ours is said loudly, and nothing is set aside for it.
    for code in [16, 47, 60, 81] {
        faults.plan([Fault::Code(code)]);
        let error = sink.complete(&log.records()).await.unwrap_err();
        assert!(matches!(error, SinkError::Fatal { .. }), "{code}: {error}");
        assert!(error.to_string().ends_with("run `adpulse migrate`"), "{error}");
    }
    assert_eq!(sink.complete(&log.records()).await.unwrap().rejected, []);
    assert_ninety_once(&store).await;
}

#[tokio::test]
async fn tables_that_let_a_repeated_block_in_are_refused_at_the_start() {
    let store = Store::migrated("windows").await;
    let log = Log::new();
    store.sink(&log).verify().await.unwrap();
    store.run("ALTER TABLE leads MODIFY SETTING non_replicated_deduplication_window = 0").await;
    let error = store.sink(&log).verify().await.unwrap_err();
    assert!(matches!(error, SinkError::Fatal { .. }) && error.to_string().contains("table leads"), "{error}");
    store.run("ALTER TABLE leads MODIFY SETTING non_replicated_deduplication_window = 10000").await;
    store.sink(&log).verify().await.unwrap();
    store.run("DROP TABLE alerts").await;
    let error = store.sink(&log).verify().await.unwrap_err();
    assert!(error.to_string().ends_with("run `adpulse migrate`"), "{error}");
}
