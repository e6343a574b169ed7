//! One pass over the rows of a file: every record after the header, read or refused. Both passes use it.

use std::path::Path;

use schemas::CampaignKey;

use super::fields::Fields;
use super::layout::{Evidence, Layout};
use super::options::CsvOptions;
use super::record::Records;
use super::row::{ReadRow, RowReader, RowRefusal};
use crate::CsvError;

/// A record and what it says.
pub(super) struct PassRow<'a> {
    pub(super) line: u64,
    /// The record in UTF-8 (or as the file has it, where that is not UTF-8).
    pub(super) bytes: &'a [u8],
    /// The same as text; empty where it is none.
    pub(super) text: &'a str,
    pub(super) fields: &'a Fields,
    /// The campaign's key and the reading, or why there is none.
    pub(super) outcome: Result<(&'a str, ReadRow<'a>), RowRefusal>,
}

/// What a whole pass saw.
#[derive(Debug, Default)]
pub(super) struct PassEnd {
    pub(super) digest: u128,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// Records with characters beyond ASCII that are valid in the encoding.
    pub(super) beyond_ascii: u64,
    /// Records that are not valid in the encoding.
    pub(super) invalid: u64,
}

/// Reads the file from its beginning. `evidence` is gathered from the rows that have the header's width.
pub(super) fn run<E>(
    path: &Path,
    layout: &Layout,
    options: &CsvOptions,
    mut evidence: Option<&mut Evidence>,
    mut on_row: impl FnMut(PassRow<'_>) -> Result<(), E>,
    mut progress: impl FnMut(u64),
) -> Result<PassEnd, E>
where
    E: From<CsvError>,
{
    let dialect = &layout.dialect;
    let mut records =
        Records::open(path, dialect.encoding, dialect.delimiter, options.limits.record_bytes_max)?;
    let (mut fields, mut reader, mut key) = (Fields::default(), RowReader::new(layout), String::new());
    let mut end = PassEnd::default();
    let mut bytes_done = 0;
    loop {
        if records.bytes_done() != bytes_done {
            bytes_done = records.bytes_done();
            progress(bytes_done);
        }
        let Some(record) = records.next()? else { break };
        if record.line <= dialect.header_line || record.text.trim_ascii().is_empty() {
            continue;
        }
        end.rows += 1;
        check_rows(end.rows, record.line, options)?;
        let (text, split) = match std::str::from_utf8(record.text) {
            Ok(text) => {
                end.beyond_ascii += u64::from(!text.is_ascii());
                (text, fields.split(text, dialect.delimiter).map_err(|_| RowRefusal::Misquoted))
            }
            Err(_) => {
                end.invalid += 1;
                ("", Err(RowRefusal::Encoding))
            }
        };
        if let (Some(evidence), Ok(())) = (&mut evidence, split)
            && fields.len() == layout.header.names.len()
        {
            evidence.observe(&layout.header, text, &fields);
        }
        let outcome = split.and_then(|()| reader.read(text, &fields)).map(|row| {
            key.clear();
            CampaignKey {
                platform: &layout.platform,
                account_id: row.account,
                campaign_id: row.reading.campaign_id,
            }
            .write(&mut key);
            (key.as_str(), row)
        });
        on_row(PassRow { line: record.line, bytes: record.text, text, fields: &fields, outcome })?;
    }
    end.digest = records.digest();
    end.bytes = records.bytes_done();
    Ok(end)
}

fn check_rows(rows: u64, line: u64, options: &CsvOptions) -> Result<(), CsvError> {
    if rows <= options.limits.rows_max {
        return Ok(());
    }
    let hint = "split the file";
    Err(CsvError::Limit { line, what: "rows", limit: options.limits.rows_max, hint })
}
