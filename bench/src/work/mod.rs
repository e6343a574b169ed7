//! The pure work of the roles, without Kafka and without engines: what `codec`, `rules` and `instructions` measure.
//!
//! Each kind of work is made ready over the steady corpus, and then done as often as is wanted; a run of it says how many items it
//! had. What is measured happens within [`collected`], whose name the profiler is told.

mod codec;
mod ladder;
mod rules;

use clap::ValueEnum;

pub use self::ladder::{Ladder, Until};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Work {
    /// Bytes of `events` to events.
    DecodeEvent,
    /// Events to bytes.
    EncodeEvent,
    /// Days to bytes.
    EncodeDay,
    /// Bytes of `campaign-days` to days.
    DecodeDay,
    /// Scores with their reasons to bytes.
    EncodeScore,
    /// Events into the state of `score`.
    Apply,
    /// Touched campaigns to scores with their reasons.
    Score,
    /// The score alone, of days already merged.
    ScoreAlone,
    /// Raw messages to events, JSON included.
    Normalize,
    /// Rows of a CSV file to raw events.
    Csv,
}

/// Work that is ready to be done, again and again. Returns how many items there were.
pub type Ready = Box<dyn FnMut() -> anyhow::Result<u64>>;

impl Work {
    /// What belongs to `codec`.
    pub const CODEC: [Self; 5] =
        [Self::DecodeEvent, Self::EncodeEvent, Self::EncodeDay, Self::DecodeDay, Self::EncodeScore];
    /// What belongs to `rules`.
    pub const RULES: [Self; 5] = [Self::Apply, Self::Score, Self::ScoreAlone, Self::Normalize, Self::Csv];
    /// What is guarded by instruction counts.
    pub const GUARDED: [Self; 6] =
        [Self::DecodeEvent, Self::Apply, Self::Score, Self::EncodeDay, Self::EncodeScore, Self::Csv];

    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Makes it ready with about so many items.
    pub fn ready(self, items: u64) -> anyhow::Result<Ready> {
        match self {
            Self::DecodeEvent => codec::decode_event(items),
            Self::EncodeEvent => codec::encode_event(items),
            Self::EncodeDay => codec::encode_day(items),
            Self::DecodeDay => codec::decode_day(items),
            Self::EncodeScore => codec::encode_score(items),
            Self::Apply => rules::apply(items),
            Self::Score => rules::score(items),
            Self::ScoreAlone => rules::score_alone(items),
            Self::Normalize => rules::normalize(items),
            Self::Csv => rules::csv(items),
        }
    }
}

/// The name that the profiler looks for.
pub const COLLECTED: &str = "*bench::work::collected*";

/// Does the work once; nothing else is counted.
#[inline(never)]
pub fn collected(ready: &mut Ready) -> anyhow::Result<u64> {
    ready()
}
