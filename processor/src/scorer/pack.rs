//! Integers in as few bytes as they need, read without a branch.
//!
//! A group of numbers starts with three bits for each, its width, and goes on with that many bytes of it, lowest first.
//! Signed numbers are folded (0, -1, 1, -2 … become 0, 1, 2, 3 …), so small ones of either sign are short. Reading takes
//! eight bytes at a time, so what is read is followed by [`PADDING`] bytes. `day.rs` lays out a day with it.

/// Bytes that must follow the last number.
pub(super) const PADDING: usize = 8;

const WIDTHS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 8];
const MASKS: [u64; 8] = [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff, 0xff_ffff_ffff, 0xffff_ffff_ffff, u64::MAX];

/// Which of [`WIDTHS`] a number needs, by its significant bits.
const fn class(value: u64) -> usize {
    let bytes = (u64::BITS - value.leading_zeros()).div_ceil(8) as usize;
    if bytes > 6 { 7 } else { bytes }
}

pub(super) fn fold(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

pub(super) fn unfold(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Bytes of the widths of a group of so many.
const fn header_bytes(count: usize) -> usize {
    (count * 3).div_ceil(8)
}

pub(super) fn put_byte(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub(super) fn put_group<const N: usize>(out: &mut Vec<u8>, values: [u64; N]) {
    let header_at = out.len();
    // Room for the widest numbers; what they do not need is taken back.
    out.resize(header_at + size_of::<u64>() * (N + 1), 0);
    let mut end = header_at + header_bytes(N);
    let mut header = 0_u64;
    for (at, value) in values.into_iter().enumerate() {
        let class = class(value);
        header |= (class as u64) << (3 * at);
        out[end..end + size_of::<u64>()].copy_from_slice(&value.to_le_bytes());
        end += WIDTHS[class];
    }
    out[header_at..header_at + header_bytes(N)].copy_from_slice(&header.to_le_bytes()[..header_bytes(N)]);
    out.truncate(end);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Reads what was put, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn byte(&mut self) -> u8 {
        let value = self.word().to_le_bytes()[0];
        self.skip(1);
        value
    }

    pub(super) fn group<const N: usize>(&mut self) -> [u64; N] {
        let mut header = self.word();
        self.skip(header_bytes(N));
        let mut values = [0; N];
        for value in &mut values {
            let class = (header & 7) as usize;
            header >>= 3;
            *value = self.word() & MASKS[class];
            self.skip(WIDTHS[class]);
        }
        values
    }

    pub(super) fn signed<const N: usize>(&mut self) -> [i64; N] {
        self.group::<N>().map(unfold)
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn word(&self) -> u64 {
        self.bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn skip(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_put(numbers in proptest::array::uniform8(any::<i64>()), shifts in proptest::array::uniform8(0..64_u32), byte: u8) {
            let mut at = 0;
            let numbers = numbers.map(|number| { at += 1; number >> shifts[at - 1] });
            let mut out = Vec::new();
            put_byte(&mut out, byte);
            put_group(&mut out, numbers.map(fold));
            put_group(&mut out, [numbers[0].cast_unsigned()]);
            put_bytes(&mut out, b"rest");
            out.extend([0xee; PADDING]);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.byte(), byte);
            prop_assert_eq!(reader.signed::<8>(), numbers);
            prop_assert_eq!(reader.group::<1>(), [numbers[0].cast_unsigned()]);
            prop_assert_eq!(reader.bytes(4), b"rest");
        }
    }
}
