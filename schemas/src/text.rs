//! Bytes to text, cheap for the short ASCII that keys, names and codes are. The datums of records and the keys of records
//! come through here.
//!
//! The one place of this crate with unsafe code, which the standard library needs to take bytes that were looked at already
//! for text. None of the crates at hand saves a short text anything: simdutf8 leaves those below 64 bytes to the standard
//! library, whose check costs some 150 instructions for a name of ten bytes; bstr steps through them one by one.

#![allow(unsafe_code)]

use std::str::Utf8Error;

/// The top bits of eight bytes, which ASCII has not.
const TOPS: u64 = 0x8080_8080_8080_8080;
/// The standard library is faster with longer ones.
const SHORT_BYTES_MAX: usize = 64;

/// The bytes as text, as [`std::str::from_utf8`] judges them.
///
/// # Errors
/// When they are not UTF-8.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, Utf8Error> {
    if is_short_ascii(bytes) {
        // SAFETY: bytes without their top bits are ASCII, which is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes)
}

/// Looks at eight bytes at a time, the last of which overlap those before, or at the few there are.
#[inline]
fn is_short_ascii(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        if bytes.len() > SHORT_BYTES_MAX {
            return false;
        }
        let (chunks, _) = bytes.as_chunks();
        let tops =
            chunks.iter().fold(u64::from_le_bytes(*last), |tops, chunk| tops | u64::from_le_bytes(*chunk));
        return tops & TOPS == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & TOPS == 0;
    }
    bytes.iter().fold(0, |tops, byte| tops | byte).is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8]) {
        assert_eq!(text(bytes), std::str::from_utf8(bytes), "{bytes:?}");
    }

    #[test]
    fn ascii_of_any_length_is_text_and_a_byte_beyond_it_at_any_place_is_judged_as_ever() {
        for len in 0..80 {
            let ascii: Vec<u8> = (0..len).map(|at| b'a' + at % 26).collect();
            check(&ascii);
            for at in 0..ascii.len() {
                for other in
                    [&[0x7f][..], &[0x80], &[0xff], &[0xc3], "ü".as_bytes(), "€".as_bytes(), "🚀".as_bytes()]
                {
                    let mut bytes = ascii.clone();
                    bytes.splice(at..(at + other.len()).min(ascii.len()), other.iter().copied());
                    check(&bytes);
                    check(&bytes[..len.into()]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_when_the_standard_library_says_so(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            check(&bytes);
        }

        #[test]
        fn any_text_is_text(text in "\\PC{0,80}") {
            check(text.as_bytes());
        }
    }
}
