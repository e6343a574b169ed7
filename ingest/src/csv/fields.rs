//! Records into fields: RFC 4180, with any of four delimiters. A quote opens only at the start of a field.

use memchr::memchr;

use super::record::QUOTE;

/// The fields of one record. Reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    spans: Vec<Span>,
    unescaped: String,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
    /// The span lies in `unescaped`, not in the record.
    unescaped: bool,
}

/// A quoted field is followed by something other than a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misquoted;

impl Fields {
    /// Splits a record.
    pub(super) fn split(&mut self, record: &str, delimiter: u8) -> Result<(), Misquoted> {
        self.spans.clear();
        self.unescaped.clear();
        let bytes = record.as_bytes();
        let (mut start, mut delimiters) = (0, Positions::new(bytes, delimiter));
        loop {
            let end = if bytes.get(start) == Some(&QUOTE) {
                let end = self.quoted(record, start + 1)?;
                delimiters.seek(end);
                let next = delimiters.next();
                // Only a delimiter or nothing may follow.
                if next.unwrap_or(bytes.len()) != end {
                    return Err(Misquoted);
                }
                next
            } else {
                let end = delimiters.next();
                self.spans.push(Span { start, end: end.unwrap_or(bytes.len()), unescaped: false });
                end
            };
            match end {
                Some(end) => start = end + 1,
                None => return Ok(()),
            }
        }
    }

    /// Takes a quoted field whose text begins at `start`; gives back where it ends, after the closing quote.
    fn quoted(&mut self, record: &str, start: usize) -> Result<usize, Misquoted> {
        let (bytes, kept) = (record.as_bytes(), self.unescaped.len());
        let mut from = start;
        loop {
            let close = from + memchr(QUOTE, &bytes[from..]).ok_or(Misquoted)?;
            if bytes.get(close + 1) == Some(&QUOTE) {
                self.unescaped.push_str(&record[from..=close]);
                from = close + 2;
                continue;
            }
            self.spans.push(if from == start {
                Span { start, end: close, unescaped: false }
            } else {
                self.unescaped.push_str(&record[from..close]);
                Span { start: kept, end: self.unescaped.len(), unescaped: true }
            });
            return Ok(close + 1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The field at `index`, trimmed; empty where there is none.
    pub(super) fn get<'a>(&'a self, record: &'a str, index: usize) -> &'a str {
        let Some(span) = self.spans.get(index) else { return "" };
        let text = if span.unescaped { self.unescaped.as_str() } else { record };
        trimmed(&text[span.start..span.end])
    }
}

/// As `str::trim` does it; most fields begin and end with what is seen at once to be no white space.
#[inline]
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] | [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// Where a byte occurs, eight bytes at a time: fields are short, and a search of its own for each costs more.
struct Positions<'a> {
    bytes: &'a [u8],
    sought: u64,
    /// Where the word lies that was looked at last, and what of it is still to be told.
    at: usize,
    found: u64,
}

impl<'a> Positions<'a> {
    const WORD: usize = 8;

    fn new(bytes: &'a [u8], sought: u8) -> Self {
        let mut positions = Self { bytes, sought: u64::from_le_bytes([sought; Self::WORD]), at: 0, found: 0 };
        positions.look();
        positions
    }

    /// Goes on at a position.
    fn seek(&mut self, position: usize) {
        self.at = position;
        self.look();
    }

    #[inline]
    fn look(&mut self) {
        const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (word, beyond) = match rest.first_chunk() {
            Some(word) => (u64::from_le_bytes(*word), 0),
            None => {
                let mut word = [0; Self::WORD];
                word[..rest.len()].copy_from_slice(rest);
                (
                    u64::from_le_bytes(word),
                    u64::MAX.checked_shl(u32::try_from(rest.len()).unwrap_or(0) * 8).unwrap_or(0),
                )
            }
        };
        let differs = word ^ self.sought;
        // The highest bit of each byte that does not differ.
        self.found = !(((differs & LOW) + LOW) | differs | LOW) & !beyond;
    }

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.at += Self::WORD;
            if self.at >= self.bytes.len() {
                return None;
            }
            self.look();
        }
        let bit = self.found.trailing_zeros();
        self.found &= self.found - 1;
        Some(self.at + bit as usize / 8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Splits sign by sign.
    fn split_slowly(record: &str) -> Result<Vec<String>, Misquoted> {
        let (mut all, mut rest) = (Vec::new(), record);
        loop {
            let mut field = String::new();
            if let Some(quoted) = rest.strip_prefix('"') {
                rest = quoted;
                loop {
                    let (text, after) = rest.split_once('"').ok_or(Misquoted)?;
                    field.push_str(text);
                    rest = after;
                    let Some(doubled) = rest.strip_prefix('"') else { break };
                    field.push('"');
                    rest = doubled;
                }
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                field.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            all.push(field.trim().to_owned());
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None if rest.is_empty() => return Ok(all),
                None => return Err(Misquoted),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_record_is_split_as_sign_by_sign(record in "([a-z,]|[,\"]|\"[a-z,]{0,20}\"|[ ,\u{a0}éы\u{80}\u{2c}\u{ac}]){0,40}") {
            let mut fields = Fields::default();
            let split = fields.split(&record, b',');
            let all = split.map(|()| (0..fields.len()).map(|index| fields.get(&record, index).to_owned()).collect());
            prop_assert_eq!(all, split_slowly(&record));
        }
    }

    #[test]
    fn fields_are_unquoted_and_trimmed() {
        let mut fields = Fields::default();
        let record = "a, b ,\"c,\"\"d\"\"\",\"\",\"e\"";
        fields.split(record, b',').unwrap();
        let all: Vec<&str> = (0..fields.len()).map(|index| fields.get(record, index)).collect();
        assert_eq!(all, ["a", "b", "c,\"d\"", "", "e"]);
        assert_eq!(fields.split("\"a\"b,c", b','), Err(Misquoted));
        assert_eq!(fields.split("", b','), Ok(()));
        assert_eq!(fields.len(), 1);
    }
}
