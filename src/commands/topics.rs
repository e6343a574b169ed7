//! `adpulse topics`: creates what is missing, verifies what is there.

use std::process::ExitCode;

use comfy_table::Table;
use serde_json::json;

use super::print;
use crate::config::Config;
use crate::{connect, topics};

pub async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let admin = kafka::Admin::new(&connect::kafka_settings(&config.kafka)?)?;
    let reports = admin.ensure(&topics::specs(&config.kafka)?).await?;
    let different = reports.iter().any(|report| !report.differences.is_empty());
    if json {
        let rows: Vec<_> = reports
            .iter()
            .map(|report| {
                let differences: Vec<_> = report
                    .differences
                    .iter()
                    .map(|d| json!({"key": d.key, "expected": d.expected, "found": d.found}))
                    .collect();
                json!({"topic": report.topic, "created": report.created, "differences": differences})
            })
            .collect();
        print(&serde_json::to_string_pretty(&rows)?)?;
    } else {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header(["topic", "state", "settings that differ"]);
        for report in &reports {
            let state = if report.created { "created" } else { "there" };
            let differences: Vec<_> = report
                .differences
                .iter()
                .map(|d| {
                    format!("{}: {} instead of {}", d.key, d.found.as_deref().unwrap_or("unset"), d.expected)
                })
                .collect();
            table.add_row([report.topic.as_str(), state, &differences.join("; ")]);
        }
        print(&table.to_string())?;
    }
    // A difference is for the operator to judge; a wrong partition count has already been refused as an error.
    Ok(if different { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
