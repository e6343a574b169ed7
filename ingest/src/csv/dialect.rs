//! Which delimiter a file uses, found from its first lines: the one under which the header has the most names that
//! somebody knows, then the one under which the most lines are as wide as the header.

use std::path::Path;

use super::fields::Fields;
use super::header;
use super::options::CsvOptions;
use super::profile::Profile;
use super::record::Records;
use super::text::TextEncoding;
use crate::CsvError;

const DELIMITERS: [u8; 4] = *b",;\t|";
const SAMPLE_LINES: usize = 50;

/// How the file is laid out before its rows.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub(super) encoding: TextEncoding,
    pub(super) delimiter: u8,
    /// The line of the header, from 1; Excel may put `sep=;` before it, and editors blank lines.
    pub(super) header_line: u64,
    pub(super) header: Vec<String>,
    pub(super) line_end: &'static str,
}

/// Finds the layout. An error that one delimiter leads to counts only if every other leads to one too.
pub(super) fn detect(
    path: &Path,
    encoding: TextEncoding,
    profiles: &[Profile],
    options: &CsvOptions,
) -> Result<Dialect, CsvError> {
    let (mut best, mut failed) = (None, None);
    for delimiter in DELIMITERS {
        match look(path, encoding, delimiter, options) {
            Ok(None) => (),
            Ok(Some((dialect, alike))) => {
                let known = header::recognised(&dialect.header, profiles, options);
                let rank = (known, if dialect.header.len() > 1 { alike } else { 0 }, dialect.header.len());
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, dialect));
                }
            }
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    match (best, failed) {
        (Some((_, dialect)), _) => check_columns(dialect, options),
        (None, Some(error)) => Err(error),
        (None, None) => Err(CsvError::Empty { path: path.to_owned() }),
    }
}

fn check_columns(dialect: Dialect, options: &CsvOptions) -> Result<Dialect, CsvError> {
    if dialect.header.len() > options.limits.columns_max {
        return Err(CsvError::Limit {
            line: dialect.header_line,
            what: "columns",
            limit: options.limits.columns_max as u64,
            hint: "this is not the header of a report; check the delimiter",
        });
    }
    Ok(dialect)
}

/// The layout under one delimiter, and how many of the first lines are as wide as the header.
fn look(
    path: &Path,
    encoding: TextEncoding,
    delimiter: u8,
    options: &CsvOptions,
) -> Result<Option<(Dialect, usize)>, CsvError> {
    let mut records = Records::open(path, encoding, delimiter, options.limits.record_bytes_max)?;
    let mut fields = Fields::default();
    let (mut dialect, mut alike): (Option<Dialect>, _) = (None, 0);
    for _ in 0..SAMPLE_LINES {
        let record = match records.next() {
            Ok(Some(record)) => record,
            // A quote that opens in the rows is the full pass's to report, with the right delimiter.
            Err(_) if dialect.is_some() => break,
            Ok(None) => break,
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(record.text);
        if text.trim().is_empty() {
            continue;
        }
        if dialect.is_none() && record.line == 1 && is_separator_line(&text) {
            continue;
        }
        let split = fields.split(&text, delimiter);
        match &dialect {
            Some(dialect) => alike += usize::from(split.is_ok() && fields.len() == dialect.header.len()),
            None if split.is_err() => return Ok(None),
            None => {
                dialect = Some(Dialect {
                    encoding,
                    delimiter,
                    header_line: record.line,
                    header: (0..fields.len()).map(|index| fields.get(&text, index).to_owned()).collect(),
                    line_end: match record.line_end {
                        b"\r\n" => "CRLF",
                        b"\r" => "CR",
                        _ => "LF",
                    },
                });
            }
        }
    }
    Ok(dialect.map(|dialect| (dialect, alike)))
}

/// Excel's own way to name the delimiter, `sep=;`.
fn is_separator_line(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep=")) && text.trim_end().len() <= 5
}
