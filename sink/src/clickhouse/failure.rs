//! What an error of ClickHouse means for the batch.

use ::clickhouse::error::Error;

use super::STORE;
use crate::SinkError;

/// What to do about a failed insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A value that cannot be stored: find the row.
    Data,
    /// The server is away, busy, full or read-only: what kind of trouble, for metrics.
    Transient(&'static str),
    /// Trying again does not help.
    Fatal,
}

pub(super) fn class(error: &Error) -> Class {
    match error {
        Error::Network(_) => Class::Transient("network"),
        Error::TimedOut => Class::Transient("timeout"),
        Error::BadResponse(said) => match code(said) {
            Some(code) => class_of(code),
            // Not ClickHouse but something before it, or a server that went away while it answered.
            None => Class::Transient("network"),
        },
        _ => Class::Fatal,
    }
}

/// Numbers of ClickHouse's `ErrorCodes`.
fn class_of(code: u32) -> Class {
    let trouble = match code {
        // Texts, dates, sizes and numbers that do not fit a column; nulls; violated constraints.
        6 | 26 | 27 | 38 | 41 | 69 | 117 | 131 | 321 | 349 | 407 | 469 => return Class::Data,
        // A body that did not arrive whole: cut short, or its blocks damaged on the way.
        32 | 33 | 40 | 246 | 271 => "transfer",
        // Cannot write, open or read a file; no space.
        74..=76 | 243 => "disk",
        173 | 241 => "memory",
        252 => "too_many_parts",
        // The user, or the table: a replica without its Keeper, a disk remounted, a table that was set so.
        164 | 242 | 774 => "read_only",
        159 | 160 | 209 => "timeout",
        // Quotas, too many queries, cannot schedule a thread, cancelled.
        201..=203 | 394 | 439 => "overloaded",
        210 | 425 => "network",
        // Keeper, quorum, unknown outcome, object storage, shutting down.
        225 | 236 | 285 | 286 | 319 | 499 | 734 | 999 => "unavailable",
        _ => return Class::Fatal,
    };
    Class::Transient(trouble)
}

/// The number in `Code: 252. DB::Exception: …`.
fn code(said: &str) -> Option<u32> {
    let after = said.split_once("Code: ")?.1;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

pub(super) fn failed(action: &'static str, error: &Error) -> SinkError {
    let reason = words(error);
    match class(error) {
        Class::Transient(class) => SinkError::Transient { store: STORE, class, action, reason },
        Class::Data | Class::Fatal => {
            SinkError::Fatal { store: STORE, action, reason: with_advice(error, reason) }
        }
    }
}

fn with_advice(error: &Error, reason: String) -> String {
    // Columns that are missing, of another number or not known; an unknown table or database.
    match error {
        Error::BadResponse(said) if matches!(code(said), Some(8 | 10 | 16 | 20 | 47 | 60 | 81)) => {
            format!("{reason}; run `adpulse migrate`")
        }
        _ => reason,
    }
}

/// The first line of what went wrong, with its cause.
pub(super) fn words(error: &Error) -> String {
    const LONGEST: usize = 600;
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(because) = cause {
        let because_text = because.to_string();
        if !text.contains(&because_text) {
            text = format!("{text}: {because_text}");
        }
        cause = because.source();
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of_answer(said: &str) -> Class {
        class(&Error::BadResponse(said.to_owned()))
    }

    #[test]
    fn a_full_busy_or_distant_server_is_transient_and_says_what_kind_of_trouble_it_has() {
        let troubles = [
            (252, "too_many_parts"),
            (241, "memory"),
            (242, "read_only"),
            (164, "read_only"),
            (774, "read_only"),
            (243, "disk"),
            (159, "timeout"),
            (202, "overloaded"),
            (210, "network"),
            (999, "unavailable"),
            (33, "transfer"),
        ];
        for (code, trouble) in troubles {
            let class = class_of_answer(&format!("Code: {code}. DB::Exception: …"));
            assert_eq!(class, Class::Transient(trouble), "{code}");
        }
        assert_eq!(class_of_answer("502 Bad Gateway"), Class::Transient("network"));
        assert_eq!(class(&Error::TimedOut), Class::Transient("timeout"));
    }

    #[test]
    fn a_changed_schema_and_a_wrong_password_are_fatal() {
        for code in [16, 60, 81, 192, 194, 497, 516] {
            assert_eq!(class_of_answer(&format!("Code: {code}. DB::Exception: …")), Class::Fatal, "{code}");
        }
        assert_eq!(class(&Error::SchemaMismatch("a column is missing".to_owned())), Class::Fatal);
    }

    #[test]
    fn a_violated_constraint_is_the_fault_of_a_row() {
        assert_eq!(class_of_answer("Code: 469. DB::Exception: Constraint …"), Class::Data);
    }
}
