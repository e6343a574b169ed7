//! Text into records: RFC 4180, plus lines that end in CR alone and any of four delimiters.
//!
//! A quote opens only at the start of a field; inside one, line breaks and delimiters are text. A record is held in
//! memory whole, up to the limit, and no further.

use std::path::{Path, PathBuf};

use memchr::{memchr, memchr2, memchr3};

use super::text::{TextEncoding, TextReader};
use crate::CsvError;

pub(super) const QUOTE: u8 = b'"';

/// Reads the records of a file.
pub(super) struct Records {
    path: PathBuf,
    reader: TextReader,
    delimiter: u8,
    record_bytes_max: usize,
    text: Vec<u8>,
    start: usize,
    line: u64,
    ended: bool,
}

/// One record, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The line where it begins, from 1.
    pub(super) line: u64,
    pub(super) text: &'a [u8],
    /// The bytes of its line end; empty at the end of the file.
    pub(super) line_end: &'a [u8],
}

/// Where a record and its line end stop, and whether it has quoted fields.
struct Found {
    end: usize,
    next: usize,
    quoted: bool,
}

impl Records {
    pub(super) fn open(
        path: &Path,
        encoding: TextEncoding,
        delimiter: u8,
        record_bytes_max: usize,
    ) -> Result<Self, CsvError> {
        Ok(Self {
            path: path.to_owned(),
            reader: TextReader::open(path, encoding)?,
            delimiter,
            record_bytes_max,
            text: Vec::new(),
            start: 0,
            line: 1,
            ended: false,
        })
    }

    pub(super) const fn bytes_done(&self) -> u64 {
        self.reader.bytes_done()
    }

    pub(super) fn digest(&self) -> u128 {
        self.reader.digest()
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, CsvError> {
        let Some(found) = self.find_end()? else { return Ok(None) };
        let start = std::mem::replace(&mut self.start, found.next);
        let (text, line_end) = (&self.text[start..found.end], &self.text[found.end..found.next]);
        let line = self.line;
        self.line += u64::from(!line_end.is_empty()) + if found.quoted { line_breaks(text) } else { 0 };
        Ok(Some(Record { line, text, line_end }))
    }

    fn find_end(&mut self) -> Result<Option<Found>, CsvError> {
        let (mut cursor, mut open, mut quoted) = (self.start, false, false);
        loop {
            let rest = &self.text[cursor..];
            let hit = if open { memchr(QUOTE, rest) } else { memchr3(QUOTE, b'\n', b'\r', rest) };
            let Some(at) = hit.map(|at| at + cursor) else {
                if self.ended {
                    if open {
                        return Err(CsvError::QuoteNeverClosed { line: self.line });
                    }
                    let end = self.text.len();
                    return Ok((end > self.start).then_some(Found { end, next: end, quoted }));
                }
                cursor = self.text.len() - self.refill(open)?;
                continue;
            };
            let byte = self.text[at];
            // A closing quote may be half of a doubled one, a CR half of a CR LF: look at what follows.
            let pair = (open || byte == b'\r') && at + 1 == self.text.len();
            if pair && !self.ended {
                cursor = at - self.refill(open)?;
                continue;
            }
            let following = self.text.get(at + 1).copied();
            cursor = at + 1;
            match byte {
                QUOTE if open && following == Some(QUOTE) => cursor += 1,
                QUOTE if open => open = false,
                QUOTE => {
                    open = at == self.start || self.text[at - 1] == self.delimiter;
                    quoted |= open;
                }
                b'\r' if following == Some(b'\n') => {
                    return Ok(Some(Found { end: at, next: at + 2, quoted }));
                }
                _ => return Ok(Some(Found { end: at, next: at + 1, quoted })),
            }
        }
    }

    /// Drops what was consumed and reads more. Gives back by how much positions have moved towards the front.
    fn refill(&mut self, open: bool) -> Result<usize, CsvError> {
        let moved = self.start;
        self.text.drain(..moved);
        self.start = 0;
        if self.text.len() > self.record_bytes_max {
            if open {
                return Err(CsvError::QuoteNeverClosed { line: self.line });
            }
            return Err(CsvError::Limit {
                line: self.line,
                what: "bytes in one record",
                limit: self.record_bytes_max as u64,
                hint: "this is not a line of a report; check the line ends and the delimiter",
            });
        }
        self.ended = self.reader.read_into(&self.path, &mut self.text)? == 0;
        Ok(moved)
    }
}

/// Line breaks in a text; CR LF is one.
fn line_breaks(text: &[u8]) -> u64 {
    let (mut count, mut rest) = (0, text);
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        count += 1;
        rest = &rest[at + 1 + usize::from(rest[at..].starts_with(b"\r\n"))..];
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8]) -> Result<Vec<(u64, String)>, CsvError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut records = Records::open(file.path(), TextEncoding::Utf8, b',', 1_000).unwrap();
        let mut all = Vec::new();
        while let Some(record) = records.next()? {
            all.push((record.line, String::from_utf8(record.text.to_vec()).unwrap()));
        }
        Ok(all)
    }

    #[test]
    fn lines_end_in_lf_cr_lf_or_cr_alone() {
        let want = vec![(1, "a,b".to_owned()), (2, "1,2".to_owned()), (3, "3,4".to_owned())];
        for text in ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4", "a,b\r1,2\r3,4\r"] {
            assert_eq!(records(text.as_bytes()).unwrap(), want, "{text:?}");
        }
    }

    #[test]
    fn a_quote_inside_a_field_is_text_and_one_at_its_start_is_not() {
        let text = "a,5\" pipe\n\"x\ny\",\"1 \"\"q\"\" 2\"\nlast,1\n";
        let want = [(1, "a,5\" pipe"), (2, "\"x\ny\",\"1 \"\"q\"\" 2\""), (4, "last,1")];
        assert_eq!(records(text.as_bytes()).unwrap(), want.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused_with_its_line_and_little_memory() {
        let short = records(b"a,b\n\"x,1\n2,3\n");
        assert!(matches!(short, Err(CsvError::QuoteNeverClosed { line: 2 })));
        let long = [b"a,b\n\"".to_vec(), vec![b'x'; 1_000_000]].concat();
        assert!(matches!(records(&long), Err(CsvError::QuoteNeverClosed { line: 2 })));
        assert!(matches!(records(&long[5..]), Err(CsvError::Limit { line: 1, .. })));
    }
}
