//! JSON as sources mostly write it, read in one pass over its bytes.
//!
//! Promises that what it reads is what `serde_json` reads there. It gives up (`None`) at whatever is unusual: escapes in a
//! text that is wanted, bytes that are no text, deep nesting, and everything that is not JSON. Then `serde_json` reads the
//! payload, or refuses it with its sentence; so this decides nothing but the speed. `insights.rs` calls it.

use super::value::Raw;

/// A payload, read up to a place.
pub(super) struct Plain<'a> {
    text: &'a str,
    at: usize,
}

/// Nesting of what is passed over; `serde_json` takes more.
const DEPTH_MAX: usize = 16;

impl<'a> Plain<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(payload).ok().map(|text| Self { text, at: 0 })
    }

    /// An object, whose values `field` must take.
    pub(super) fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.next()? == b'}' {
            return self.take(b'}');
        }
        loop {
            let name = self.text()?;
            self.take(b':')?;
            field(self, name)?;
            if self.goes_on(b'}')? {
                continue;
            }
            return Some(());
        }
    }

    /// A list, whose items `item` must take.
    pub(super) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.next()? == b']' {
            return self.take(b']');
        }
        loop {
            item(self)?;
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    /// A text without escapes.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let start = self.string(false)?;
        self.text.get(start + 1..self.at - 1)
    }

    /// Whether the value is `null`, which is then taken.
    pub(super) fn null(&mut self) -> Option<bool> {
        Some(self.next()? == b'n' && self.word("null").is_some())
    }

    /// A text without escapes or a number, as it is written; `None` within is `null`.
    pub(super) fn scalar(&mut self) -> Option<Option<Raw<'a>>> {
        let start = match self.next()? {
            b'"' => self.string(false)?,
            b'n' => return self.word("null").map(|()| None),
            _ => self.number()?,
        };
        self.text.get(start..self.at).map(|text| Some(Raw(text)))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH_MAX)
    }

    /// Nothing but white space follows.
    pub(super) fn end(&mut self) -> Option<()> {
        self.next().is_none().then_some(())
    }

    fn skip_within(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.next()? {
            b'"' => self.string(true).map(|_| ()),
            b'{' => self.object(|this, _| this.skip_within(depth)),
            b'[' => self.list(|this| this.skip_within(depth)),
            b'n' => self.word("null"),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => self.number().map(|_| ()),
        }
    }

    /// Takes what separates two elements, or the end of them; whether another one follows.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let next = self.next()?;
        self.at += 1;
        match next {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is not white space; it is not taken.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Takes a text with its quotes, and returns where it begins.
    fn string(&mut self, escapes: bool) -> Option<usize> {
        self.take(b'"')?;
        let (bytes, start) = (self.bytes(), self.at - 1);
        loop {
            while let Some(word) = bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
                let special = special(u64::from_le_bytes(*word));
                self.at += (special.trailing_zeros() / 8) as usize;
                if special != 0 {
                    break;
                }
            }
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(start);
                }
                b'\\' if escapes => self.escape()?,
                b'\\' | 0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// Passes over an escape.
    fn escape(&mut self) -> Option<()> {
        let rest = &self.bytes()[self.at + 1..];
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', digits @ ..] if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
        Some(())
    }

    /// Takes a number, and returns where it begins.
    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(start)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    /// At least one.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// A bit for the first of eight bytes that ends a plain run of text, a quote, a backslash or a control character, and
/// perhaps for some after it; 0 where there is none.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(0x20 * ONES) & !word;
    (zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64)) | control) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A document of JSON's own pieces, most of them in places where they make sense.
    fn documents() -> impl Strategy<Value = String> {
        let scalars = proptest::sample::select(vec![
            "0",
            "-1.50",
            "12e3",
            "1E+400",
            "01",
            "-",
            "1.",
            "null",
            "true",
            "nul",
            "\"\"",
            "\"a\"",
            "\"long enough for eight\"",
            "\"\\u00e4\\/\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\u{1}\"",
            "\"ä🚀\"",
            "\"open",
        ]);
        let leaf = scalars.prop_map(str::to_owned);
        leaf.prop_recursive(4, 40, 4, |inner| {
            let fields = proptest::collection::vec(("[a-z]{0,12}", inner.clone()), 0..4);
            let object = fields.prop_map(|fields| {
                let fields = fields.iter().map(|(name, value)| format!(" \"{name}\" : {value}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            });
            let list =
                proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}\n]", items.join(",\t")));
            prop_oneof![object, list]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_passed_over_is_json(text in documents(), cut in 0..400_usize, more in "[,}\\] x]{0,2}") {
            for text in [text.clone() + &more, text.chars().take(cut).collect()] {
                let mut plain = Plain::new(text.as_bytes()).unwrap();
                let passed = plain.skip().and_then(|()| plain.end());
                let ignored = serde_json::from_str::<serde::de::IgnoredAny>(&text);
                prop_assert!(passed.is_none() || ignored.is_ok(), "{}", text);
                // It gives up at nothing else but deep nesting and names with escapes, of which there are none.
                prop_assert!(passed.is_some() || ignored.is_err(), "{}", text);
            }
        }

        #[test]
        fn scalars_are_taken_as_they_are_written(text in documents()) {
            let mut plain = Plain::new(text.as_bytes()).unwrap();
            if let Some(scalar) = plain.scalar().filter(|_| plain.end().is_some()) {
                let raw: Option<Raw<'_>> = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(scalar.map(|raw| raw.0), raw.map(|raw| raw.0));
            }
        }
    }
}
