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

/// A value as a sentence quotes it: control characters escaped, cut to a bounded length after escaping.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(QUOTED_CHARS_MAX) + 2);
    out.push('"');
    let mut room = QUOTED_CHARS_MAX;
    for char in value.chars() {
        let width = if char.is_control() { char.escape_default().len() } else { 1 };
        if width > room {
            out.push('…');
            break;
        }
        room -= width;
        if char.is_control() {
            write!(out, "{}", char.escape_default()).expect("writing to a String cannot fail");
        } else {
            out.push(char);
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_bounded_also_when_every_character_needs_an_escape() {
        assert_eq!(quoted("a\tb\u{7f}🚀"), "\"a\\tb\\u{7f}🚀\"");
        let longest = quoted(&"\u{9f}".repeat(1_000)).chars().count();
        assert!((QUOTED_CHARS_MAX - 6..=QUOTED_CHARS_MAX + 3).contains(&longest), "{longest}");
        assert_eq!(quoted(&"é".repeat(80)).chars().count(), 82);
        assert!(quoted(&"é".repeat(81)).ends_with("é…\""));
    }
}
