//! The Postgres sink's connection, its migrations, and what they leave behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its ground fails")]

mod support;

use devstack::Engine;
use schemas::Schemas;
use sink::Secret;
use sink::postgres::{self, PostgresSettings, PostgresSink, Tls};
use support::postgres::{database, migrated, one};
use support::{Log, campaign};

#[tokio::test]
async fn no_index_holds_what_every_new_score_changes() {
    // A new version then takes the old one's place in its page instead of leaving entries in every index.
    let pool = migrated("in_place").await;
    let indexed = "SELECT string_agg(DISTINCT attname, ',' ORDER BY attname) FROM pg_index
                   JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = 'scores'::regclass";
    assert_eq!(one(&pool, indexed).await, "account_id,campaign_key,platform");
    let room = "SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = 'scores'::regclass";
    assert_eq!(one(&pool, room).await, "fillfactor=50");
}

#[tokio::test]
async fn migrating_twice_or_from_two_processes_applies_each_migration_once() {
    let pool = database("migrations").await;
    let (a, b) = tokio::join!(postgres::migrate(&pool), postgres::migrate(&pool));
    let mut counts = [a.unwrap().len(), b.unwrap().len()];
    counts.sort_unstable();
    assert_eq!(counts, [0, 4]);
    assert!(postgres::migrate(&pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_changed_or_unknown_migration_is_refused() {
    let pool = migrated("changed").await;
    let client = pool.get().await.unwrap();
    client.batch_execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1").await.unwrap();
    let error = postgres::migrate(&pool).await.unwrap_err();
    assert!(error.to_string().contains("0001 (current_state) was applied with another content"), "{error}");
    client.batch_execute("DELETE FROM schema_migrations WHERE version = 1").await.unwrap();
    client.batch_execute("INSERT INTO schema_migrations VALUES (99, 'later', '')").await.unwrap();
    let error = postgres::migrate(&pool).await.unwrap_err();
    assert_eq!(error.kind(), "fatal");
    assert!(error.to_string().contains("a newer adpulse has migrated it"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_away_is_transient_and_a_missing_database_is_not() {
    let away = PostgresSettings::new(Secret::new("postgres://u:canary@127.0.0.1:1/x"), Tls::Disable);
    let error = PostgresSink::connect(&away, "g", &Schemas::compiled()).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    assert!(!format!("{away:?} {error} {error:?}").contains("canary"));
    let url = support::engine(Engine::Postgres, |stack| stack.postgres().unwrap().url());
    let (server, _) = url.rsplit_once('/').unwrap();
    let missing = PostgresSettings::new(Secret::new(format!("{server}/missing")), Tls::Disable);
    let error = PostgresSink::connect(&missing, "g", &Schemas::compiled()).await.err().unwrap();
    assert_eq!(error.kind(), "fatal", "{error}");
}

#[tokio::test]
async fn a_database_without_tables_says_what_to_do() {
    let pool = database("unmigrated").await;
    let mut log = Log::new();
    log.campaign(0, &campaign("1", "a"));
    let error =
        PostgresSink::new(pool, "sink-postgres", &log.schemas).write(&log.records()).await.unwrap_err();
    assert_eq!(error.kind(), "fatal");
    assert!(error.to_string().ends_with("run `adpulse migrate`"), "{error}");
}

#[tokio::test]
async fn encryption_is_chosen_by_the_settings_alone() {
    let url = Secret::new("postgres://u@127.0.0.1/x?sslmode=prefer");
    let error = postgres::pool(&PostgresSettings::new(url, Tls::Disable)).err().unwrap();
    assert!(error.to_string().contains("choose `tls`"), "{error}");
    // The server of the tests does not offer TLS: a connection that insists on it must fail, not fall back.
    let url = support::engine(Engine::Postgres, |stack| stack.postgres().unwrap().url());
    let verify = PostgresSettings::new(Secret::new(url), Tls::VerifyFull { ca_file: None });
    assert!(postgres::ping(&postgres::pool(&verify).unwrap()).await.is_err());
}
