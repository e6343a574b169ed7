//! The compressed blocks of ClickHouse's own protocols, which `compress=1` and `decompress=1` ask for.
//!
//! A block is a checksum of 16 bytes, then a header of method, size with header and size of the content,
//! then the content. Requests may use LZ4 or none; answers are framed and not compressed, which
//! every client reads, as they travel over loopback only.

use cityhash_rs::cityhash_102_128;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const NONE: u8 = 0x02;
const LZ4: u8 = 0x82;
/// The engine's own limit for one block.
const CONTENT_BYTES_MAX: usize = 1 << 30;
const ANSWER_BLOCK_BYTES: usize = 1 << 20;

/// Undoes the blocks of a request body, or says what is wrong with them.
pub(super) fn decompress(mut body: &[u8]) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    while !body.is_empty() {
        if body.len() < CHECKSUM + HEADER {
            return Err("a compressed block ends within its header".to_owned());
        }
        let (checksum, framed) = body.split_at(CHECKSUM);
        let size = |at: usize| {
            let bytes = [framed[at], framed[at + 1], framed[at + 2], framed[at + 3]];
            usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (packed, unpacked) = (size(1), size(5));
        if packed < HEADER || packed > framed.len() || unpacked > CONTENT_BYTES_MAX {
            return Err(format!("a compressed block claims {packed} bytes for {unpacked}"));
        }
        let framed = &framed[..packed];
        if checksum != checksum_of(framed) {
            return Err("the checksum of a compressed block does not match".to_owned());
        }
        match framed[0] {
            NONE => content.extend_from_slice(&framed[HEADER..]),
            LZ4 => {
                let block = lz4_flex::block::decompress(&framed[HEADER..], unpacked);
                content.extend(block.map_err(|error| error.to_string())?);
            }
            method => return Err(format!("compression method {method:#x} is not known, only LZ4 and none")),
        }
        body = &body[CHECKSUM + packed..];
    }
    Ok(content)
}

/// Puts an answer into blocks.
pub(super) fn frame(content: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(content.len() + CHECKSUM + HEADER);
    for piece in content.chunks(ANSWER_BLOCK_BYTES) {
        // A piece is at most ANSWER_BLOCK_BYTES long, so both sizes fit.
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let mut block = vec![NONE];
        block.extend((length + 9).to_le_bytes());
        block.extend(length.to_le_bytes());
        block.extend_from_slice(piece);
        framed.extend(checksum_of(&block));
        framed.extend(block);
    }
    framed
}

/// Both halves of the hash, the first one first, in little-endian order.
fn checksum_of(block: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(block).rotate_left(64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_answer_reads_back() {
        let content = vec![7; ANSWER_BLOCK_BYTES + 1];
        assert_eq!(decompress(&frame(&content)).unwrap(), content);
    }

    #[test]
    fn a_damaged_block_is_refused() {
        let mut framed = frame(b"content");
        *framed.last_mut().unwrap() ^= 1;
        assert!(decompress(&framed).unwrap_err().contains("checksum"));
        assert!(decompress(&framed[..20]).unwrap_err().contains("header"));
    }
}
