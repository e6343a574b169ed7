//! A batch of records as it lies in the log.
//!
//! Format: Kafka documentation, "Record Batch", magic 2. What a producer, a broker or a disk has damaged is an error here: nothing
//! is guessed, because a record passed over is a record lost.

use bytes::Bytes;

use super::compression::Compression;
use super::record::{Cursor, RecordSpan, WireHeaders};
use crate::record::{ConsumedRecord, Headers};

/// Bytes before the records.
pub(super) const HEADER: usize = 61;
/// Bytes before what the length counts.
pub(super) const PREFIX: usize = 12;
/// Where what the checksum covers begins.
pub(super) const CHECKED: usize = 21;

/// Where the identity of its producer begins.
pub(super) const PRODUCER: usize = 43;

const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// What is known of a batch before its records are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchHeader {
    pub(super) base_offset: i64,
    /// All of its bytes, this header too.
    pub(super) size: usize,
    pub(super) producer_id: i64,
    attributes: i16,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
}

impl BatchHeader {
    /// The header at the beginning of these bytes; `None` when the batch is cut off, as the last of a response may be.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        if bytes.len() < HEADER {
            return Ok(None);
        }
        let length = i32_at(bytes, 8);
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(PREFIX));
        let Some(size) = size.filter(|size| *size >= HEADER) else {
            return Err(format!("a batch of {length} bytes"));
        };
        let magic = bytes[16];
        if magic != 2 {
            return Err(format!("message format version {magic}, which is older than Kafka 0.11"));
        }
        if bytes.len() < size {
            return Ok(None);
        }
        let header = Self {
            base_offset: i64_at(bytes, 0),
            size,
            attributes: i16_at(bytes, 21),
            last_offset_delta: i32_at(bytes, 23),
            base_timestamp: i64_at(bytes, 27),
            max_timestamp: i64_at(bytes, 35),
            producer_id: i64_at(bytes, 43),
            count: i32_at(bytes, 57),
        };
        Ok(Some(header))
    }

    pub(super) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

/// Whether a control batch says that its producer's transaction was aborted: the key of its record holds a version and
/// a type, of which 0 means abort.
pub(super) fn is_abort(batch: &[u8]) -> bool {
    let key = Cursor::at(batch, HEADER).record().and_then(|(record, _)| record.key);
    key.is_some_and(|key| key.len() >= 4 && i16_at(&batch[key], 2) == 0)
}

/// Whether the batch is as its producer wrote it.
pub(super) fn verify(batch: &[u8]) -> Result<(), String> {
    let written = u32::from_be_bytes([batch[17], batch[18], batch[19], batch[20]]);
    let found = crc32c::crc32c(&batch[CHECKED..]);
    if written == found { Ok(()) } else { Err("the checksum of a batch is wrong".to_owned()) }
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from(i32_at(bytes, at)) << 32 | i64::from(i32_at(bytes, at + 4).cast_unsigned())
}

/// The records of one batch, one after the other. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct BatchReader {
    /// The records as they came, or nothing when they were packed.
    plain: Bytes,
    unpacked: Vec<u8>,
    /// How much of that is this batch's; `None` when it was not packed.
    unpacked_len: Option<usize>,
    at: usize,
    left: i32,
    base_offset: i64,
    base_timestamp: i64,
    /// The moment of all records where the broker stamps them.
    appended_at: Option<i64>,
}

impl BatchReader {
    /// Opens a batch, which must be whole.
    pub(super) fn open(&mut self, batch: &Bytes, header: &BatchHeader) -> Result<(), String> {
        verify(batch)?;
        let compression = Compression::of(header.attributes)?;
        self.plain = batch.slice(HEADER..);
        self.unpacked_len = None;
        if let Some(compression) = compression {
            self.unpacked_len = Some(compression.unpack(&self.plain, &mut self.unpacked)?);
            self.plain = Bytes::new();
        }
        self.at = 0;
        self.left = header.count;
        self.base_offset = header.base_offset;
        self.base_timestamp = header.base_timestamp;
        self.appended_at = (header.attributes & LOG_APPEND_TIME != 0).then_some(header.max_timestamp);
        Ok(())
    }

    /// Lets go of the batch.
    pub(super) fn close(&mut self) {
        self.left = 0;
        self.plain = Bytes::new();
    }

    /// Whether records are left.
    pub(super) fn has_more(&self) -> bool {
        self.left > 0
    }

    fn bytes(&self) -> &[u8] {
        self.unpacked_len.map_or(&self.plain[..], |length| &self.unpacked[..length])
    }

