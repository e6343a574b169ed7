//! Records to datums, which are appended to what is there.

use super::{BITS, MORE, MORES, TopicValue};

/// Appends the datum to `out`, if `T` is the type of that name.
pub(crate) fn write<'a, T: TopicValue<'a>>(value: &T, record: &str, out: &mut Vec<u8>) -> bool {
    if record != T::RECORD {
        return false;
    }
    value.write(out);
    true
}

/// The number of a branch of a union, or of a symbol of an enum.
#[inline]
pub(super) fn index(out: &mut Vec<u8>, index: u8) {
    out.push(index << 1);
}

/// A signed number, folded (0, -1, 1, -2 … become 0, 1, 2, 3 …), lowest bits first.
#[inline]
pub(super) fn long(out: &mut Vec<u8>, value: i64) {
    folded(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// How many bytes or items follow.
#[inline]
pub(super) fn len(out: &mut Vec<u8>, len: usize) {
    folded(out, (len as u64) << 1);
}

#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    len(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[inline]
fn folded(out: &mut Vec<u8>, folded: u64) {
    // Most numbers are small: lengths, counts.
    let ([low, ..], [high, ..]) = (folded.to_le_bytes(), (folded >> BITS).to_le_bytes());
    match folded {
        0..0x80 => out.push(low),
        0x80..0x4000 => out.extend_from_slice(&[low | MORE, high]),
        _ => folded_of_many(out, folded),
    }
}

/// A number that has three bytes or more. Out of line, so that there is less to copy wherever a number is written.
#[inline(never)]
fn folded_of_many(out: &mut Vec<u8>, mut folded: u64) {
    let [one, two, three, four] = [0, 1, 2, 3].map(|place| (folded >> (place * BITS)).to_le_bytes()[0]);
    if folded < 0x20_0000 {
        return out.extend_from_slice(&[one | MORE, two | MORE, three]);
    }
    if folded < 0x1000_0000 {
        return out.extend_from_slice(&[one | MORE, two | MORE, three | MORE, four]);
    }
    let bytes = (u64::BITS - folded.leading_zeros()).div_ceil(BITS) as usize;
    if let Some(past) = size_of::<u64>().checked_sub(bytes) {
        // Eight bytes at once; those past the number are taken back.
        let more = MORES >> (8 * (past + 1));
        out.extend_from_slice(&(parted(folded) | more).to_le_bytes());
        out.truncate(out.len() - past);
        return;
    }
    while folded >= u64::from(MORE) {
        let [low, ..] = folded.to_le_bytes();
        out.push(low | MORE);
        folded >>= BITS;
    }
    let [last, ..] = folded.to_le_bytes();
    out.push(last);
}

/// Parts a number of 56 bits into the lower seven bits of each of eight bytes, half by half.
#[inline]
fn parted(number: u64) -> u64 {
    let fours = (number & 0x0fff_ffff) | ((number & 0x00ff_ffff_f000_0000) << 4);
    let pairs = (fours & 0x0000_3fff_0000_3fff) | ((fours & 0x0fff_c000_0fff_c000) << 2);
    (pairs & 0x007f_007f_007f_007f) | ((pairs & 0x3f80_3f80_3f80_3f80) << 1)
}
