//! Numbers as people and spreadsheets write them, with one style for a column.
//!
//! A single cell cannot say what `1,234` is; its column often can. Every cell is evidence: two kinds of separator
//! show which one is the decimal, one that repeats separates thousands, one not followed by exactly three digits is a
//! decimal. A count has no decimals, so `1.234` among counts hints at thousands, but less strongly than any of these.
//! Where neither the column nor the file says anything, the plain rule holds: `.` is the decimal, `,` the thousands.

use schemas::Micros;

const DIGITS_MAX: usize = 40;
const SAFE_DIGITS: usize = 18; // always less than the largest 64-bit number

/// Which sign separates the decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum NumberStyle {
    /// `1,234.56`.
    #[default]
    Point,
    /// `1.234,56`.
    Comma,
}

/// What the cells of a column say about its style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberEvidence {
    point: u64,
    comma: u64,
    weak_point: u64,
    weak_comma: u64,
}

/// Why a cell is not a number that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadNumber {
    Invalid,
    Negative,
    Fraction,
    TooLarge,
}

impl NumberStyle {
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Point => "1,234.56",
            Self::Comma => "1.234,56",
        }
    }
}

impl NumberEvidence {
    /// Takes a cell into account. `count` says that the column holds whole numbers.
    pub(super) fn observe(&mut self, text: &str, count: bool) {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let bytes = text.as_bytes();
        let (points, commas) = (occurrences(bytes, b'.'), occurrences(bytes, b','));
        match (points.count, commas.count) {
            (0, 0) => (),
            (1.., 1..) if points.last > commas.last => self.point += 1,
            (1.., 1..) => self.comma += 1,
            (2.., 0) => self.comma += 1,
            (0, 2..) => self.point += 1,
            (1, _) if points.is_decimal(bytes) => self.point += 1,
            (_, 1) if commas.is_decimal(bytes) => self.comma += 1,
            (1, _) => self.weak_comma += u64::from(count),
            _ => self.weak_point += u64::from(count),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.point += other.point;
        self.comma += other.comma;
        self.weak_point += other.weak_point;
        self.weak_comma += other.weak_comma;
    }

    /// The column's own strong evidence, then the file's, then the column's weak one, then the plain rule.
    pub(super) fn style(&self, file: &Self) -> NumberStyle {
        for (point, comma) in
            [(self.point, self.comma), (file.point, file.comma), (self.weak_point, self.weak_comma)]
        {
            if point != comma {
                return if point > comma { NumberStyle::Point } else { NumberStyle::Comma };
            }
        }
        NumberStyle::Point
    }
}

struct Occurrences {
    count: usize,
    last: usize,
}

fn occurrences(bytes: &[u8], sign: u8) -> Occurrences {
    let last = bytes.iter().rposition(|&byte| byte == sign).unwrap_or(0);
    Occurrences { count: bytes.iter().filter(|&&byte| byte == sign).count(), last }
}

impl Occurrences {
    /// Whether the only separator of a number cannot separate thousands.
    fn is_decimal(&self, bytes: &[u8]) -> bool {
        let before = bytes[..self.last].iter().filter(|byte| byte.is_ascii_digit()).count();
        let leading_zero = bytes.iter().find(|byte| byte.is_ascii_digit()) == Some(&b'0');
        bytes.len() - self.last - 1 != 3 || before == 0 || before > 3 || leading_zero
    }
}

/// Reads an amount of money in major units; `None` for an empty cell or a dash.
pub(super) fn money(text: &str, style: NumberStyle) -> Result<Option<Micros>, BadNumber> {
    if is_absent(text) {
        return Ok(None);
    }
    let too_large_or_invalid = |error| match error {
        schemas::ParseMoneyError::TooLarge => BadNumber::TooLarge,
        _ => BadNumber::Invalid,
    };
    // Most cells are plain already.
    if style == NumberStyle::Point && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Micros::parse(text).map(Some).map_err(too_large_or_invalid);
    }
    let mut plain = Plain { bytes: [0; DIGITS_MAX], len: 0, negative: false };
    plain.read(text, style)?;
    let micros = Micros::parse(plain.text()).map_err(too_large_or_invalid)?;
    if plain.negative && micros != Micros::ZERO { Err(BadNumber::Negative) } else { Ok(Some(micros)) }
}

/// Reads a count; `12.0` is 12, `12.5` is not a count.
pub(super) fn count(text: &str, style: NumberStyle) -> Result<Option<i64>, BadNumber> {
    if is_absent(text) {
        return Ok(None);
    }
    if let Some(number) = digits(text) {
        return number.map(Some);
    }
    let mut plain = Plain { bytes: [0; DIGITS_MAX], len: 0, negative: false };
    plain.read(text, style)?;
    let (whole, fraction) = plain.text().split_once('.').unwrap_or((plain.text(), ""));
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err(BadNumber::Fraction);
    }
    let number: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| BadNumber::TooLarge)? };
    if plain.negative && number != 0 { Err(BadNumber::Negative) } else { Ok(Some(number)) }
}

/// The number that digits alone are; `None` where something else is among them.
fn digits(text: &str) -> Option<Result<i64, BadNumber>> {
    let next = |number, byte: u8| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'));
    if text.len() <= SAFE_DIGITS {
        return text.bytes().try_fold(0, next).map(Ok);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().map_err(|_| BadNumber::TooLarge))
}

fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "–" | "—")
}

/// A number with digits and a decimal point alone.
struct Plain {
    bytes: [u8; DIGITS_MAX],
    len: usize,
    negative: bool,
}

impl Plain {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("only ASCII is pushed")
    }

    fn push(&mut self, byte: u8) -> Result<(), BadNumber> {
        *self.bytes.get_mut(self.len).ok_or(BadNumber::TooLarge)? = byte;
        self.len += 1;
        Ok(())
    }

    /// Thousands come in groups of exactly three digits and with one kind of separator, or not at all.
    fn read(&mut self, text: &str, style: NumberStyle) -> Result<(), BadNumber> {
        let (decimal, thousands) = match style {
            NumberStyle::Point => ('.', ','),
            NumberStyle::Comma => (',', '.'),
        };
        let unsigned = text.strip_prefix(['-', '\u{2212}']);
        self.negative = unsigned.is_some();
        let (mut group, mut separator, mut in_fraction, mut digits) = (0, None, false, 0);
        for sign in unsigned.unwrap_or(text).chars() {
            match sign {
                '0'..='9' => {
                    self.push(sign as u8)?;
                    group += 1;
                    digits += 1;
                }
                _ if in_fraction => return Err(BadNumber::Invalid),
                _ if sign == decimal => {
                    if separator.is_some() && group != 3 {
                        return Err(BadNumber::Invalid);
                    }
                    in_fraction = true;
                    self.push(b'.')?;
                }
                _ if sign == thousands || matches!(sign, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’') => {
                    let fits = match separator {
                        None => (1..=3).contains(&group),
                        Some(earlier) => earlier == sign && group == 3,
                    };
                    if !fits {
                        return Err(BadNumber::Invalid);
                    }
                    separator = Some(sign);
                    group = 0;
                }
                _ => return Err(BadNumber::Invalid),
            }
        }
        let complete = digits > 0 && (in_fraction || separator.is_none() || group == 3);
        if complete { Ok(()) } else { Err(BadNumber::Invalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(cells: &[&str], count: bool) -> NumberStyle {
        let mut evidence = NumberEvidence::default();
        cells.iter().for_each(|cell| evidence.observe(cell, count));
        evidence.style(&NumberEvidence::default())
    }

    #[test]
    fn a_column_says_which_sign_is_the_decimal() {
        use NumberStyle::{Comma, Point};
        for (cells, want) in [
            (&["1,234", "12.5"][..], Point),
            (&["1.234", "12,5"], Comma),
            (&["1.234", "1.234.567"], Comma),
            (&["1,234.56"], Point),
            (&["1.234,56"], Comma),
            (&["1\u{a0}234,56"], Comma),
            (&["0,123"], Comma),
            (&["1234,567"], Comma),
            (&["1,234"], Point),
            (&["1.234"], Point),
            (&[], Point),
        ] {
            assert_eq!(style(cells, false), want, "{cells:?}");
        }
        assert_eq!(style(&["1.234"], true), Comma, "a count has no decimals");
        assert_eq!(style(&["1.234", "12.0"], true), Point);
    }

    #[test]
    fn amounts_are_read_in_the_style_of_their_column_only() {
        use NumberStyle::{Comma, Point};
        for (text, style, micros) in [
            ("1,234.56", Point, 1_234_560_000),
            ("1.234,56", Comma, 1_234_560_000),
            ("1 234,56", Comma, 1_234_560_000),
            ("1\u{202f}234.5", Point, 1_234_500_000),
            ("1'234.5", Point, 1_234_500_000),
            ("1.429999948", Point, 1_430_000),
            (".5", Point, 500_000),
            ("-0.00", Point, 0),
        ] {
            assert_eq!(money(text, style), Ok(Some(Micros(micros))), "{text}");
        }
        for text in [
            "1.234,56",
            "12,34",
            "1,2345",
            "1,234 567",
            "abc",
            "1e3",
            "1.2.3",
            ",",
            "12 USD",
            "$5",
            "(5)",
            "NaN",
        ] {
            assert_eq!(money(text, Point), Err(BadNumber::Invalid), "{text}");
        }
        assert_eq!(money("-3.5", Point), Err(BadNumber::Negative));
        assert_eq!(money("99999999999999", Point), Err(BadNumber::TooLarge));
        assert_eq!(money(&"9".repeat(60), Point), Err(BadNumber::TooLarge));
        assert_eq!(money("—", Point), Ok(None));
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(count("12.0", NumberStyle::Point), Ok(Some(12)));
        assert_eq!(count("1.234.567", NumberStyle::Comma), Ok(Some(1_234_567)));
        assert_eq!(count("12.5", NumberStyle::Point), Err(BadNumber::Fraction));
        assert_eq!(count("-1", NumberStyle::Point), Err(BadNumber::Negative));
        assert_eq!(count(&format!("{:050}", 7), NumberStyle::Point), Ok(Some(7)));
        assert_eq!(count("9223372036854775808", NumberStyle::Point), Err(BadNumber::TooLarge));
        assert_eq!(count("", NumberStyle::Point), Ok(None));
    }
}
