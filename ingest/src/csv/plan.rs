//! The first pass over a file: finds out how it is written and what its rows will become.
//!
//! The style of a column can only be known at its end, and which rows are accepted only when the style is known. So
//! the pass assumes the styles of the first rows, counts under them, and counts once more in the rare file whose
//! later rows prove something else.

use std::path::{Path, PathBuf};

use schemas::{Day, TimestampMs};
use xxhash_rust::xxh3::xxh3_128;

use super::dialect;
use super::header::normalized;
use super::keys::{Keys, Walk};
use super::layout::{Evidence, Layout};
use super::options::{CsvOptions, Field, ObservedAt};
use super::pass::{self, PassEnd};
use super::profile::{self, Profile};
use super::text::TextEncoding;
use crate::CsvError;

const SAMPLE_ROWS: u64 = 500;
const DAY_MS: i64 = 86_400_000;

/// A file that was read once and understood.
#[derive(Debug)]
pub struct CsvPlan {
    pub(super) path: PathBuf,
    pub(super) options: CsvOptions,
    pub(super) layout: Layout,
    pub(super) keys: Keys,
    pub(super) digest: u128,
    pub(super) report: FileReport,
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
    /// Second part of the campaign keys; absent where a column says it row by row.
    pub account_id: Option<String>,
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
    mut progress: impl FnMut(u64),
) -> Result<CsvPlan, CsvError> {
    check_options(options)?;
    let profiles = profile::candidates(&options.profile)?;
    let (encoding, marked) = encoding_of(path)?;
    let survey = match survey(path, encoding, &profiles, options, &mut progress) {
        // Nothing in the file is UTF-8 beyond ASCII, so it never was; Excel's other habit is Windows-1252.
        Ok(survey) if survey.never_utf8 && !marked => {
            self::survey(path, TextEncoding::Windows1252, &profiles, options, &mut progress)?
        }
        other => other?,
    };
    let Survey { layout, keys, end, .. } = survey;
    let report = report(&layout, &keys, &end, options);
    Ok(CsvPlan { path: path.to_owned(), options: options.clone(), layout, keys, digest: end.digest, report })
}

impl CsvPlan {
    /// What the first pass found out.
    #[must_use]
    pub fn report(&self) -> &FileReport {
        &self.report
    }
}

struct Survey {
    layout: Layout,
    keys: Keys,
    end: PassEnd,
    never_utf8: bool,
}

fn survey(
    path: &Path,
    encoding: TextEncoding,
    profiles: &[Profile],
    options: &CsvOptions,
    progress: &mut impl FnMut(u64),
) -> Result<Survey, CsvError> {
    let mut dialect = dialect::detect(path, encoding, profiles, options)?;
    let utf8_header = !dialect.header.iter().any(|name| name.contains('\u{fffd}'));
    let marked = encoding_of(path)?.1;
    if encoding == TextEncoding::Utf8 && !utf8_header && !marked {
        dialect = dialect::detect(path, TextEncoding::Windows1252, profiles, options)?;
    }
    let plain: Vec<String> = dialect.header.iter().map(|name| normalized(name)).collect();
    let profile = profiles.iter().find(|profile| profile.detects(&plain)).or(profiles.last());
    let profile = profile.ok_or_else(|| CsvError::Mapping("there is no profile".to_owned()))?.clone();
    let mut layout = Layout::new(dialect, profile, options)?;
    layout.styles = sample(path, &layout, options)?.styles(options);
    loop {
        let (mut keys, mut walk, mut evidence) = (Keys::default(), Walk::default(), Evidence::default());
        let count = |row: pass::PassRow<'_>| match row.outcome {
            Ok((key, read)) => {
                keys.count(&mut walk, key, read.reading.day, options.limits.keys_max).map_err(|_| {
                    let hint = "split the file";
                    let limit = options.limits.keys_max as u64;
                    CsvError::Limit { line: row.line, what: "campaigns and days", limit, hint }
                })
            }
            Err(_) => Ok(()),
        };
        let end = pass::run(path, &layout, options, Some(&mut evidence), count, &mut *progress)?;
        let never_utf8 =
            layout.dialect.encoding == TextEncoding::Utf8 && end.invalid > 0 && end.beyond_ascii == 0;
        let styles = evidence.styles(options);
        if never_utf8 || styles == layout.styles {
            if !never_utf8 {
                evidence.check(&layout.header, options)?;
            }
            return Ok(Survey { layout, keys, end, never_utf8 });
        }
        layout.styles = styles;
    }
}

