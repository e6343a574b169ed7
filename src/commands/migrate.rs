//! `adpulse migrate`: both stores, each migration once, in order.

use std::process::ExitCode;

use comfy_table::Table;
use serde_json::json;
use sink::Applied;

use super::print;
use crate::config::Config;
use crate::connect;

pub async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (clickhouse, postgres) = migrate(config).await?;
    let applied = [("clickhouse", &clickhouse), ("postgres", &postgres)];
    if json {
        let rows: Vec<_> = applied
            .iter()
            .flat_map(|(store, applied)| {
                applied
                    .iter()
                    .map(move |a| json!({"store": store, "migration": a.name, "version": a.version}))
            })
            .collect();
        print(&serde_json::to_string_pretty(&rows)?)?;
    } else if applied.iter().all(|(_, applied)| applied.is_empty()) {
        print("both stores are up to date")?;
    } else {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header(["store", "applied"]);
        for (store, applied) in applied {
            for migration in applied {
                table.add_row([store.to_owned(), format!("{:04} {}", migration.version, migration.name)]);
            }
        }
        print(&table.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Applies what is missing, to ClickHouse and to Postgres.
pub async fn migrate(config: &Config) -> anyhow::Result<(Vec<Applied>, Vec<Applied>)> {
    let pool = sink::postgres::pool(&connect::postgres(&config.postgres))?;
    let clickhouse = sink::clickhouse::migrate(&connect::clickhouse(&config.clickhouse)).await?;
    let postgres = sink::postgres::migrate(&pool).await?;
    Ok((clickhouse, postgres))
}
