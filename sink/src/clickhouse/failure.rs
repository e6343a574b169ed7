//! What an error of ClickHouse means for the batch.

use ::clickhouse::error::Error;

use super::STORE;
use crate::SinkError;

/// What to do about a failed insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A value that cannot be stored: find the row.
    Data,
    /// The server is away, busy, full or read-only.
    Transient,
    /// Trying again does not help.
    Fatal,
}

pub(super) fn class(error: &Error) -> Class {
    match error {
        Error::Network(_) | Error::TimedOut => Class::Transient,
        Error::BadResponse(said) => match code(said) {
            Some(code) => class_of(code),
            // Not ClickHouse but something before it, or a server that went away while it answered.
            None => Class::Transient,
        },
        _ => Class::Fatal,
    }
}

/// Numbers of ClickHouse's `ErrorCodes`.
fn class_of(code: u32) -> Class {
    match code {
        // Texts, dates, sizes and numbers that do not fit a column; nulls; violated constraints.
        6 | 26 | 27 | 38 | 41 | 69 | 117 | 131 | 321 | 349 | 407 | 469 => Class::Data,
        // Files and disk: cannot write, open or allocate; no space.
        74..=76 | 173 | 243 => Class::Transient,
        // Too slow, quotas, too many queries, sockets, network, memory, too many parts, cannot schedule.
        159 | 160 | 201..=203 | 209 | 210 | 241 | 252 | 394 | 425 | 439 => Class::Transient,
        // Read-only, Keeper, aborted, quorum, unknown outcome, object storage, shutting down.
        164 | 225 | 236 | 242 | 285 | 286 | 319 | 499 | 734 | 999 => Class::Transient,
        _ => Class::Fatal,
    }
}

/// The number in `Code: 252. DB::Exception: …`.
fn code(said: &str) -> Option<u32> {
    let after = said.split_once("Code: ")?.1;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

pub(super) fn failed(action: &'static str, error: &Error) -> SinkError {
    let reason = words(error);
    match class(error) {
        Class::Transient => SinkError::Transient { store: STORE, action, reason },
        Class::Data | Class::Fatal => {
            SinkError::Fatal { store: STORE, action, reason: with_advice(error, reason) }
        }
    }
}

fn with_advice(error: &Error, reason: String) -> String {
    // Unknown column, table or database.
    match error {
        Error::BadResponse(said) if matches!(code(said), Some(16 | 60 | 81)) => {
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
    fn a_full_or_busy_server_is_transient() {
        for code in [252, 241, 242, 243, 159, 164, 999] {
            assert_eq!(
                class_of_answer(&format!("Code: {code}. DB::Exception: …")),
                Class::Transient,
                "{code}"
            );
        }
        assert_eq!(class_of_answer("502 Bad Gateway"), Class::Transient);
        assert_eq!(class(&Error::TimedOut), Class::Transient);
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
