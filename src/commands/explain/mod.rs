//! `adpulse explain CAMPAIGN`: why a campaign has its score, from the records that caused it.
//!
//! Without `--at` it reads what the compacted topics hold; with it, it replays the campaign's partition of `events` (see
//! [`super::replay`]) with the policy in force now. Either way the score is computed anew by the rules themselves, and
//! so is everything that is said about what would move it. Nothing is written.

mod find;
mod evidence;
mod past;
mod explanation;
mod json;
mod text;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use schemas::TimestampMs;

use super::print;
use super::replay::Log;
use crate::cli::ExplainArgs;
use crate::config::Config;
use crate::connect;
use evidence::Evidence;
use explanation::{Explanation, PastNote, recompute};

pub async fn run(config: &Config, args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let (config, asked) = (config.clone(), args.clone());
    let text = tokio::task::spawn_blocking(move || explain(&config, &asked)).await??;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn explain(config: &Config, args: &ExplainArgs) -> anyhow::Result<String> {
    let log = Log::new(config)?;
    let key = find::campaign_key(&log, &args.campaign)?;
    let partition = kafka::partition_for(key.as_bytes(), config.kafka.partitions);
    match args.at {
        None => explain_now(config, &log, args, &key, partition),
        Some(at) => explain_past(config, &log, args, (&key, partition), at),
    }
}

fn explain_now(
    config: &Config,
    log: &Log,
    args: &ExplainArgs,
    key: &str,
    partition: i32,
) -> anyhow::Result<String> {
    let Some(evidence) = Evidence::read(log, key, partition)? else {
        return Err(find::not_found(log, &args.campaign));
    };
    let records = evidence.decoded(&log.schemas)?.context("the score has gone")?;
    let policy = connect::policy(config)?;
    let (scorer, written) = recompute(&log.schemas, policy, key, partition, (&evidence, &records))?;
    let anew = written.decoded(&log.schemas)?.context("the rules did not score the campaign anew")?;
    let explanation = Explanation::new(key, &evidence, records, (&scorer, &anew.score), None)?;
    shown(&explanation, args)
}

fn explain_past(
    config: &Config,
    log: &Log,
    args: &ExplainArgs,
    (key, partition): (&str, i32),
    at: TimestampMs,
) -> anyhow::Result<String> {
    let past = past::replay(log, connect::policy(config)?, key, partition, at)?;
    let oldest = past.replayed.truncated().map(|span| span.oldest).next();
    let note = PastNote { until: at, truncated_before: oldest };
    let (Some(records), Some(again)) =
        (past.evidence.decoded(&log.schemas)?, past.evidence.decoded(&log.schemas)?)
    else {
        if oldest.is_some() {
            bail!(
                "nothing about {key} up to {at} is left: retention has deleted the events before offset {}",
                oldest.unwrap_or(0)
            );
        }
        if Evidence::read(log, key, partition)?.is_none() {
            return Err(find::not_found(log, &args.campaign));
        }
        bail!("{key} was not known yet at {at}");
    };
    let explanation =
        Explanation::new(key, &past.evidence, records, (&past.scorer, &again.score), Some(note))?;
    shown(&explanation, args)
}

fn shown(explanation: &Explanation<'_>, args: &ExplainArgs) -> anyhow::Result<String> {
    Ok(if args.json {
        serde_json::to_string_pretty(&json::of(explanation))?
    } else {
        text::of(explanation, args.leads)
    })
}
