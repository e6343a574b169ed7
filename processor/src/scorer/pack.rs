//! Integers in as few bytes as they need, read without a branch.
//!
//! A group of numbers starts with three bits for each, its width, and goes on with that many bytes of it, lowest first.
//! Signed numbers are folded (0, -1, 1, -2 … become 0, 1, 2, 3 …), so small ones of either sign are short. Reading takes
//! eight bytes at a time, so what is read is followed by [`PADDING`] bytes. `day.rs` lays out a day with it.

/// Bytes that must follow the last number.
pub(super) const PADDING: usize = 8;

const WIDTHS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 8];
const MASKS: [u64; 8] = [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff, 0xff_ffff_ffff, 0xffff_ffff_ffff, u64::MAX];

/// The widths of four numbers in a header.
const FOUR: u64 = 0xfff;
const FOURS: usize = 1 << 12;
/// What four numbers take together, by their widths.
const LENGTHS: [u8; FOURS] = {
    let mut lengths = [0; FOURS];
    let mut widths = 0;
    while widths < lengths.len() {
        let four =
            WIDTHS[widths & 7] + WIDTHS[widths >> 3 & 7] + WIDTHS[widths >> 6 & 7] + WIDTHS[widths >> 9 & 7];
        #[expect(clippy::cast_possible_truncation, reason = "four numbers have at most 32 bytes")]
        let four = four as u8;
        lengths[widths] = four;
        widths += 1;
    }
    lengths
};
/// Numbers of the largest group.
const GROUP_MAX: usize = 8;

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
    const { assert!(N <= GROUP_MAX, "a group has at most so many numbers") }
    // Room for the widest numbers; what they do not need is not kept.
    let mut bytes = [0; size_of::<u64>() * (GROUP_MAX + 1)];
    let mut end = header_bytes(N);
    let mut header = 0_u64;
    for (at, value) in values.into_iter().enumerate() {
        let class = class(value);
        header |= (class as u64) << (3 * at);
        bytes[end..end + size_of::<u64>()].copy_from_slice(&value.to_le_bytes());
        end += WIDTHS[class];
    }
    bytes[..header_bytes(N)].copy_from_slice(&header.to_le_bytes()[..header_bytes(N)]);
    out.extend_from_slice(&bytes[..end]);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Reads what was put, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was read since a place.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
        self.at += N;
        bytes.copied().unwrap_or([0; N])
    }

    pub(super) fn group<const N: usize>(&mut self) -> [u64; N] {
        let mut header = self.word();
        let mut at = self.at + header_bytes(N);
        let mut values = [0; N];
        for value in &mut values {
            let class = (header & 7) as usize;
            header >>= 3;
            *value = word(self.bytes, at) & MASKS[class];
            at += WIDTHS[class];
        }
        self.at = at;
        values
    }

    pub(super) fn signed<const N: usize>(&mut self) -> [i64; N] {
        self.group::<N>().map(unfold)
    }

    /// Passes over a group of signed numbers and returns its first.
    pub(super) fn first_signed<const N: usize>(&mut self) -> i64 {
        let header = self.word();
        let at = self.at + header_bytes(N);
        let mut rest = header & ((1 << (3 * N)) - 1);
        self.at = at;
        while rest != 0 {
            self.at += usize::from(LENGTHS[(rest & FOUR) as usize]);
            rest >>= 12;
        }
        unfold(word(self.bytes, at) & MASKS[(header & 7) as usize])
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let start = self.at;
        self.at = (start + len).min(self.bytes.len());
        self.since(start)
    }

    fn word(&self) -> u64 {
        word(self.bytes, self.at)
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
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
            let end = reader.at();
            prop_assert_eq!(reader.group::<1>(), [numbers[0].cast_unsigned()]);
            prop_assert_eq!(reader.bytes(4), b"rest");
            let mut passing = Reader::new(&out);
            prop_assert_eq!(passing.array(), [byte]);
            prop_assert_eq!(passing.first_signed::<8>(), numbers[0]);
            prop_assert_eq!(passing.since(1), &out[1..end]);
        }
    }
}
