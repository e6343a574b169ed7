//! Unpacking a batch into a buffer that is used again.

use std::io::Read as _;

use bytes::Bytes;
use kafka_protocol::compression::{Decompressor as _, Gzip, Snappy};

use super::lz4;

/// Unpacked, a batch may be as large as this: brokers take 1 MiB by default, and nothing shrinks a thousandfold honestly.
const UNPACKED_MAX: usize = 256 << 20;

/// The lowest bits of a batch that is packed with lz4.
pub(super) const LZ4: i16 = 3;

/// How the records of a batch are packed, by the lowest bits of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// `None` when they are not.
    pub(super) fn of(attributes: i16) -> Result<Option<Self>, String> {
        match attributes & 0b111 {
            0 => Ok(None),
            1 => Ok(Some(Self::Gzip)),
            2 => Ok(Some(Self::Snappy)),
            LZ4 => Ok(Some(Self::Lz4)),
            4 => Ok(Some(Self::Zstd)),
            unknown => Err(format!("an unknown compression ({unknown})")),
        }
    }

    /// Puts what is packed at the front of `unpacked` and returns how much it is; what lies behind is of no meaning.
    ///
    /// # Errors
    /// A sentence about what is wrong with the packed bytes.
    pub(super) fn unpack(self, packed: &Bytes, unpacked: &mut Vec<u8>) -> Result<usize, String> {
        if self == Self::Lz4
            && let Some(length) = lz4::unpack(packed, unpacked, UNPACKED_MAX)
        {
            return Ok(length);
        }
        unpacked.clear();
        let foreign = |unpacked: &mut Vec<u8>, bytes: &Bytes| {
            unpacked.extend_from_slice(bytes);
            Ok(())
        };
        match self {
            Self::Lz4 => {
                let decoder = lz4_flex::frame::FrameDecoder::new(&packed[..]);
                decoder
                    .take(UNPACKED_MAX as u64 + 1)
                    .read_to_end(unpacked)
                    .map_err(|error| error.to_string())?;
            }
            Self::Gzip => Gzip::decompress(&mut packed.clone(), |bytes| foreign(unpacked, bytes))
                .map_err(|error| error.to_string())?,
            Self::Snappy => Snappy::decompress(&mut packed.clone(), |bytes| foreign(unpacked, bytes))
                .map_err(|error| error.to_string())?,
            Self::Zstd => return Err("this program reads no zstd; let its producer use lz4".to_owned()),
        }
        if unpacked.len() > UNPACKED_MAX {
            return Err(format!("unpacked it is larger than {UNPACKED_MAX} bytes"));
        }
        Ok(unpacked.len())
    }
}
