//! The first pass over a file.

use std::path::{Path, PathBuf};

use schemas::{Day, TimestampMs};

use super::options::{CsvOptions, Field};
use crate::CsvError;

/// A file that was read once and understood.
#[derive(Debug)]
pub struct CsvPlan {
    path: PathBuf,
    options: CsvOptions,
    report: FileReport,
}

/// What the first pass found out, for people.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// `UTF-8`, `UTF-16LE`, `UTF-16BE` or `windows-1252`.
    pub encoding: &'static str,
    /// `,`, `;`, tab or `|`.
    pub delimiter: char,
    /// `LF`, `CRLF` or `CR`, of the header line.
    pub line_end: &'static str,
    /// The profile that named the columns.
    pub profile: String,
    /// Every column, in the file's order.
    pub columns: Vec<ColumnReport>,
    /// Currency of all rows; absent where a column says it row by row.
    pub currency: Option<String>,
    /// First part of the campaign keys.
    pub platform: String,
    /// Identity of the upload: the file's digest and everything that decides how it is read.
    pub batch_id: String,
    /// What every event of the file carries as `observed_at`.
    pub observed_at: TimestampMs,
    /// Records after the header.
    pub rows: u64,
    /// Rows that will be accepted.
    pub accepted: u64,
    /// Different (campaign, day) pairs.
    pub keys: u64,
    /// First day.
    pub first_day: Option<Day>,
    /// Last day.
    pub last_day: Option<Day>,
    /// What a careful person would want to know, in sentences: a guessed encoding, names used as ids.
    pub notes: Vec<String>,
}

/// A column and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnReport {
    /// Its name in the header.
    pub name: String,
    /// What it holds; absent for a column that is not used.
    pub field: Option<Field>,
    /// How its numbers or dates are written, such as `1.234,56`; absent where that does not matter.
    pub style: Option<&'static str>,
}

/// Reads a file once and decides how to send it. Nothing is sent.
///
/// # Errors
/// When the file cannot be read or cannot be understood as a whole; see [`CsvError`].
pub fn plan(path: &Path, options: &CsvOptions) -> Result<CsvPlan, CsvError> {
    plan_with_progress(path, options, |_| ())
}

/// [`plan`], telling from time to time how many bytes of the file are done.
///
/// # Errors
/// As [`plan`].
pub fn plan_with_progress(
    path: &Path,
    options: &CsvOptions,
    _progress: impl FnMut(u64),
) -> Result<CsvPlan, CsvError> {
    let _ = (path, options);
    Err(CsvError::Empty { path: path.to_owned() })
}

impl CsvPlan {
    /// What the first pass found out.
    #[must_use]
    pub fn report(&self) -> &FileReport {
        &self.report
    }
}
