//! Integers in as few bytes as they need, read without a branch.
//!
//! A group of numbers starts with three bits for each, its width, and goes on with that many bytes of it, lowest first.
//! Figures are hardly ever negative, so signed numbers are put as they are, and those below 0 take eight bytes. Reading takes
//! eight bytes at a time, so what is read is followed by [`PADDING`] bytes. `layout.rs` lays out a day with it.

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
/// Bytes of it at most.
const GROUP_ROOM: usize = size_of::<u64>() * (GROUP_MAX + 1);
/// All bits of where a number of it may begin.
const STARTS: usize = GROUP_ROOM - size_of::<u64>() - 1;
/// What a [`Packer`] grows by; an ordinary day takes less.
const GROWTH: usize = 512;

/// Which of [`WIDTHS`] a number needs, by its leading zeros.
const CLASSES: [u8; 65] = {
    let mut classes = [0; 65];
    let mut bits = 0;
    while bits < classes.len() {
        let bytes = bits.div_ceil(8);
        #[expect(clippy::cast_possible_truncation, reason = "a number has at most eight bytes")]
        let class = if bytes > 6 { 7 } else { bytes as u8 };
        classes[64 - bits] = class;
        bits += 1;
    }
    classes
};

/// Bytes of the widths of a group of so many.
const fn header_bytes(count: usize) -> usize {
    (count * 3).div_ceil(8)
}

/// Where numbers are put one after another. Used again and again, so its bytes are neither made anew nor cleared.
#[derive(Debug, Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
    len: usize,
}

impl Packer {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Bytes put so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What was put since a place.
    pub(super) fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..self.len).unwrap_or_default()
    }

    /// Sets a byte that was put.
    pub(super) fn set(&mut self, at: usize, value: u8) {
        self.bytes[at] = value;
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.array([value]);
    }

    pub(super) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        *self.room() = bytes;
        self.len += N;
    }

    pub(super) fn group<const N: usize>(&mut self, values: [u64; N]) {
        const { assert!(N <= GROUP_MAX, "a group has at most so many numbers") }
        // Room for the widest numbers; what they do not need is not kept.
        let room: &mut [u8; GROUP_ROOM] = self.room();
        let mut end = header_bytes(N);
        let mut header = 0_u64;
        for (at, value) in values.into_iter().enumerate() {
            let class = usize::from(CLASSES[value.leading_zeros() as usize]);
            header |= (class as u64) << (3 * at);
            // No number begins later, which spares the check of the bounds.
            let start = end & STARTS;
            room[start..start + size_of::<u64>()].copy_from_slice(&value.to_le_bytes());
            end += WIDTHS[class];
        }
        room[..header_bytes(N)].copy_from_slice(&header.to_le_bytes()[..header_bytes(N)]);
        self.len += end;
    }

    pub(super) fn signed<const N: usize>(&mut self, values: [i64; N]) {
        self.group(values.map(i64::cast_unsigned));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if self.bytes.len() < end {
            self.grow(end);
        }
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        let end = self.len + N;
        if self.bytes.len() < end {
            self.grow(end);
        }
        self.bytes[self.len..].first_chunk_mut().expect("there is room for so many")
    }

    #[cold]
    fn grow(&mut self, to: usize) {
        self.bytes.resize(to.next_multiple_of(GROWTH), 0);
    }
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

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
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
        self.group::<N>().map(u64::cast_signed)
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
        (word(self.bytes, at) & MASKS[(header & 7) as usize]).cast_signed()
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
            let mut packer = Packer::default();
            packer.bytes(b"of another time");
            packer.clear();
            packer.byte(byte);
            packer.signed(numbers);
            packer.group([numbers[0].cast_unsigned()]);
            packer.bytes(b"rest");
            packer.array([0xee; PADDING]);
            let out = packer.since(0);
            let mut reader = Reader::new(out);
            prop_assert_eq!(reader.byte(), byte);
            prop_assert_eq!(reader.signed::<8>(), numbers);
            let end = reader.at();
            prop_assert_eq!(reader.group::<1>(), [numbers[0].cast_unsigned()]);
            prop_assert_eq!(reader.bytes(4), b"rest");
            let mut passing = Reader::new(out);
            prop_assert_eq!(passing.array(), [byte]);
            prop_assert_eq!(passing.first_signed::<8>(), numbers[0]);
            prop_assert_eq!(passing.since(1), &out[1..end]);
        }
    }
}
