//! Replaying and dropping: what is done to each letter and the letter that settles it, in one transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use kafka::{Placement, Record, TransactionalUpload};
use schemas::Topic;
use schemas::record::{DeadLetter, Origin};
use serde_json::json;

use super::letters::{Letter, Letters, STAGE};
use super::replay::{Again, HEADER, Replayer};
use super::text;
use crate::cli::LettersActArgs;
use crate::commands::replay::Log;
use crate::config::Config;
use crate::roles::{crm_sources, now};

/// One for all, so that whoever comes second fences the first.
const TRANSACTION: &str = "dead-letters";
/// Brokers allow no longer transaction by default.
const TIMEOUT: Duration = Duration::from_secs(900);

/// What is done to letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Their records go through the pipeline again.
    Replay,
    /// Nobody is going to do anything about them.
    Drop,
}

impl Deed {
    /// The reason code of the settling letter.
    fn code(self) -> &'static str {
        match self {
            Self::Replay => "REPLAYED",
            Self::Drop => "DROPPED",
        }
    }
}

/// What was done, or would be.
#[derive(Debug, Default)]
struct Done {
    matched: u64,
    by_topic: BTreeMap<String, u64>,
    dropped: u64,
    hindered: BTreeMap<&'static str, (u64, String)>,
    /// More match than one run settles.
    more: bool,
}

/// Settles the letters that are meant.
pub fn run(config: &Config, log: &Log, args: &LettersActArgs, deed: Deed) -> anyhow::Result<String> {
    if !args.all && args.filter.is_empty() {
        bail!("say which letters are meant (--stage, --reason, --at …), or --all; --dry-run only counts");
    }
    ensure!(!args.filter.settled, "--settled: what is settled is not settled again");
    let replayer = Replayer::new(log, crm_sources(config)?);
    let mut upload = None;
    if !args.dry_run {
        // Before anything is read: from here on nobody else settles a letter, and what others settled can be read.
        let id = format!("{}{TRANSACTION}", config.kafka.topic_prefix);
        let begun = TransactionalUpload::begin(&log.kafka, &id, TIMEOUT);
        upload = Some(begun.with_context(|| format!("Kafka at {}", log.kafka.brokers))?);
    }
    let letters = Letters::read(log)?;
    let mut done = Done::default();
    letters.for_each(log, |letter| {
        if !args.filter.admits(letter) {
            return Ok(true);
        }
        if done.matched == args.limit {
            done.more = true;
            return Ok(false);
        }
        done.matched += 1;
        let again = match deed {
            Deed::Drop => None,
            Deed::Replay => match replayer.again(letter) {
                Ok(again) => Some(again),
                Err((code, sentence)) => {
                    done.hindered.entry(code).or_insert((0, sentence)).0 += 1;
                    return Ok(true);
                }
            },
        };
        if let Some(upload) = &mut upload {
            settle(log, upload, letter, deed, again.as_ref())?;
        }
        match again {
            Some(again) => *done.by_topic.entry(log.names.name(again.topic)).or_default() += 1,
            None => done.dropped += 1,
        }
        Ok(true)
    })?;
    if let Some(upload) = upload {
        upload.commit().context("nothing was settled")?;
    }
    if args.json { done.as_json(deed, args.dry_run) } else { Ok(done.as_text(deed, args.dry_run)) }
}

/// Writes the record again, if there is one, and the letter that settles the letter beside it.
fn settle(
    log: &Log,
    upload: &mut TransactionalUpload,
    letter: &Letter<'_>,
    deed: Deed,
    again: Option<&Again>,
) -> anyhow::Result<()> {
    let record = &letter.record;
    let mut sentence = "Settled without being replayed.".to_owned();
    if let Some(again) = again {
        let topic = log.names.name(again.topic);
        let at = letter.position.to_string();
        let mut headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|header| (header.name, header.value)).collect();
        headers.retain(|(name, _)| *name != HEADER);
        headers.push((HEADER, at.as_bytes()));
        let sent = Record::new(&topic, again.key.as_deref(), Some(&again.value)).with_headers(&headers);
        upload.send(&Record { placement: again.placement, ..sent })?;
        sentence = format!("Sent to {topic} again.");
    }
    let topic = log.names.name(Topic::DeadLetters);
    let settling = DeadLetter {
        stage: STAGE,
        reason_code: deed.code(),
        sentence: &sentence,
        origin: Some(Origin {
            topic: &topic,
            partition: letter.position.partition,
            offset: letter.position.offset,
        }),
        locator: record.locator,
        refused_at: now(),
        key: record.key,
        payload: &[],
        headers: Vec::new(),
    };
    let mut value = Vec::new();
    log.schemas.encoder(Topic::DeadLetters).encode(&settling, &mut value)?;
    let placement = Placement::Explicit(letter.position.partition);
    upload.send(&Record { placement, ..Record::new(&topic, record.key, Some(&value)) })?;
    Ok(())
}

impl Done {
    fn settled(&self) -> u64 {
        self.dropped + self.by_topic.values().sum::<u64>()
    }

    fn as_json(&self, deed: Deed, dry_run: bool) -> anyhow::Result<String> {
        let hindered = self
            .hindered
            .iter()
            .map(|(code, (count, sentence))| json!({"reason": code, "letters": count, "sentence": sentence}));
        Ok(serde_json::to_string_pretty(&json!({
            "deed": deed.code(), "dry_run": dry_run, "matched": self.matched, "settled": self.settled(),
            "replayed": self.by_topic, "dropped": self.dropped, "left": hindered.collect::<Vec<_>>(),
            "more": self.more,
        }))?)
    }

    fn as_text(&self, deed: Deed, dry_run: bool) -> String {
        if self.matched == 0 {
            return "No open dead letter matches.".to_owned();
        }
        let mut table = text::table(["what", "letters", "where to, or why not"]);
        let would = if dry_run { "would be " } else { "" };
        for (topic, count) in &self.by_topic {
            table.add_row([format!("{would}replayed"), count.to_string(), topic.clone()]);
        }
        if self.dropped > 0 {
            table.add_row([format!("{would}dropped"), self.dropped.to_string(), String::new()]);
        }
        for (code, (count, sentence)) in &self.hindered {
            table.add_row(["left".to_owned(), count.to_string(), format!("{code}: {sentence}")]);
        }
        let mut text = format!("{table}");
        if self.more {
            text.push_str("\nMore letters match; run it again, or raise --limit.");
        }
        if deed == Deed::Replay && !dry_run && self.settled() > 0 {
            text.push_str("\nWhat is refused again becomes a new dead letter.");
        }
        text
    }
}
