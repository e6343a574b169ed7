//! Takes apart what an HTTP request carries, as far as the server has to: an INSERT with rows goes to the
//! engine as a statement and a stream of rows, everything else as it is.

/// A request's SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement<'a> {
    /// Rows in `format` for the INSERT in `sql`.
    Insert { sql: &'a str, format: &'a str, rows: &'a [u8] },
    /// A statement that carries no rows, and the format it names.
    Other { sql: &'a [u8], format: Option<&'a str> },
}

/// A word, or a name with its quotes, outside of brackets, strings and comments.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }
}

/// Finds out what a request's bytes are.
pub(super) fn parse(request: &[u8]) -> Statement<'_> {
    let mut words = Words { bytes: request, at: 0, depth: 0 };
    match words.next() {
        Some(first) if first.is("INSERT") => parse_insert(request, words),
        _ => other(request, words),
    }
}

fn parse_insert<'a>(request: &'a [u8], mut words: Words<'a>) -> Statement<'a> {
    // INTO, and a name that may be any word.
    let into = words.next();
    let named = words.next();
    if named.is_some_and(|word| word.is("TABLE") || word.is("FUNCTION"))
        || into.is_some_and(|word| !word.is("INTO"))
    {
        words.next();
    }
    while let Some(word) = words.next() {
        if word.is("SELECT") || word.is("WITH") || word.is("INFILE") {
            return other(request, words);
        }
        let before = || std::str::from_utf8(&request[..word.start]);
        if word.is("VALUES")
            && let Ok(sql) = before()
        {
            return Statement::Insert { sql, format: "Values", rows: &request[word.end..] };
        }
        if word.is("FORMAT")
            && let (Ok(sql), Some(format)) = (before(), words.next())
        {
            return Statement::Insert { sql, format: format.text, rows: rows_after(&request[format.end..]) };
        }
    }
    Statement::Other { sql: request, format: None }
}

/// Rows begin after the line that names their format, or after the white space when they stand on that
/// line.
fn rows_after(rest: &[u8]) -> &[u8] {
    let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)).count();
    match rest.get(spaces) {
        Some(b'\n') => &rest[spaces + 1..],
        Some(_) if spaces > 0 => &rest[spaces..],
        _ => rest,
    }
}

fn other<'a>(request: &'a [u8], words: Words<'a>) -> Statement<'a> {
    let mut format = None;
    let mut after_format = false;
    for word in words {
        if after_format {
            format = Some(word.text);
        }
        after_format = word.is("FORMAT");
    }
    Statement::Other { sql: request, format }
}

struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let rest = &self.bytes[self.at..];
            match byte {
                b'\'' => self.skip_quoted(byte),
                b'"' | b'`' => {
                    let start = self.at;
                    self.skip_quoted(byte);
                    if let Some(name) = self.word(start) {
                        return Some(name);
                    }
                }
                b'-' if rest.starts_with(b"--") => self.skip_past(b"\n"),
                b'#' => self.skip_past(b"\n"),
                b'/' if rest.starts_with(b"/*") => self.skip_past(b"*/"),
                b'(' | b'[' | b'{' => self.step(|depth| depth + 1),
                b')' | b']' | b'}' => self.step(|depth| depth.saturating_sub(1)),
                _ if is_word(byte) => {
                    let start = self.at;
                    self.at += rest.iter().take_while(|byte| is_word(**byte)).count();
                    if let Some(word) = self.word(start) {
                        return Some(word);
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }
}

impl<'a> Words<'a> {
    /// What was just passed, if it stands outside of brackets.
    fn word(&self, start: usize) -> Option<Word<'a>> {
        let end = self.at.min(self.bytes.len());
        let text = std::str::from_utf8(&self.bytes[start..end]).ok()?;
        (self.depth == 0).then_some(Word { text, start, end })
    }

    fn step(&mut self, depth: impl Fn(usize) -> usize) {
        self.depth = depth(self.depth);
        self.at += 1;
    }

    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == quote {
                return;
            }
        }
    }

    fn skip_past(&mut self, end: &[u8]) {
        let rest = &self.bytes[self.at..];
        let length = rest.windows(end.len()).position(|window| window == end);
        self.at += length.map_or(rest.len(), |length| length + end.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(request: &str) -> (&str, &str, &[u8]) {
        match parse(request.as_bytes()) {
            Statement::Insert { sql, format, rows } => (sql, format, rows),
            other @ Statement::Other { .. } => panic!("{other:?}"),
        }
    }

    fn other_format(request: &str) -> Option<&str> {
        match parse(request.as_bytes()) {
            Statement::Other { format, .. } => format,
            insert @ Statement::Insert { .. } => panic!("{insert:?}"),
        }
    }

    #[test]
    fn rows_begin_after_the_line_that_names_the_format() {
        let (sql, format, rows) =
            insert("INSERT INTO t(a, `format`) SETTINGS x=1 FORMAT RowBinary\n\n\0rows");
        assert_eq!((sql, format), ("INSERT INTO t(a, `format`) SETTINGS x=1 ", "RowBinary"));
        assert_eq!(rows, b"\n\0rows");
    }

    #[test]
    fn rows_may_stand_on_the_line_of_the_format() {
        assert_eq!(insert("insert into t format JSONEachRow {\"a\":1}").2, b"{\"a\":1}");
    }

    #[test]
    fn a_name_in_quotes_is_a_name() {
        assert_eq!(insert("INSERT INTO `values`(`a`) FORMAT RowBinary\nrows").2, b"rows");
        assert_eq!(insert("INSERT INTO `db`.\"format\" FORMAT RowBinary\nrows").2, b"rows");
    }

    #[test]
    fn values_are_rows_too() {
        assert_eq!(
            insert("INSERT INTO db.t VALUES (1,'a')\n"),
            ("INSERT INTO db.t ", "Values", &b" (1,'a')\n"[..])
        );
    }

    #[test]
    fn an_insert_of_a_selection_carries_no_rows() {
        assert_eq!(other_format("INSERT INTO t SELECT 1 AS a"), None);
        assert_eq!(other_format("INSERT INTO t /* FORMAT CSV */ WITH 1 AS a SELECT a"), None);
    }

    #[test]
    fn the_format_of_a_query_is_the_one_outside_of_quotes_and_comments() {
        assert_eq!(other_format("SELECT 'FORMAT a' -- FORMAT b\n FORMAT JSONEachRow"), Some("JSONEachRow"));
        assert_eq!(other_format("SELECT 1"), None);
    }
}
