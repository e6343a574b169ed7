//! A database of the real ClickHouse for one test.
#![allow(dead_code, reason = "each test program uses a part")]

use ::clickhouse::Client;
use devstack::Engine;
use sink::clickhouse::{self, ClickHouseSettings, ClickHouseSink};

use super::Log;
use super::faults::Faults;

/// A database on the shared engine.
pub(crate) struct Store {
    pub(crate) settings: ClickHouseSettings,
    client: Client,
}

impl Store {
    /// An empty database of its own, in which nothing is merged behind the test's back.
    pub(crate) fn empty(database: &str) -> Self {
        let url = super::engine(Engine::ClickHouse, |stack| stack.clickhouse().unwrap().url());
        let settings = ClickHouseSettings::new(url.as_str(), database);
        let client = Client::default().with_url(url).with_database(database);
        Self { settings, client }
    }

    pub(crate) async fn migrated(database: &str) -> Self {
        let store = Self::empty(database);
        clickhouse::migrate(&store.settings).await.unwrap();
        store
    }

    /// A migrated database whose tables are not merged, and a sink's settings for reaching it through faults.
    pub(crate) async fn behind_faults(database: &str) -> (Self, Faults, ClickHouseSettings) {
        let store = Self::migrated(database).await;
        for table in ["campaigns", "campaign_days", "campaign_day_revisions"] {
            store.run(&format!("SYSTEM STOP MERGES {database}.{table}")).await;
        }
        let (faults, url) = Faults::before(&store.settings.url).await;
        let settings = ClickHouseSettings { url, ..store.settings.clone() };
        (store, faults, settings)
    }

    /// Makes the tables forget every token, as they do when the window has been overrun.
    pub(crate) async fn forget_tokens(&self) {
        for table in ["campaigns", "campaign_days", "campaign_day_revisions"] {
            let setting = "MODIFY SETTING non_replicated_deduplication_window = 0";
            self.run(&format!("ALTER TABLE {table} {setting}")).await;
        }
    }

    pub(crate) fn sink(&self, log: &Log) -> ClickHouseSink {
        ClickHouseSink::new(&self.settings, &log.schemas)
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.query_raw(sql).execute().await.unwrap();
    }

    /// The only value that a query finds, as text.
    pub(crate) async fn one(&self, sql: &str) -> String {
        let sql = format!("SELECT ifNull(toString(({sql})), 'NULL')");
        self.client.query_raw(&sql).fetch_one().await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}
