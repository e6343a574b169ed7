//! The Postgres sink under faults, on a real server: whatever dies around a commit, rows and positions agree, and each record is
//! stored once.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use devstack::{Engine, Progress, Stack, StackConfig};
use sink::postgres::{self, Pool, PostgresSettings, PostgresSink, Tls};
use sink::{Secret, SinkError};
use support::cut::{Cut, Cuts};
use support::{Log, campaign};
use tokio::sync::Semaphore;

fn pool(url: &str) -> Pool {
    postgres::pool(&PostgresSettings::new(Secret::new(url), Tls::Disable)).unwrap()
}

/// A migrated database of its own: its address, and a pool that no fault touches.
async fn migrated(server: &str, name: &str) -> (String, Pool) {
    pool(server).get().await.unwrap().batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let direct = pool(&url);
    postgres::migrate(&direct).await.unwrap();
    (url, direct)
}

async fn shared(name: &str) -> (String, Pool) {
    migrated(&support::engine(Engine::Postgres, |stack| stack.postgres().unwrap().url()), name).await
}

fn member(pool: &Pool, log: &Log) -> PostgresSink {
    PostgresSink::new(pool.clone(), "sink-postgres", &log.schemas)
}

async fn behind_cuts(url: &str, log: &Log) -> (PostgresSink, Cuts) {
    let (before, after) = url.split_once('@').unwrap();
    let (address, database) = after.split_once('/').unwrap();
    let (cuts, proxy) = Cuts::before(address).await;
    (member(&pool(&format!("{before}@{proxy}/{database}")), log), cuts)
}

async fn one(pool: &Pool, sql: &str) -> String {
    let sql = format!("SELECT q::text FROM ({sql}) AS t(q)");
    pool.get()
        .await
        .unwrap()
        .query_one(&sql, &[])
        .await
        .unwrap()
        .get::<_, Option<String>>(0)
        .unwrap_or_default()
}

