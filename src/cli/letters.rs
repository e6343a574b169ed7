//! The arguments of `adpulse dead-letters`.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand};
use schemas::{Day, TimestampMs};

use super::parse_moment;

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// How many there are, by stage and reason, and the newest of them.
    List(LettersListArgs),
    /// One letter with everything that is known of it, its bytes included.
    Show {
        /// Where it lies: partition:offset, as `list` says.
        position: LetterPosition,
        /// JSON on the standard output, with the bytes in hexadecimal.
        #[arg(long)]
        json: bool,
    },
    /// Send refused records through the pipeline again, each once.
    Replay(LettersActArgs),
    /// Settle letters that nobody is going to do anything about.
    Drop(LettersActArgs),
}

#[derive(Debug, Args)]
pub struct LettersListArgs {
    #[command(flatten)]
    pub filter: LetterFilter,
    /// How many of the newest are shown.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    pub limit: u16,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LettersActArgs {
    #[command(flatten)]
    pub filter: LetterFilter,
    /// All open letters.
    #[arg(long)]
    pub all: bool,
    /// Say what would be done; do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// At most so many letters in one run.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub limit: u64,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

/// Which letters are meant: those for which everything given holds.
#[derive(Debug, Default, Args)]
pub struct LetterFilter {
    /// Refused by this stage: csv, crm, normalize, score, sink-clickhouse, sink-postgres.
    #[arg(long)]
    pub stage: Option<String>,
    /// Refused for this reason, such as LEAD_KEY_MISSING.
    #[arg(long)]
    pub reason: Option<String>,
    /// Read from this topic, with or without the prefix.
    #[arg(long)]
    pub topic: Option<String>,
    /// Whose place at the source (file and line, source and message) contains this text.
    #[arg(long, value_name = "TEXT")]
    pub locator: Option<String>,
    /// Refused at this moment or later; of a day from its beginning.
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    pub since: Option<TimestampMs>,
    /// Refused at this moment or earlier; of a day until its end.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<TimestampMs>,
    /// The letter at this place; may be given more than once.
    #[arg(long, value_name = "PARTITION:OFFSET")]
    pub at: Vec<LetterPosition>,
    /// Also those that are replayed or dropped already.
    #[arg(long)]
    pub settled: bool,
}

impl LetterFilter {
    /// Whether it admits every letter.
    pub fn is_empty(&self) -> bool {
        let Self { stage, reason, topic, locator, since, until, at, settled: _ } = self;
        [stage, reason, topic, locator].into_iter().all(Option::is_none)
            && [since, until].into_iter().all(Option::is_none)
            && at.is_empty()
    }
}

/// Where a letter lies on its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterPosition {
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for LetterPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for LetterPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(partition, offset)| {
            Some(Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
        });
        parsed
            .filter(|position| position.partition >= 0 && position.offset >= 0)
            .ok_or_else(|| format!("{text:?} is not a place such as 3:17, partition and offset"))
    }
}

/// A moment; of a day its first one, in UTC.
fn parse_since(text: &str) -> Result<TimestampMs, String> {
    Day::parse(text).map_or_else(|| parse_moment(text), |day| Ok(day.midnight_utc()))
}