/// What the first rows say about the styles.
fn sample(path: &Path, layout: &Layout, options: &CsvOptions) -> Result<Evidence, CsvError> {
    /// The sample is complete, or the file is refused.
    enum End {
        Enough,
        Refused(CsvError),
    }
    impl From<CsvError> for End {
        fn from(error: CsvError) -> Self {
            Self::Refused(error)
        }
    }
    let (mut evidence, mut rows) = (Evidence::default(), 0);
    let count = |_: pass::PassRow<'_>| {
        rows += 1;
        if rows < SAMPLE_ROWS { Ok(()) } else { Err(End::Enough) }
    };
    match pass::run(path, layout, options, Some(&mut evidence), count, |_| ()) {
        Ok(_) | Err(End::Enough) => Ok(evidence),
        Err(End::Refused(error)) => Err(error),
    }
}

fn check_options(options: &CsvOptions) -> Result<(), CsvError> {
    if let Some(zone) = options.time_zone.as_ref().filter(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        return Err(CsvError::Mapping(format!(
            "{zone:?} is not an IANA time zone; give one such as Europe/Berlin"
        )));
    }
    for (name, value) in [("platform", &options.platform), ("account", &options.account_id)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            return Err(CsvError::Mapping(format!(
                "the {name} is empty; it is part of every campaign's key"
            )));
        }
    }
    Ok(())
}

/// The encoding that the file's first bytes name, and whether they name one.
fn encoding_of(path: &Path) -> Result<(TextEncoding, bool), CsvError> {
    use std::io::Read as _;
    let unreadable = |source| CsvError::Unreadable { path: path.to_owned(), source };
    let mut head = Vec::with_capacity(3);
    std::fs::File::open(path).map_err(unreadable)?.take(3).read_to_end(&mut head).map_err(unreadable)?;
    let (encoding, mark_bytes) = TextEncoding::of_mark(&head);
    Ok((encoding, mark_bytes > 0))
}

fn report(layout: &Layout, keys: &Keys, end: &PassEnd, options: &CsvOptions) -> FileReport {
    let days = keys.days();
    let observed_at = match options.observed_at {
        ObservedAt::At(moment) => moment,
        ObservedAt::FromRows => {
            let last = days.map(|(_, last)| last).or(options.date).unwrap_or_default();
            let end = TimestampMs(last.midnight_utc().0 + DAY_MS);
            // Nobody has seen the future: a row dated in it must not carry the log's time there.
            options.uploaded_at.map_or(end, |uploaded_at| end.min(uploaded_at))
        }
    };
    let columns = layout.header.names.iter().enumerate().map(|(column, name)| {
        let field = layout.header.field(column);
        ColumnReport { name: name.clone(), field, style: field.and_then(|field| layout.style_example(field)) }
    });
    FileReport {
        file_bytes: end.bytes,
        encoding: layout.dialect.encoding.name(),
        delimiter: char::from(layout.dialect.delimiter),
        line_end: layout.dialect.line_end,
        profile: layout.profile.name.clone(),
        columns: columns.collect(),
        currency: layout.currency.map(str::to_owned),
        platform: layout.platform.clone(),
        account_id: layout.account.clone(),
        batch_id: batch_id(layout, end.digest, options),
        observed_at,
        rows: end.rows,
        accepted: keys.accepted(),
        keys: keys.len() as u64,
        first_day: days.map(|(first, _)| first),
        last_day: days.map(|(_, last)| last),
        notes: notes(layout, end),
    }
}

fn notes(layout: &Layout, end: &PassEnd) -> Vec<String> {
    let mut notes = Vec::new();
    if layout.dialect.encoding == TextEncoding::Windows1252 {
        notes.push("the file is not UTF-8 and was read as windows-1252; check the names".to_owned());
    } else if end.invalid > 0 {
        notes.push(format!(
            "{} lines are not {} and are refused",
            end.invalid,
            layout.dialect.encoding.name()
        ));
    }
    if layout.header.campaign_is_name {
        notes.push(
            "the campaign is the column given with --map; campaigns that share its value are one".to_owned(),
        );
    }
    notes
}

/// The same file read in the same way is the same batch, whoever sends it and whatever it is called.
fn batch_id(layout: &Layout, digest: u128, options: &CsvOptions) -> String {
    let columns: Vec<(Field, usize)> =
        Field::ALL.into_iter().filter_map(|field| Some((field, layout.header.column(field)?))).collect();
    let reading = format!(
        "{digest:032x} {columns:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        layout.styles,
        layout.currency,
        layout.platform,
        layout.account,
        layout.date,
        layout.dialect.delimiter,
        options.time_zone,
        layout.profile.results,
        layout.profile.totals,
    );
    let identity = xxh3_128(reading.as_bytes());
    match (options.observed_at, options.uploaded_at) {
        // Batches observed at the same moment are ordered by their id, so here the id begins with the upload's moment.
        (ObservedAt::FromRows, Some(moment)) => format!("csv-{:013}-{identity:032x}", moment.0),
        _ => format!("csv-{identity:032x}"),
    }
}
