//! Frames of lz4, unpacked straight into the buffer that is read.
//!
//! Format: "LZ4 Frame Format Description" 1.6.4. Kafka's clients write frames of independent blocks without checksums, because
//! a batch has one of its own. Such a frame needs no buffer between its blocks and ours; every other frame, and every one
//! in which something is wrong, is left to the decoder of the library, which also finds the words for it.

use lz4_flex::block::decompress_into;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Version 1, independent blocks, nothing else: no checksums, no size of the content, no dictionary.
const PLAIN: u8 = 0b0110_0000;
/// Magic, flags, the largest block, and a checksum of these two, which the batch's own covers.
const FRAME_HEADER: usize = 7;
/// The bit of a block's size which says that it lies there as it is.
const AS_IT_IS: u32 = 1 << 31;

/// Puts what is packed at the front of `unpacked`, whose length never shrinks, so that it is filled with zeros but once.
/// Returns how much it is; `None` for a frame that is not plain, or larger than `most`.
pub(super) fn unpack(packed: &[u8], unpacked: &mut Vec<u8>, most: usize) -> Option<usize> {
    let (header, mut rest) = packed.split_first_chunk::<FRAME_HEADER>()?;
    let [magic @ .., flags, largest, _] = header;
    if *magic != MAGIC || *flags != PLAIN {
        return None;
    }
    let block_max = 1_usize << (8 + 2 * (4..8).contains(&(largest >> 4)).then_some(largest >> 4)?);
    let mut end = 0;
    loop {
        let (size, blocks) = rest.split_first_chunk()?;
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            return blocks.is_empty().then_some(end);
        }
        let (block, after) = blocks.split_at_checked(usize::try_from(size & !AS_IT_IS).ok()?)?;
        let room_end = end + block_max;
        if block.len() > block_max || room_end > most {
            return None;
        }
        if unpacked.len() < room_end {
            unpacked.resize(room_end, 0);
        }
        let room = &mut unpacked[end..room_end];
        end += if size & AS_IT_IS == 0 {
            decompress_into(block, room).ok()?
        } else {
            room[..block.len()].copy_from_slice(block);
            block.len()
        };
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1 << 20;

    fn plain() -> FrameInfo {
        FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB)
    }

    fn packed(frame: FrameInfo, content: &[u8]) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that pack well, badly, or not at all.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let words = proptest::collection::vec(0..7_u8, 0..200_000);
        let noise = proptest::collection::vec(any::<u8>(), 0..150_000);
        prop_oneof![words, noise]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_packed_comes_out_again_whatever_was_in_the_buffer(first in content(), second in content()) {
            let mut unpacked = Vec::new();
            for content in [first, second] {
                let length = unpack(&packed(plain(), &content), &mut unpacked, MOST);
                prop_assert_eq!(length, Some(content.len()));
                prop_assert!(unpacked[..content.len()] == content);
            }
        }
    }

    #[test]
    fn a_frame_that_is_not_plain_or_does_not_end_is_left_to_the_library() {
        let content = b"a batch of records ".repeat(9_000);
        let whole = packed(plain(), &content);
        let mut unpacked = Vec::new();
        for frame in [
            plain().block_mode(BlockMode::Linked),
            plain().block_checksums(true),
            plain().content_checksum(true),
            plain().content_size(Some(content.len() as u64)),
        ] {
            assert_eq!(unpack(&packed(frame, &content), &mut unpacked, MOST), None);
        }
        for end in 0..whole.len() {
            assert_eq!(unpack(&whole[..end], &mut unpacked, MOST), None, "{end} bytes");
        }
        assert_eq!(unpack(&[&whole[..], &whole].concat(), &mut unpacked, MOST), None, "two frames");
        assert_eq!(unpack(&whole, &mut unpacked, content.len() - 1), None, "larger than it may be");
    }
}
