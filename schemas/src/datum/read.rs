//! Datums to records, which borrow from them.

use super::{BITS, MORE, MORES, TopicValue};

/// The record, if the whole datum is plainly one and `T` is the type of that name.
pub(crate) fn read<'a, T: TopicValue<'a>>(datum: &'a [u8], record: &str, list_items_max: usize) -> Option<T> {
    if record != T::RECORD {
        return None;
    }
    let mut from = Datum::new(datum, list_items_max);
    let value = T::read(&mut from)?;
    if from.at < datum.len() {
        return None;
    }
    Some(value)
}

/// A datum, read up to a place. Every method takes a value from there, or says that it is not plainly there.
pub struct Datum<'a> {
    bytes: &'a [u8],
    at: usize,
    list_items_max: usize,
}

impl<'a> Datum<'a> {
    pub(super) fn new(bytes: &'a [u8], list_items_max: usize) -> Self {
        Self { bytes, at: 0, list_items_max }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The number of a branch of a union, or of a symbol of an enum. No schema of this build has more than a byte can say.
    #[inline]
    pub(super) fn index(&mut self) -> Option<u8> {
        let folded = self.byte()?;
        (folded & (MORE | 1) == 0).then_some(folded >> 1)
    }

    /// A signed number, folded (0, -1, 1, -2 … are 0, 1, 2, 3 …), lowest bits first.
    #[inline]
    pub(super) fn long(&mut self) -> Option<i64> {
        let folded = self.folded()?;
        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    #[inline]
    fn folded(&mut self) -> Option<u64> {
        let left = self.bytes.get(self.at..)?;
        // Most numbers are small: lengths, counts.
        let &first = left.first()?;
        let (folded, bytes) = if first & MORE == 0 { (first.into(), 1) } else { folded_of_many(left) };
        self.at += bytes;
        (bytes > 0).then_some(folded)
    }

    /// How many bytes or items follow.
    #[inline]
    fn len(&mut self) -> Option<usize> {
        let folded = self.folded()?;
        if folded & 1 == 1 {
            return None;
        }
        usize::try_from(folded >> 1).ok()
    }

    #[inline]
    pub(super) fn chunk<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        let chunk = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += BYTES;
        Some(*chunk)
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.len()?;
        let bytes = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(bytes)
    }

    /// How many items of a list follow, and how many to make room for: every item has a byte at least, but for records
    /// without fields, of which there are no lists.
    #[inline]
    pub(super) fn items(&mut self) -> Option<(usize, usize)> {
        let count = self.len().filter(|count| *count <= self.list_items_max)?;
        Some((count, count.min(self.bytes.len() - self.at)))
    }
}

/// A number that has two bytes or more, and how many it has; none, if it is not plainly one. Out of line, so that there is
/// less to copy wherever a number is read.
#[inline(never)]
fn folded_of_many(left: &[u8]) -> (u64, usize) {
    if let Some(word) = left.first_chunk().map(|word| u64::from_le_bytes(*word)) {
        // The top bit of a byte says that another follows.
        let bits = (!word & MORES).trailing_zeros() + 1;
        if bits <= u64::BITS {
            let number = word & (u64::MAX >> (u64::BITS - bits));
            // One that is longer than it need be is not plainly in order.
            let is_plain = number >> (bits - 8) != 0;
            return (joined(number), if is_plain { bits as usize / 8 } else { 0 });
        }
    }
    folded_at_the_end(left)
}

/// One that has nine bytes or more, or fewer than eight bytes left to look at.
fn folded_at_the_end(left: &[u8]) -> (u64, usize) {
    let (mut folded, mut shift) = (0_u64, 0);
    for (at, &byte) in left.iter().enumerate() {
        folded |= u64::from(byte & !MORE) << shift;
        if byte & MORE == 0 {
            // One that is longer than it need be, or than 64 bits, is not plainly in order.
            let is_plain = shift == 0 || (byte != 0 && (shift < 63 || byte == 1));
            return (folded, if is_plain { at + 1 } else { 0 });
        }
        shift += BITS;
        if shift > 63 {
            break;
        }
    }
    (0, 0)
}

/// Joins the lower seven bits of each of eight bytes, two by two.
#[inline]
fn joined(bytes: u64) -> u64 {
    let pairs = (bytes & 0x007f_007f_007f_007f) | ((bytes & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}
