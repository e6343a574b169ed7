//! Whether the tables can keep the promise of exactly once: asked at the start, because a table that was created otherwise, or
//! altered since, would let repeated blocks in without a word.

use std::time::Duration;

use ::clickhouse::{Client, Row};
use serde::Deserialize;

use super::{STORE, within};
use crate::SinkError;

const ACTION: &str = "verify the tables";
/// Blocks whose tokens a table must remember at least. A member repeats a block while the others write on; with fewer, a
/// burst of theirs would push the token out within seconds.
const BLOCKS_MIN: u64 = 100;
/// Every table that a batch is written to.
const TABLES: [&str; 10] = [
    "campaigns",
    "campaign_days",
    "campaign_day_revisions",
    "scores",
    "recommendations",
    "leads",
    "accounts",
    "account_hours",
    "alerts",
    "dead_letters",
];

#[derive(Row, Deserialize)]
struct TableRow {
    name: String,
    engine: String,
    engine_full: String,
}

#[derive(Row, Deserialize)]
struct SettingRow {
    name: String,
    value: String,
}

pub(super) async fn verify(client: &Client, limit: Duration) -> Result<(), SinkError> {
    let select = "SELECT name, engine, engine_full FROM system.tables WHERE database = currentDatabase() AND name IN ?";
    let tables = client.query(select).bind(TABLES.as_slice()).fetch_all::<TableRow>();
    let tables = within(limit, ACTION, tables).await?;
    // What a table does not say is the server's own setting.
    let select = "SELECT name, value FROM system.merge_tree_settings WHERE name LIKE '%replicated_deduplication_window'";
    let defaults = within(limit, ACTION, client.query(select).fetch_all::<SettingRow>()).await?;
    let refused = |reason: String| SinkError::Fatal { store: STORE, action: ACTION, reason };
    for name in TABLES {
        let Some(table) = tables.iter().find(|table| table.name == name) else {
            return Err(refused(format!("the table {name} is missing; run `adpulse migrate`")));
        };
        judge(table, &defaults).map_err(refused)?;
    }
    Ok(())
}

fn judge(table: &TableRow, defaults: &[SettingRow]) -> Result<(), String> {
    let name = &table.name;
    if !table.engine.contains("ReplacingMergeTree") {
        return Err(format!(
            "the table {name} has the engine {}, but only a ReplacingMergeTree shows a row once when it arrives twice; \
             rename the table, run `adpulse migrate` and copy the rows",
            table.engine
        ));
    }
    // Shared tables are ClickHouse Cloud's replicated ones.
    let replicated = table.engine.starts_with("Replicated") || table.engine.starts_with("Shared");
    let setting =
        if replicated { "replicated_deduplication_window" } else { "non_replicated_deduplication_window" };
    let said = setting_in(&table.engine_full, setting);
    let by_default = || defaults.iter().find(|row| row.name == setting)?.value.parse().ok();
    let blocks: u64 = said.or_else(by_default).unwrap_or(0);
    if blocks < BLOCKS_MIN {
        return Err(format!(
            "the table {name} remembers the tokens of {blocks} blocks, so a repeated block would count twice until it is \
             merged; run ALTER TABLE {name} MODIFY SETTING {setting} = 10000"
        ));
    }
    Ok(())
}

/// A setting's value in `… SETTINGS a = 1, b = 2`.
fn setting_in(engine_full: &str, setting: &str) -> Option<u64> {
    let (_, settings) = engine_full.rsplit_once("SETTINGS ")?;
    settings.split(',').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if name.trim() == setting { value.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(engine: &str, settings: &str) -> TableRow {
        let engine_full = format!("{engine}(_offset) ORDER BY x SETTINGS index_granularity = 8192{settings}");
        TableRow { name: "t".to_owned(), engine: engine.to_owned(), engine_full }
    }

    #[test]
    fn a_table_says_how_many_blocks_it_remembers_or_the_server_does() {
        let row = |name: &str, value: &str| SettingRow { name: name.to_owned(), value: value.to_owned() };
        let defaults = [
            row("non_replicated_deduplication_window", "0"),
            row("replicated_deduplication_window", "10000"),
        ];
        let window = ", non_replicated_deduplication_window = 10000";
        assert_eq!(judge(&table("ReplacingMergeTree", window), &defaults), Ok(()));
        assert_eq!(judge(&table("ReplicatedReplacingMergeTree", ""), &defaults), Ok(()));
        assert_eq!(judge(&table("SharedReplacingMergeTree", ""), &defaults), Ok(()));
        let refused = [
            table("ReplacingMergeTree", ""),
            table("ReplacingMergeTree", ", non_replicated_deduplication_window = 99"),
            table("ReplicatedReplacingMergeTree", ", replicated_deduplication_window = 0"),
            table("MergeTree", window),
        ];
        for table in refused {
            assert!(judge(&table, &defaults).is_err(), "{}", table.engine_full);
        }
    }
}
