//! `adpulse check`: tries every dependency and says which answers, and what to do about the others.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use comfy_table::Table;
use serde_json::json;

use super::print;
use crate::config::Config;
use crate::{connect, topics};

const TIMEOUT: Duration = Duration::from_secs(15);

struct Finding {
    what: &'static str,
    address: String,
    result: Result<String, String>,
    took: Duration,
}

pub async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let findings = [
        find("kafka", &config.kafka.brokers, kafka_answers(config)).await,
        find("topics", &config.kafka.topic_prefix, topics_fit(config)).await,
        find("schema registry", &config.registry.url, registry_answers(config)).await,
        find("clickhouse", &config.clickhouse.url, clickhouse_answers(config)).await,
        find("postgres", &config.postgres.url, postgres_answers(config)).await,
        find("policy", "[policy]", async { Ok(format!("version {}", connect::policy(config)?.version())) })
            .await,
    ];
    let sound = findings.iter().all(|finding| finding.result.is_ok());
    if json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| {
                let (ok, said) = match &f.result {
                    Ok(said) => (true, said),
                    Err(said) => (false, said),
                };
                json!({"dependency": f.what, "address": f.address, "ok": ok, "detail": said, "seconds": f.took.as_secs_f64()})
            })
            .collect();
        print(&serde_json::to_string_pretty(&rows)?)?;
    } else {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header(["", "dependency", "address", "answer", "ms"]);
        for f in &findings {
            let (mark, said) = match &f.result {
                Ok(said) => ("✔", said),
                Err(said) => ("✖", said),
            };
            table.add_row([mark, f.what, &f.address, said, &f.took.as_millis().to_string()]);
        }
        print(&table.to_string())?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn find(
    what: &'static str,
    address: &str,
    asking: impl Future<Output = anyhow::Result<String>>,
) -> Finding {
    let started = Instant::now();
    let result = match tokio::time::timeout(TIMEOUT, asking).await {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    };
    Finding { what, address: address.to_owned(), result, took: started.elapsed() }
}

async fn kafka_answers(config: &Config) -> anyhow::Result<String> {
    let cluster = kafka::Admin::new(&connect::kafka_settings(&config.kafka)?)?.ping().await?;
    Ok(format!("{} brokers, {} topics", cluster.brokers, cluster.topics.len()))
}

async fn topics_fit(config: &Config) -> anyhow::Result<String> {
    let reports = kafka::Admin::new(&connect::kafka_settings(&config.kafka)?)?
        .verify(&topics::specs(&config.kafka)?)
        .await?;
    let different: Vec<&str> =
        reports.iter().filter(|r| !r.differences.is_empty()).map(|r| r.topic.as_str()).collect();
    if different.is_empty() {
        Ok(format!("{} topics of {} partitions", reports.len(), config.kafka.partitions))
    } else {
        Err(anyhow!("settings differ for {}; `adpulse topics` shows how", different.join(", ")))
    }
}

async fn registry_answers(config: &Config) -> anyhow::Result<String> {
    let Some(client) = connect::registry(&config.registry) else {
        return Ok("none configured: the schemas of this build".to_owned());
    };
    tokio::task::spawn_blocking(move || client.ping()).await??;
    Ok("answers".to_owned())
}

async fn clickhouse_answers(config: &Config) -> anyhow::Result<String> {
    sink::clickhouse::ping(&connect::clickhouse(&config.clickhouse)).await?;
    Ok("answers".to_owned())
}

async fn postgres_answers(config: &Config) -> anyhow::Result<String> {
    sink::postgres::ping(&sink::postgres::pool(&connect::postgres(&config.postgres))?).await?;
    Ok("answers".to_owned())
}

/// For containers without any other program: 0 when the address answers with success, 1 otherwise.
pub async fn answers_well(url: String) -> anyhow::Result<ExitCode> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into();
    let answer = tokio::task::spawn_blocking(move || agent.get(&url).call()).await??;
    Ok(if answer.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
