//! Writing a batch of records straight into the buffer that is sent.
//!
//! Format: Kafka documentation, "Record Batch" and "Record", magic 2.

use std::io::Write as _;

use bytes::{BufMut as _, BytesMut};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::batch::{CHECKED, HEADER, PREFIX, PRODUCER, TRANSACTIONAL};
use super::compression::LZ4;
use crate::record::Record;

/// Whose batch it is, and its place among the batches of its partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provenance {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) sequence: i32,
}

/// A batch that still takes records.
#[derive(Debug)]
pub(super) struct BatchWriter {
    bytes: BytesMut,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchWriter {
    /// An empty batch in the buffer of an earlier one. Records without a time of their own get this one.
    pub(super) fn new(mut buffer: BytesMut, now_ms: i64) -> Self {
        buffer.clear();
        buffer.put_bytes(0, HEADER);
        Self { bytes: buffer, count: 0, base_timestamp: now_ms, max_timestamp: i64::MIN }
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    /// Bytes so far, the header too.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Copies a record.
    #[inline]
    pub(super) fn append(&mut self, record: &Record<'_>) {
        let timestamp = record.timestamp_ms.unwrap_or(self.base_timestamp);
        let timestamp_delta = timestamp - self.base_timestamp;
        let offset_delta = i64::from(self.count);
        let headers = record.headers.iter();
        let headers: usize =
            headers.map(|(name, value)| sized(Some(name.as_bytes())) + sized(Some(value))).sum();
        let header_count = length_of(record.headers.len());
        let body = 1
            + width(timestamp_delta)
            + width(offset_delta)
            + sized(record.key)
            + sized(record.value)
            + width(header_count)
            + headers;
        self.bytes.reserve(body + MAX_WIDTH);
        put_number(&mut self.bytes, length_of(body));
        self.bytes.put_u8(0);
        put_number(&mut self.bytes, timestamp_delta);
        put_number(&mut self.bytes, offset_delta);
        put_sized(&mut self.bytes, record.key);
        put_sized(&mut self.bytes, record.value);
        put_number(&mut self.bytes, header_count);
        for (name, value) in record.headers {
            put_sized(&mut self.bytes, Some(name.as_bytes()));
            put_sized(&mut self.bytes, Some(value));
        }
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// Ends the batch: packs its records if that makes it smaller, and writes its header, in which [`stamp`] says whose it is.
    /// `spare` is the buffer to pack into, and afterwards the one that is left over.
    pub(super) fn seal(mut self, pack: bool, transactional: bool, spare: &mut BytesMut) -> BytesMut {
        let packed = pack && self.pack(spare);
        let attributes = if transactional { TRANSACTIONAL } else { 0 } | if packed { LZ4 } else { 0 };
        let bytes = &mut self.bytes;
        let length = i32::try_from(bytes.len() - PREFIX).unwrap_or(i32::MAX);
        let mut header = &mut bytes[..HEADER];
        header.put_i64(0);
        header.put_i32(length);
        header.put_i32(-1);
        header.put_i8(2);
        header.put_u32(0);
        header.put_i16(attributes);
        header.put_i32(self.count - 1);
        header.put_i64(self.base_timestamp);
        header.put_i64(self.max_timestamp);
        header.put_i64(-1);
        header.put_i16(-1);
        header.put_i32(-1);
        header.put_i32(self.count);
        self.bytes
    }

    fn pack(&mut self, spare: &mut BytesMut) -> bool {
        spare.clear();
        spare.put_bytes(0, HEADER);
        // The Java client reads independent blocks only.
        let frame = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(frame, (&mut *spare).writer());
        let packed = encoder.write_all(&self.bytes[HEADER..]).is_ok() && encoder.finish().is_ok();
        if packed && spare.len() < self.bytes.len() {
            std::mem::swap(&mut self.bytes, spare);
            return true;
        }
        false
    }
}

/// Writes into a sealed batch whose it is, and its checksum.
pub(super) fn stamp(batch: &mut [u8], of: Provenance) {
    let mut header = &mut batch[PRODUCER..HEADER];
    header.put_i64(of.producer_id);
    header.put_i16(of.producer_epoch);
    header.put_i32(of.sequence);
    let checksum = crc32c::crc32c(&batch[CHECKED..]);
    batch[CHECKED - 4..CHECKED].copy_from_slice(&checksum.to_be_bytes());
}

/// The sequence of the next batch. After the largest number it goes on with 0.
pub(super) fn sequence_after(sequence: i32, records: i32) -> i32 {
    let next = i64::from(sequence) + i64::from(records);
    i32::try_from(next & i64::from(i32::MAX)).unwrap_or(0)
}

/// The widest number takes so many bytes.
const MAX_WIDTH: usize = 10;

fn length_of(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Bytes of a number.
fn width(number: i64) -> usize {
    let bits = 64 - (zigzag(number) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

fn put_number(bytes: &mut BytesMut, number: i64) {
    let mut raw = zigzag(number);
    while raw >= 0x80 {
        let [lowest, ..] = raw.to_le_bytes();
        bytes.put_u8(lowest | 0x80);
        raw >>= 7;
    }
    let [last, ..] = raw.to_le_bytes();
    bytes.put_u8(last);
}

/// Bytes of a part with its length.
fn sized(part: Option<&[u8]>) -> usize {
    part.map_or(1, |part| width(length_of(part.len())) + part.len())
}

fn put_sized(bytes: &mut BytesMut, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            put_number(bytes, length_of(part.len()));
            bytes.put_slice(part);
        }
        None => put_number(bytes, -1),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;

    const OF: Provenance = Provenance { producer_id: 4_000_000_000, producer_epoch: 7, sequence: 11 };

    fn written(pack: bool) -> BytesMut {
        let mut batch = BatchWriter::new(BytesMut::new(), 1_700_000_000_000);
        let long = "value ".repeat(100);
        batch.append(&Record::new("t", Some(b"key"), Some(long.as_bytes())).at(1_699_999_999_000));
        batch.append(&Record::new("t", None, None).with_headers(&[("name", b"x"), ("other", b"")]));
        batch.append(&Record::new("t", Some(b""), Some(b"last")));
        let mut batch = batch.seal(pack, true, &mut BytesMut::new());
        stamp(&mut batch, OF);
        batch
    }

    #[test]
    fn another_program_reads_what_was_written() {
        let mut bytes = written(false).freeze();
        let read = RecordBatchDecoder::decode(&mut bytes).unwrap().records;
        let times: Vec<i64> = read.iter().map(|record| record.timestamp).collect();
        assert_eq!(times, [1_699_999_999_000, 1_700_000_000_000, 1_700_000_000_000]);
        assert!(read.iter().all(|record| record.transactional && !record.control));
        assert!(read.iter().all(|r| (r.producer_id, r.producer_epoch) == (4_000_000_000, 7)));
        let sequences: Vec<i32> = read.iter().map(|record| record.sequence).collect();
        assert_eq!(sequences, [11, 12, 13]);
        assert_eq!(read[0].key.as_deref(), Some(&b"key"[..]));
        assert_eq!(read[0].value.as_ref().unwrap().len(), 600);
        assert_eq!((&read[1].key, &read[1].value), (&None, &None));
        assert_eq!(read[1].headers.len(), 2);
        assert_eq!((read[2].key.as_deref(), read[2].value.as_deref()), (Some(&b""[..]), Some(&b"last"[..])));
    }

    #[test]
    fn packed_or_not_the_same_records_are_read_by_ourselves() {
        use super::super::batch::{BatchHeader, BatchReader};
        let read = |bytes: BytesMut| {
            let bytes = bytes.freeze();
            let header = BatchHeader::read(&bytes).unwrap().unwrap();
            assert_eq!((header.size, header.last_offset()), (bytes.len(), 2));
            let mut reader = BatchReader::default();
            reader.open(&bytes, &header).unwrap();
            let mut read = Vec::new();
            while let Some(span) = reader.next().unwrap() {
                let record = reader.record(span, "t", 0);
                let value = record.value.map(<[u8]>::to_vec);
                read.push((record.offset, record.timestamp_ms, record.key.map(<[u8]>::to_vec), value));
            }
            read
        };
        let (plain, packed) = (written(false), written(true));
        assert!(packed.len() < plain.len() / 2, "{} and {}", packed.len(), plain.len());
        assert_eq!(read(plain), read(packed));
    }

    #[test]
    fn a_number_takes_as_many_bytes_as_are_told() {
        for number in [0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, i64::MAX, i64::MIN] {
            let mut bytes = BytesMut::new();
            put_number(&mut bytes, number);
            assert_eq!(bytes.len(), width(number), "{number}");
        }
    }
}
