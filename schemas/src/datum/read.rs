//! Datums to records, which borrow from them.

use super::{BITS, MORE, MORES, TopicValue};
use crate::CodecError;

/// The record, if the whole datum is plainly one and `T` is the type of that name.
pub(crate) fn read<'a, T: TopicValue<'a>>(datum: &'a [u8], record: &str, list_items_max: usize) -> Option<T> {
    if record != T::RECORD {
        return None;
    }
    let mut from = Datum::new(datum, list_items_max);
    let value = T::read(&mut from);
    if from.at == datum.len() { Some(value) } else { None }
}

/// The same, shown where it was built: each time that a large record is moved costs what reading some of its fields does. Gives
/// back who wanted to see it if there is none.
#[inline]
pub(crate) fn show<'a, T: TopicValue<'a>, R, F: FnOnce(Result<&mut T, CodecError>) -> R>(
    datum: &'a [u8],
    record: &str,
    list_items_max: usize,
    see: F,
) -> Result<R, F> {
    if record != T::RECORD {
        return Err(see);
    }
    let mut from = Datum::new(datum, list_items_max);
    let mut value = T::read(&mut from);
    if from.at == datum.len() { Ok(see(Ok(&mut value))) } else { Err(see) }
}

/// A datum, read up to a place. Every method takes a value from there. What is not plainly there fails the datum, for good:
/// it gives nothing but zeros from then on. So values can be built in their places, and whether they mean anything is asked
/// once, at the end.
pub struct Datum<'a> {
    bytes: &'a [u8],
    /// Beyond the end once it has failed.
    at: usize,
    list_items_max: usize,
}

/// The numbers of the branches of what may be absent.
const ABSENT: u8 = 0;
const PRESENT: u8 = 2;

/// A length that leads beyond the end of anything.
const BEYOND: usize = usize::MAX >> 1;

impl<'a> Datum<'a> {
    pub(super) fn new(bytes: &'a [u8], list_items_max: usize) -> Self {
        Self { bytes, at: 0, list_items_max }
    }

    /// From now on there is nothing plainly there.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self) {
        self.at = BEYOND;
    }

    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.at > self.bytes.len()
    }

    #[cfg(test)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let Some(&byte) = self.bytes.get(self.at) else {
            self.fail();
            return 0;
        };
        self.at += 1;
        byte
    }

    #[inline]
    pub(super) fn bool(&mut self) -> bool {
        let byte = self.byte();
        if byte > 1 {
            self.fail();
        }
        byte == 1
    }

    /// The number of a branch of a union, or of a symbol of an enum. No schema of this build has more than a byte can say;
    /// what is longer or less than nothing comes out as a number that none has.
    #[inline]
    pub(super) fn index(&mut self) -> u8 {
        self.byte().rotate_right(1)
    }

    /// A signed number, folded (0, -1, 1, -2 … are 0, 1, 2, 3 …), lowest bits first.
    #[inline]
    pub(super) fn long(&mut self) -> i64 {
        unfolded(self.folded())
    }

    /// A signed number that may be absent: in a union, beside nothing.
    #[inline]
    pub(super) fn optional_long(&mut self) -> Option<i64> {
        // Nearly always as much is left as a long number takes, which spares asking how long this one is.
        let left = self.bytes.get(self.at..).unwrap_or_default();
        match (left, left.first_chunk::<9>()) {
            (&[ABSENT, ..], _) => {
                self.at += 1;
                None
            }
            (_, Some(&[PRESENT, ref word @ ..])) if has_end(word) => {
                let (folded, bytes) = folded_of_word(word);
                self.at = self.at.saturating_add(1 + bytes);
                Some(unfolded(folded))
            }
            (&[PRESENT, ..], _) => {
                self.at += 1;
                Some(self.long())
            }
            _ => {
                self.fail();
                None
            }
        }
    }

    /// Passes over the end of a list, if it comes next.
    #[inline]
    pub(super) fn is_at_end_of_list(&mut self) -> bool {
        let is_end = self.bytes.get(self.at) == Some(&0);
        self.at += usize::from(is_end);
        is_end
    }

    #[inline]
    fn folded(&mut self) -> u64 {
        // Most numbers are small: lengths, counts.
        let (folded, bytes) = match self.bytes.get(self.at..) {
            Some(&[first, ..]) if first & MORE == 0 => (first.into(), 1),
            left => folded_of_many(left.unwrap_or_default()),
        };
        self.at = self.at.saturating_add(bytes);
        folded
    }

    /// How many bytes or items follow.
    #[inline]
    fn len(&mut self) -> usize {
        let folded = self.folded();
        match usize::try_from(folded >> 1) {
            Ok(len) if folded & 1 == 0 => len,
            _ => {
                self.fail();
                0
            }
        }
    }

    #[inline]
    pub(super) fn chunk<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) else {
            self.fail();
            return [0; BYTES];
        };
        self.at += BYTES;
        *chunk
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = self.len();
        let Some(bytes) = self.bytes.get(self.at..).and_then(|left| left.get(..len)) else {
            self.fail();
            return &[];
        };
        self.at += len;
        bytes
    }

    /// How many items of a list follow, and how many to make room for: every item has a byte at least, but for records
    /// without fields, of which there are no lists.
    #[inline]
    pub(super) fn items(&mut self) -> (usize, usize) {
        let count = self.len();
        if count > self.list_items_max {
            self.fail();
            return (0, 0);
        }
        (count, count.min(self.bytes.len().saturating_sub(self.at)))
    }
}

#[inline]
fn unfolded(folded: u64) -> i64 {
    (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
}

/// A number that has two bytes or more, and how many it has; [`BEYOND`], if it is not plainly one. Out of line, so that there is
/// less to copy wherever a number is read.
#[inline(never)]
fn folded_of_many(left: &[u8]) -> (u64, usize) {
    match left.first_chunk() {
        Some(word) if has_end(word) => folded_of_word(word),
        _ => folded_at_the_end(left),
    }
}

/// Whether one of eight bytes ends a number: the top bit of a byte says that another follows.
#[inline]
fn has_end(word: &[u8; 8]) -> bool {
    !u64::from_le_bytes(*word) & MORES != 0
}

/// A number that begins and ends within eight bytes.
#[inline]
fn folded_of_word(word: &[u8; 8]) -> (u64, usize) {
    let word = u64::from_le_bytes(*word);
    let bits = (!word & MORES).trailing_zeros() + 1;
    let number = word & (u64::MAX >> (u64::BITS - bits));
    // One that is longer than it need be is not plainly in order.
    let is_plain = bits == u8::BITS || number >> (bits - u8::BITS) != 0;
    (joined(number), if is_plain { bits as usize / 8 } else { BEYOND })
}

/// One that has nine bytes or more, or fewer than eight bytes left to look at.
fn folded_at_the_end(left: &[u8]) -> (u64, usize) {
    let (mut folded, mut shift) = (0_u64, 0);
    for (at, &byte) in left.iter().enumerate() {
        folded |= u64::from(byte & !MORE) << shift;
        if byte & MORE == 0 {
            // One that is longer than it need be, or than 64 bits, is not plainly in order.
            let is_plain = shift == 0 || (byte != 0 && (shift < 63 || byte == 1));
            return (folded, if is_plain { at + 1 } else { BEYOND });
        }
        shift += BITS;
        if shift > 63 {
            break;
        }
    }
    (0, BEYOND)
}

/// Joins the lower seven bits of each of eight bytes, two by two.
#[inline]
fn joined(bytes: u64) -> u64 {
    let pairs = (bytes & 0x007f_007f_007f_007f) | ((bytes & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}