    /// Finds the next record.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<RecordSpan>, String> {
        if self.left <= 0 {
            return Ok(None);
        }
        let found = Cursor::at(self.bytes(), self.at).record();
        let (span, next) = found.ok_or_else(|| "a record that ends too early or too late".to_owned())?;
        self.at = next;
        self.left -= 1;
        Ok(Some(span))
    }

    pub(super) fn offset_of(&self, span: &RecordSpan) -> i64 {
        self.base_offset + i64::from(span.offset_delta)
    }

    /// The record that was found, borrowed from the batch.
    #[inline]
    pub(super) fn record<'a>(
        &'a self,
        span: RecordSpan,
        topic: &'a str,
        partition: i32,
    ) -> ConsumedRecord<'a> {
        let bytes = self.bytes();
        let stamped = self.appended_at.unwrap_or(self.base_timestamp + span.timestamp_delta);
        ConsumedRecord {
            topic,
            partition,
            offset: self.offset_of(&span),
            timestamp_ms: (stamped >= 0).then_some(stamped),
            key: span.key.map(|key| &bytes[key]),
            value: span.value.map(|value| &bytes[value]),
            headers: Headers::from_wire(WireHeaders::new(&bytes[span.headers], span.header_count)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::BytesMut;
    use kafka_protocol::protocol::StrBytes;
    use kafka_protocol::records::{
        Compression as Codec, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
        RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };

    use super::*;

    /// A record as another program's encoder takes it.
    pub(in crate::wire) fn record(offset: i64, value: &str) -> Record {
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: i32::try_from(offset).unwrap(),
            timestamp: 1_700_000_000_000 + offset,
            key: Some(Bytes::from(format!("key {offset}"))),
            value: Some(Bytes::from(value.to_owned())),
            headers: [(StrBytes::from_static_str("name"), Some(Bytes::from_static(b"header")))].into(),
        }
    }

    fn lz4(bytes: &mut BytesMut, packed: &mut BytesMut, _: Codec) -> anyhow::Result<()> {
        use std::io::Write as _;
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes)?;
        packed.extend_from_slice(&encoder.finish()?);
        Ok(())
    }

    fn packed(codec: Codec) -> Bytes {
        let records: Vec<Record> = (7..10).map(|offset| record(offset, &"value ".repeat(50))).collect();
        let (mut batch, options) = (BytesMut::new(), RecordEncodeOptions { version: 2, compression: codec });
        let own = (codec == Codec::Lz4).then_some(lz4 as fn(&mut _, &mut _, _) -> _);
        RecordBatchEncoder::encode_with_custom_compression(&mut batch, &records, &options, own).unwrap();
        batch.freeze()
    }

    /// Offset, time, key and value.
    type Read = (i64, Option<i64>, Vec<u8>, Vec<u8>);

    fn read(batch: &Bytes) -> Result<Vec<Read>, String> {
        let header = BatchHeader::read(batch)?.ok_or("cut off")?;
        let mut reader = BatchReader::default();
        reader.open(batch, &header)?;
        let mut read = Vec::new();
        while let Some(span) = reader.next()? {
            let record = reader.record(span, "topic", 0);
            assert_eq!(record.headers.last("name"), Some(&b"header"[..]));
            let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
            read.push((record.offset, record.timestamp_ms, key.to_vec(), value.to_vec()));
        }
        Ok(read)
    }

    #[test]
    fn what_another_program_has_written_is_read_however_it_is_packed() {
        let expected: Vec<_> = (7..10)
            .map(|offset| {
                let key = format!("key {offset}").into_bytes();
                (offset, Some(1_700_000_000_000 + offset), key, "value ".repeat(50).into_bytes())
            })
            .collect();
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            assert_eq!(read(&packed(codec)).unwrap(), expected, "{codec:?}");
        }
    }

    #[test]
    fn a_batch_of_which_any_checked_byte_is_wrong_is_refused() {
        for codec in [Codec::None, Codec::Lz4] {
            let batch = packed(codec);
            for place in 16..batch.len() {
                let mut damaged = BytesMut::from(&batch[..]);
                damaged[place] ^= 0x10;
                assert!(read(&damaged.freeze()).is_err(), "{codec:?}, byte {place}");
            }
        }
    }

    #[test]
    fn zstd_is_refused_with_a_sentence_that_says_what_to_do() {
        let mut batch = BytesMut::from(&packed(Codec::None)[..]);
        batch[22] |= 4;
        let crc = crc32c::crc32c(&batch[CHECKED..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        assert!(read(&batch.freeze()).unwrap_err().contains("zstd"));
    }
}