async fn becomes(pool: &Pool, sql: &str, expected: &str) {
    until(&format!("{sql} is {expected}"), async || one(pool, sql).await == expected).await;
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !condition().await {
        assert!(std::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn five_campaigns() -> Log {
    let mut log = Log::new();
    for n in 0..5 {
        log.campaign(n, &campaign(&n.to_string(), "a"));
    }
    log
}

async fn assert_five_once(pool: &Pool) {
    assert_eq!(one(pool, "SELECT count(*) FROM campaigns").await, "5");
    assert_eq!(one(pool, "SELECT next_offset FROM sink_offsets").await, "5");
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_and_not_made_again() {
    let (url, direct) = shared("lost_answer").await;
    let log = five_campaigns();
    let (mut sink, cuts) = behind_cuts(&url, &log).await;
    cuts.plan(Cut::After);
    let error = sink.write(&log.records()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    becomes(&direct, "SELECT count(*) FROM campaigns", "5").await;
    let again = sink.write(&log.records()).await.unwrap();
    assert_eq!((again.skipped, again.rows), (5, 0));
    assert_five_once(&direct).await;
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_made_again() {
    let (url, direct) = shared("never_arrived").await;
    let log = five_campaigns();
    let (mut sink, cuts) = behind_cuts(&url, &log).await;
    cuts.plan(Cut::Before);
    assert!(sink.write(&log.records()).await.unwrap_err().is_transient());
    assert_eq!(one(&direct, "SELECT count(*) FROM campaigns").await, "0");
    let again = sink.write(&log.records()).await.unwrap();
    assert_eq!((again.skipped, again.stored), (0, 5));
    assert_five_once(&direct).await;
}

#[tokio::test]
async fn a_commit_still_under_way_when_the_batch_comes_again_is_not_taken_for_another_members() {
    let (url, direct) = shared("under_way").await;
    let log = five_campaigns();
    let (mut sink, cuts) = behind_cuts(&url, &log).await;
    let go = Arc::new(Semaphore::new(0));
    cuts.plan(Cut::Late(Arc::clone(&go)));
    assert!(sink.write(&log.records()).await.unwrap_err().is_transient());
    let records = log.records();
    let waiting = async {
        let locked = "SELECT count(*) FROM pg_stat_activity \
                      WHERE datname = current_database() AND wait_event_type = 'Lock'";
        becomes(&direct, locked, "1").await;
        go.add_permits(1);
    };
    let (second, ()) = tokio::join!(sink.write(&records), waiting);
    let error = second.unwrap_err();
    assert_eq!(error.class(), "in_doubt", "{error}");
    let third = sink.write(&records).await.unwrap();
    assert_eq!((third.skipped, third.rows), (5, 0));
    assert_five_once(&direct).await;
    // Once it is settled, a position that others move is a fence again.
    member(&direct, &log).write(&records).await.unwrap();
    let mut more = five_campaigns();
    more.campaign(5, &campaign("6", "a"));
    member(&direct, &more).write(&more.records()).await.unwrap();
    let mut other = Log::new();
    other.campaign(5, &campaign("7", "a"));
    let error = sink.write(&other.records()).await.unwrap_err();
    assert!(matches!(error, SinkError::Fenced { .. }), "{error}");
}

/// The server forgets the last of five campaigns, as a standby does that had not heard of its commit.
async fn forget_one(direct: &Pool) {
    let sql = "DELETE FROM campaigns WHERE campaign_id = '4'; UPDATE sink_offsets SET next_offset = 4";
    direct.get().await.unwrap().batch_execute(sql).await.unwrap();
}

fn assert_set_back(error: &SinkError) {
    match error {
        SinkError::SetBack { topic: "campaigns", partition: 0, expected: 5, found: 4 } => {
            let sentence = error.to_string();
            assert!(
                sentence.contains("went back from 5 to 4: a standby that had not heard of everything"),
                "{sentence}"
            );
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_server_that_has_lost_a_commit_is_noticed_while_nothing_comes() {
    let (_, direct) = shared("set_back_idle").await;
    let log = five_campaigns();
    let mut sink = member(&direct, &log);
    sink.write(&log.records()).await.unwrap();
    sink.verify().await.unwrap();
    forget_one(&direct).await;
    assert_set_back(&sink.verify().await.unwrap_err());
    // Whoever asks where to continue reads the missing ones again.
    assert_eq!(sink.positions().await.unwrap().values().collect::<Vec<_>>(), [&4]);
    let again = sink.write(&log.records()).await.unwrap();
    assert_eq!((again.skipped, again.stored), (4, 1));
    assert_five_once(&direct).await;
    sink.verify().await.unwrap();
}

#[tokio::test]
async fn a_server_that_has_lost_a_commit_is_noticed_by_the_next_batch_also_when_the_last_one_is_in_doubt() {
    let mut more = Log::new();
    more.campaign(5, &campaign("5", "a"));
    for (name, cut) in [("set_back_next", None), ("set_back_doubt", Some(Cut::Before))] {
        let (url, direct) = shared(name).await;
        let log = five_campaigns();
        let (mut sink, cuts) = behind_cuts(&url, &log).await;
        sink.write(&log.records()).await.unwrap();
        if let Some(cut) = cut {
            cuts.plan(cut);
            assert!(sink.write(&more.records()).await.unwrap_err().is_transient());
        }
        forget_one(&direct).await;
        assert_set_back(&sink.write(&more.records()).await.unwrap_err());
        assert_eq!(one(&direct, "SELECT next_offset FROM sink_offsets").await, "4", "nothing was skipped");
    }
}

/// Lets the first rows fail with a code, as many as said; a sequence counts on when its transaction is undone.
async fn refuse(direct: &Pool, code: &str, times: i32) {
    let sql = format!(
        "CREATE SEQUENCE IF NOT EXISTS attempts;
         ALTER SEQUENCE attempts RESTART;
         CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('attempts') <= {times} THEN RAISE EXCEPTION 'as planned' USING ERRCODE = '{code}'; END IF;
             RETURN NEW;
         END $$;
         CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    );
    direct.get().await.unwrap().batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_lost_a_race_is_made_again_a_few_times_and_not_for_ever() {
    for code in ["40001", "40P01"] {
        let (_, direct) = shared(&format!("race_{}", code.to_lowercase())).await;
        let log = five_campaigns();
        let mut sink = member(&direct, &log);
        refuse(&direct, code, 1_000).await;
        let error = sink.write(&log.records()).await.unwrap_err();
        assert_eq!(error.class(), "lost_race", "{error}");
        assert_eq!(one(&direct, "SELECT last_value FROM attempts").await, "6");
        refuse(&direct, code, 3).await;
        assert_eq!(sink.write(&log.records()).await.unwrap().stored, 5);
        assert_five_once(&direct).await;
    }
}

#[tokio::test]
async fn a_deadlock_with_another_client_costs_a_repetition_and_no_row() {
    let (_, direct) = shared("deadlock").await;
    let log = five_campaigns();
    let mut sink = member(&direct, &log);
    sink.write(&log.records()).await.unwrap();
    let mut later = Log::new();
    later.campaign(5, &campaign("1", "b"));
    let records = later.records();

    let other = direct.get().await.unwrap();
    // The sink notices first, so it is the one to give way.
    other
        .batch_execute(
            "SET deadlock_timeout = '30s'; BEGIN; UPDATE campaigns SET name = 'x' WHERE campaign_id = '1'",
        )
        .await
        .unwrap();
    let competing = async {
        let locked = "SELECT count(*) FROM pg_stat_activity \
                      WHERE datname = current_database() AND wait_event_type = 'Lock'";
        becomes(&direct, locked, "1").await;
        other.batch_execute("UPDATE sink_offsets SET updated_at = now(); COMMIT").await.unwrap();
    };
    let (written, ()) = tokio::join!(sink.write(&records), competing);
    assert_eq!(written.unwrap().stored, 1);
    assert_eq!(one(&direct, "SELECT name FROM campaigns WHERE campaign_id = '1'").await, "b");
    assert_eq!(one(&direct, "SELECT next_offset FROM sink_offsets").await, "6");
}

#[tokio::test]
async fn what_a_failover_or_a_full_server_answers_is_waited_for_and_told_by_its_class() {
    let (_, direct) = shared("failover").await;
    let log = five_campaigns();
    let mut sink = member(&direct, &log);
    let answers = [
        ("57P01", "unavailable"),
        ("57P02", "unavailable"),
        ("57P03", "unavailable"),
        ("08006", "network"),
        ("25006", "read_only"),
        ("53100", "overloaded"),
        ("53300", "overloaded"),
        ("55P03", "locked"),
    ];
    for (code, class) in answers {
        refuse(&direct, code, 1).await;
        let error = sink.write(&log.records()).await.unwrap_err();
        assert!(error.is_transient(), "{code}: {error}");
        assert_eq!(error.class(), class, "{code}");
    }
    assert_eq!(sink.write(&log.records()).await.unwrap().stored, 5);
    assert_five_once(&direct).await;
}

#[tokio::test]
async fn a_server_stopped_at_once_or_frozen_amid_a_batch_keeps_rows_and_positions_together() {
    let config = StackConfig { progress: Progress::Lines, ..StackConfig::default() };
    let stack = Stack::start(config, &[Engine::Postgres]).await.unwrap();
    let (_, direct) = migrated(&stack.postgres().unwrap().url(), "stopped").await;
    let process = stack.postgres().unwrap().process();
    let log = five_campaigns();
    let mut sink = member(&direct, &log).with_attempt_timeout(Duration::from_secs(3));

    // What `pg_ctl stop -m immediate` does.
    let staged = sink.stage(&log.records()).await.unwrap();
    let killed = Command::new("kill").args(["-QUIT", &process.pid().unwrap().to_string()]).status().unwrap();
    assert!(killed.success());
    // The port closes when the last session has ended.
    let url = stack.postgres().unwrap().url();
    let address = url.split_once('@').unwrap().1.split_once('/').unwrap().0;
    until("the port is closed", async || tokio::net::TcpStream::connect(address).await.is_err()).await;
    assert!(staged.commit().await.unwrap_err().is_transient());
    let refused = sink.write(&log.records()).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    process.kill().unwrap();
    process.restart().await.unwrap();
    assert_eq!(sink.write(&log.records()).await.unwrap().stored, 5);
    assert_five_once(&direct).await;

    let mut later = Log::new();
    later.campaign(5, &campaign("1", "b"));
    process.pause().unwrap();
    let frozen = sink.write(&later.records()).await.unwrap_err();
    assert!(frozen.is_transient(), "{frozen}");
    process.resume();
    let mut attempts = 0;
    let written = loop {
        match sink.write(&later.records()).await {
            Ok(written) => break written,
            Err(error) => assert!(error.is_transient() && attempts < 20, "{error}"),
        }
        attempts += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(written.stored + written.skipped, 1);
    assert_eq!(one(&direct, "SELECT name FROM campaigns WHERE campaign_id = '1'").await, "b");
    stack.stop().await.unwrap();
}
