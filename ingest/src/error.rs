//! What can go wrong at the sources. Bad rows and bad events are not here: they are outcomes, and become dead letters.

use std::path::PathBuf;
use std::time::Duration;

/// Why a file was refused whole, before anything of it was sent (except [`CsvError::Changed`]).
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {source}; check the path and the permissions", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file was written to while it was being sent. What was sent must not be committed.
    #[error("{path} changed while it was being read; send it again when it is complete", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// There is no header line.
    #[error("{path} has no header line; the first line must name the columns", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A required column is not there.
    #[error("no column holds the {field}: {hint}. The columns are: {columns}")]
    ColumnMissing {
        /// The field that no column was found for.
        field: String,
        /// What to do about it.
        hint: String,
        /// The header, for the eye.
        columns: String,
    },
    /// The mapping, the profile or an option does not fit the file or itself.
    #[error("{0}")]
    Mapping(String),
    /// Nobody says which currency the amounts are in.
    #[error(
        "no currency: the header names none (such as \"Amount spent (USD)\"), there is no currency column, and the profile sets none; give --currency"
    )]
    CurrencyMissing,
    /// Not a currency of ISO 4217.
    #[error("{code:?} ({place}) is not an ISO 4217 currency; give --currency with a code such as EUR")]
    CurrencyUnknown {
        /// The code found.
        code: String,
        /// Where it was found.
        place: String,
    },
    /// Two currencies are claimed for the same amounts.
    #[error("the header says {header}, --currency says {option}; leave --currency out or correct the file")]
    CurrencyConflict {
        /// The code in the header.
        header: String,
        /// The code in the options.
        option: String,
    },
    /// Dates such as 03/04/2026 can be read in two ways.
    #[error(
        "the dates of column {column:?} can be day first or month first ({example}); say which with --date-format dmy or mdy"
    )]
    DateOrder {
        /// The column.
        column: String,
        /// A date that shows it.
        example: String,
    },
    /// A quote was opened and not closed.
    #[error("line {line}: a quoted field is opened and never closed; close the quote or double it")]
    QuoteNeverClosed {
        /// The line where the record begins, from 1.
        line: u64,
    },
    /// The file goes beyond a limit.
    #[error("line {line}: more than {limit} {what}; {hint}")]
    Limit {
        /// The line at which it was exceeded, from 1.
        line: u64,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What to do.
        hint: &'static str,
    },
    /// The bytes are not text in the encoding that their byte order mark names.
    #[error("the file starts as {encoding} but is broken near byte {offset}; export it again as UTF-8")]
    Encoding {
        /// The encoding.
        encoding: &'static str,
        /// About where.
        offset: u64,
    },
}

impl CsvError {
    /// A stable code, for exit messages and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "FILE_UNREADABLE",
            Self::Changed { .. } => "FILE_CHANGED",
            Self::Empty { .. } => "FILE_EMPTY",
            Self::ColumnMissing { .. } => "COLUMN_MISSING",
            Self::Mapping(_) => "MAPPING_INVALID",
            Self::CurrencyMissing => "CURRENCY_MISSING",
            Self::CurrencyUnknown { .. } => "CURRENCY_UNKNOWN",
            Self::CurrencyConflict { .. } => "CURRENCY_CONFLICT",
            Self::DateOrder { .. } => "DATE_ORDER_UNKNOWN",
            Self::QuoteNeverClosed { .. } => "QUOTE_NEVER_CLOSED",
            Self::Limit { .. } => "LIMIT_EXCEEDED",
            Self::Encoding { .. } => "ENCODING_INVALID",
        }
    }
}

/// Why sending a planned file ended early.
#[derive(Debug, thiserror::Error)]
pub enum SendError<E> {
    /// The file could not be read again as it was planned.
    #[error(transparent)]
    Csv(CsvError),
    /// The sink refused an item.
    #[error("the record could not be sent: {0}")]
    Sink(E),
}

/// Why a record is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The log does not acknowledge. The sender should come back after the delay; answered with 503.
    #[error("the log cannot acknowledge now; try again in {} s", retry_after.as_secs())]
    Unavailable {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too much is waiting for acknowledgement. Answered with 429.
    #[error("too much is waiting to be written; try again in {} s", retry_after.as_secs())]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
}

/// Why a configured webhook source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A setting of the source is not valid.
    #[error("webhook source {name:?}: {reason}")]
    Invalid {
        /// The source.
        name: String,
        /// What to change. Never holds a secret.
        reason: String,
    },
    /// A signing secret is not one of Standard Webhooks.
    #[error("a signing secret must be whsec_ followed by the base64 of 24 to 64 bytes")]
    Secret,
}
