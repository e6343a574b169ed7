//! The records inside of a batch, found without copying them.
//!
//! Format: Kafka documentation, "Record" of message format version 2. A record says the lengths of its parts as zigzag
//! numbers of 7 bits a byte.

use std::ops::Range;

/// Where the parts of a record lie in its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordSpan {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Option<Range<usize>>,
    pub(super) header_count: usize,
    pub(super) headers: Range<usize>,
}

/// Reads what producers write, forwards, and never beyond the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next record, and where the one after it begins. `None` when the bytes are no record.
    #[inline]
    pub(super) fn record(mut self) -> Option<(RecordSpan, usize)> {
        let length = self.length()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        // What follows must not read beyond the record.
        self.bytes = &self.bytes[..end];
        // Attributes, which have no meaning yet.
        self.skip(1)?;
        let timestamp_delta = self.varlong()?;
        let offset_delta = i32::try_from(self.varlong()?).ok()?;
        let key = self.nullable()?;
        let value = self.nullable()?;
        let header_count = self.length()?;
        let span =
            RecordSpan { timestamp_delta, offset_delta, key, value, header_count, headers: self.at..end };
        Some((span, end))
    }

    #[inline]
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    #[inline]
    fn varlong(&mut self) -> Option<i64> {
        let first = *self.bytes.get(self.at)?;
        self.at += 1;
        let raw = if first < 0x80 { u64::from(first) } else { self.rest_of(first)? };
        Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn rest_of(&mut self, first: u8) -> Option<u64> {
        let mut raw = u64::from(first & 0x7f);
        for shift in (7..70).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            raw |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(raw);
            }
        }
        None
    }

    #[inline]
    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varlong()?).ok()
    }

    /// A length and so many bytes; a negative length stands for none.
    #[inline]
    fn nullable(&mut self) -> Option<Option<Range<usize>>> {
        let length = self.varlong()?;
        if length < 0 {
            return Some(None);
        }
        let start = self.at;
        self.skip(usize::try_from(length).ok()?)?;
        Some(Some(start..self.at))
    }
}

/// The headers of a record, found when asked for.
#[derive(Clone, Copy)]
pub(crate) struct WireHeaders<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> WireHeaders<'a> {
    pub(super) fn new(bytes: &'a [u8], count: usize) -> Self {
        Self { bytes, count }
    }

    /// Name and value of a header by its place; a name need not be text.
    pub(crate) fn get(self, index: usize) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        if index >= self.count {
            return None;
        }
        let mut cursor = Cursor::at(self.bytes, 0);
        for _ in 0..index {
            cursor.nullable()?;
            cursor.nullable()?;
        }
        let name = cursor.nullable()?.map_or(&[][..], |name| &self.bytes[name]);
        let value = cursor.nullable()?.map(|value| &self.bytes[value]);
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `-1` is written `1`, `64` takes two bytes.
    fn written() -> Vec<u8> {
        let body = [
            &[0, 0x80, 0x01, 0x04][..], // attributes, 64 ms, offset + 2
            &[1, 4],                    // no key, a value of two bytes
            b"ab",
            &[4], // two headers
            &[2],
            b"n",
            &[2],
            b"v",
            &[2],
            b"m",
            &[1],
        ]
        .concat();
        let mut bytes = vec![u8::try_from(body.len() * 2).unwrap()];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_record_is_found_with_its_deltas_key_value_and_headers() {
        let bytes = written();
        let (span, next) = Cursor::at(&bytes, 0).record().unwrap();
        assert_eq!((span.timestamp_delta, span.offset_delta, span.key), (64, 2, None));
        assert_eq!(&bytes[span.value.unwrap()], b"ab");
        assert_eq!(next, bytes.len());
        let headers = WireHeaders::new(&bytes[span.headers], span.header_count);
        assert_eq!(headers.get(0), Some((&b"n"[..], Some(&b"v"[..]))));
        assert_eq!(headers.get(1), Some((&b"m"[..], None)));
        assert_eq!(headers.get(2), None);
    }

    #[test]
    fn bytes_that_are_cut_off_or_lie_about_their_length_are_no_record() {
        let bytes = written();
        for end in 0..bytes.len() {
            assert_eq!(Cursor::at(&bytes[..end], 0).record(), None, "{end}");
        }
        let mut lying = bytes.clone();
        lying[6] = 80; // a value longer than the record
        assert_eq!(Cursor::at(&lying, 0).record(), None);
        assert_eq!(Cursor::at(&[0xff; 20], 0).record(), None, "a number without an end");
    }
}
