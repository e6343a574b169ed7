//! `adpulse backtest --policy NEW.toml`: the recorded events under two policies, the one in force and a new one.
//!
//! Promises that both see the same decoded events and the same boundaries (see [`super::replay`]), and that no topic,
//! group or store is touched. What normalize decided is in the log already: doubts about facts and contributions of
//! leads are those of its policy at the time, whatever the new one says about them. The state of one partition at a time
//! is in memory, once for both policies where they take facts alike.

mod side;
mod compare;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use processor::Policy;

use super::print;
use super::replay::{Log, Replayed};
use crate::cli::BacktestArgs;
use crate::config::Config;
use crate::connect;
use compare::{Comparison, Span, compare};
use side::{Outcomes, Sides};

/// A finished backtest.
struct Backtest {
    before: Policied,
    after: Policied,
    span: Span,
    replayed: Replayed,
    elapsed: Duration,
    comparison: Comparison,
}

/// What belongs to one policy.
struct Policied {
    version: String,
    /// Events by outcome.
    outcomes: Outcomes,
}

pub async fn run(config: &Config, args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if args.from.zip(args.to).is_some_and(|(from, to)| to < from) {
        bail!("--to lies before --from");
    }
    let (in_force, new) = (connect::policy(config)?, Arc::new(read_policy(&args.policy)?));
    // Refused before the replay, not after it.
    let csv = args.csv.as_deref().map(|path| {
        std::fs::File::create(path)
            .with_context(|| format!("writing {}", path.display()))
            .map(|file| (path, file))
    });
    let csv = csv.transpose()?;
    let config = config.clone();
    let span = Span { from: args.from, to: args.to };
    let work = tokio::task::spawn_blocking(move || backtest(&config, in_force, new, span));
    let done = work.await??;
    if let Some((path, file)) = csv {
        report::write_csv(file, &done).with_context(|| format!("writing {}", path.display()))?;
    }
    if args.json {
        print(&serde_json::to_string_pretty(&report::as_json(&done))?)?;
    } else {
        print(&report::as_text(&done))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Policy::from_toml(&text).with_context(|| path.display().to_string())
}

fn backtest(
    config: &Config,
    in_force: Arc<Policy>,
    new: Arc<Policy>,
    span: Span,
) -> anyhow::Result<Backtest> {
    let log = Log::new(config)?;
    let versions = [in_force.version().to_owned(), new.version().to_owned()];
    let mut sides = Sides::new([in_force, new]);
    let started = Instant::now();
    let replayed = log.replay(None, &mut sides)?;
    let elapsed = started.elapsed();
    let [(before, before_outcomes), (after, after_outcomes)] = sides.finish();
    let [in_force, new] = versions;
    Ok(Backtest {
        before: Policied { version: in_force, outcomes: before_outcomes },
        after: Policied { version: new, outcomes: after_outcomes },
        span,
        replayed,
        elapsed,
        comparison: compare(before, after, span),
    })
}
