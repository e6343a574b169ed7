//! What became of a record: exactly one [`Outcome`] each, so that the counts of outcomes add up to the records read.

use std::fmt::Write as _;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A sound fact that was used.
    Accepted,
    /// Used, but a required figure is missing.
    Incomplete,
    /// Kept, but a figure is unreasonable.
    Outlier,
    /// Said before; nothing was written.
    Duplicate,
    /// Older than what is known and without effect; nothing was written.
    Stale,
    /// A lead whose campaign is not known yet; it waits.
    Unattributed,
    /// Refused with a [`Rejection`]; the record goes to the dead letters as it is.
    Rejected,
}

impl Outcome {
    /// Every outcome, in the order of the enum.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Incomplete,
        Self::Outlier,
        Self::Duplicate,
        Self::Stale,
        Self::Unattributed,
        Self::Rejected,
    ];

    /// The label that metrics carry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Incomplete => "incomplete",
            Self::Outlier => "outlier",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Unattributed => "unattributed",
            Self::Rejected => "rejected",
        }
    }
}

/// Why a record was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// For programs: upper case with underscores, one of a fixed set.
    pub code: &'static str,
    /// For people: names the field and its value, at most a few hundred characters.
    pub sentence: String,
}

/// How much of a bad value a sentence quotes, in characters.
const QUOTED_CHARS_MAX: usize = 80;

impl Rejection {
    pub(crate) fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// A value as a sentence quotes it: cut to a bounded length, control characters escaped.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(QUOTED_CHARS_MAX) + 2);
    out.push('"');
    for (at, char) in value.chars().enumerate() {
        if at == QUOTED_CHARS_MAX {
            out.push('…');
            break;
        }
        if char.is_control() {
            write!(out, "{}", char.escape_default()).expect("writing to a String cannot fail");
        } else {
            out.push(char);
        }
    }
    out.push('"');
    out
}
