//! `adpulse dead-letters`: looks at what was refused, sends it through the pipeline again, or settles it.
//!
//! A letter is settled by another one on the same topic: stage `dead-letters`, reason `REPLAYED` or `DROPPED`, origin the
//! position of the settled letter. A replayed record and the letter that settles it are one transaction, and all such
//! transactions have one id, so that two people who replay at the same time fence each other and a letter is replayed
//! once, whatever is run again. Nothing is deleted: the topic's retention does that.

mod letters;
mod replay;
mod settle;
mod text;

use std::process::ExitCode;

use anyhow::Context as _;

use super::print;
use super::replay::Log;
use crate::cli::{DeadLettersCommand, LetterPosition};
use crate::config::Config;
use letters::Letters;
use settle::Deed;

/// Answers a question about dead letters, or settles them.
pub async fn run(config: &Config, command: DeadLettersCommand) -> anyhow::Result<ExitCode> {
    let config = config.clone();
    let text = tokio::task::spawn_blocking(move || answer(&config, &command)).await??;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(config: &Config, command: &DeadLettersCommand) -> anyhow::Result<String> {
    let log = Log::new(config)?;
    match command {
        DeadLettersCommand::List(args) => {
            let listed = letters::list(&log, &args.filter, args.limit.into())?;
            if args.json { listed.as_json() } else { Ok(listed.as_text()) }
        }
        DeadLettersCommand::Show { position, json } => show(&log, *position, *json),
        DeadLettersCommand::Replay(args) => settle::run(config, &log, args, Deed::Replay),
        DeadLettersCommand::Drop(args) => settle::run(config, &log, args, Deed::Drop),
    }
}

fn show(log: &Log, position: LetterPosition, as_json: bool) -> anyhow::Result<String> {
    let mut shown = None;
    Letters::read(log)?.for_each(log, |letter| {
        if letter.position == position {
            shown = Some(if as_json {
                serde_json::to_string_pretty(&text::json(letter, true))?
            } else {
                text::whole(letter)
            });
        }
        Ok(shown.is_none())
    })?;
    shown.with_context(|| {
        format!("there is no dead letter at {position}; `adpulse dead-letters list` shows where they are")
    })
}
