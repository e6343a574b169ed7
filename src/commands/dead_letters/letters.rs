//! The letters of the topic with what became of them, one after the other: only the positions of settled ones are kept.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context as _;
use schemas::Topic;
use schemas::record::DeadLetter;
use serde_json::{Value, json};

use super::text;
use crate::cli::{LetterFilter, LetterPosition};
use crate::commands::replay::Log;

/// The stage of letters that settle others.
pub const STAGE: &str = "dead-letters";

/// A letter, where it lies, and what became of it.
pub struct Letter<'a> {
    pub position: LetterPosition,
    pub record: DeadLetter<'a>,
    /// Why it is settled: `REPLAYED` or `DROPPED`.
    pub settled: Option<&'a str>,
}

/// What became of the letters.
#[derive(Debug, Default)]
pub struct Letters {
    settled: BTreeMap<LetterPosition, String>,
    /// Records of the topic that are no letters.
    pub unreadable: u64,
}

impl Letters {
    /// Reads the topic once, to know what is settled.
    pub fn read(log: &Log) -> anyhow::Result<Self> {
        let mut letters = Self::default();
        let topic = log.names.name(Topic::DeadLetters);
        let mut decoder = log.schemas.decoder();
        log.open(Topic::DeadLetters, None)?.for_each(|record| {
            match decoder.decode::<DeadLetter<'_>>(record.value) {
                Ok(letter) if letter.stage == STAGE => {
                    if let Some(origin) = letter.origin.filter(|origin| origin.topic == topic) {
                        let position = LetterPosition { partition: origin.partition, offset: origin.offset };
                        letters.settled.insert(position, letter.reason_code.to_owned());
                    }
                }
                Ok(_) => {}
                Err(_) => letters.unreadable += 1,
            }
            true
        })?;
        Ok(letters)
    }

    /// Hands every letter to `visit`, partition by partition in the order of their offsets, until it returns `false`.
    pub fn for_each(
        &self,
        log: &Log,
        mut visit: impl FnMut(&Letter<'_>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut decoder = log.schemas.decoder();
        let mut failed = None;
        log.open_in_turn(Topic::DeadLetters)?.for_each(|record| {
            let Ok(letter) = decoder.decode::<DeadLetter<'_>>(record.value) else { return true };
            if letter.stage == STAGE {
                return true;
            }
            let position = LetterPosition { partition: record.partition, offset: record.offset };
            let settled = self.settled.get(&position).map(String::as_str);
            visit(&Letter { position, record: letter, settled }).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        })?;
        failed.map_or(Ok(()), Err)
    }
}

impl LetterFilter {
    /// Whether a letter is meant. Settled ones are only with `--settled`.
    pub fn admits(&self, letter: &Letter<'_>) -> bool {
        let record = &letter.record;
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let topic = record.origin.map_or("", |origin| origin.topic);
        (self.settled || letter.settled.is_none())
            && (self.at.is_empty() || self.at.contains(&letter.position))
            && is(&self.stage, record.stage)
            && is(&self.reason, record.reason_code)
            && self.topic.as_ref().is_none_or(|wanted| topic.ends_with(wanted.as_str()))
            && self.locator.as_ref().is_none_or(|part| record.locator.contains(part.as_str()))
            && self.since.is_none_or(|since| record.refused_at >= since)
            && self.until.is_none_or(|until| record.refused_at <= until)
    }
}

/// The answer to `list`.
pub struct Listed {
    /// Letters by stage, reason and what became of them.
    counts: BTreeMap<(String, String, String), u64>,
    /// The newest, oldest first.
    newest: VecDeque<Value>,
    unreadable: u64,
}

/// Counts the letters that a filter admits and keeps the newest of them.
pub fn list(log: &Log, filter: &LetterFilter, limit: usize) -> anyhow::Result<Listed> {
    let letters = Letters::read(log)?;
    let mut listed =
        Listed { counts: BTreeMap::new(), newest: VecDeque::new(), unreadable: letters.unreadable };
    let mut newest: BTreeMap<(i64, LetterPosition), Value> = BTreeMap::new();
    letters.for_each(log, |letter| {
        if filter.admits(letter) {
            let state = letter.settled.unwrap_or("open");
            let name =
                (letter.record.stage.to_owned(), letter.record.reason_code.to_owned(), state.to_owned());
            *listed.counts.entry(name).or_default() += 1;
            let order = (letter.record.refused_at.0, letter.position);
            if newest.len() < limit || newest.first_key_value().is_some_and(|(oldest, _)| *oldest < order) {
                newest.insert(order, text::json(letter, false));
                if newest.len() > limit {
                    newest.pop_first();
                }
            }
        }
        Ok(true)
    })?;
    listed.newest = newest.into_values().collect();
    Ok(listed)
}

impl Listed {
    /// For scripts.
    pub fn as_json(&self) -> anyhow::Result<String> {
        let count = |((stage, reason, state), count): (&(String, String, String), &u64)| json!({"stage": stage, "reason": reason, "state": state, "letters": count});
        let answer = json!({
            "letters": self.counts.values().sum::<u64>(),
            "unreadable": self.unreadable,
            "counts": self.counts.iter().map(count).collect::<Vec<_>>(),
            "newest": self.newest,
        });
        serde_json::to_string_pretty(&answer).context("writing JSON")
    }

    /// For people.
    pub fn as_text(&self) -> String {
        if self.counts.is_empty() {
            return "No dead letter matches.".to_owned();
        }
        let mut counts = text::table(["stage", "reason", "state", "letters"]);
        for ((stage, reason, state), count) in &self.counts {
            counts.add_row([stage, reason, state, &count.to_string()]);
        }
        let mut newest = text::table(["at", "refused", "stage", "reason", "state", "from", "why"]);
        for letter in &self.newest {
            let field = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
            newest.add_row(["at", "refused_at", "stage", "reason", "state", "from", "sentence"].map(field));
        }
        let total: u64 = self.counts.values().sum();
        format!("{counts}\n\nThe newest {} of {total}:\n{newest}", self.newest.len())
    }
}
