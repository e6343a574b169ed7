//! The batches of one partition in one answer, and which of them the caller gets.

use bytes::{Buf as _, Bytes};

use crate::settings::Isolation;
use crate::wire::batch::{BatchHeader, BatchReader, is_abort};

/// A transaction that was aborted: whose it was, and its first offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
}

/// What was fetched of one partition.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) cursor: usize,
    pub(super) link: usize,
    pub(super) frame: Bytes,
    pub(super) records: Bytes,
    /// Ascending by offset; those that the batches have reached are taken out.
    pub(super) aborted: Vec<Aborted>,
    /// Producers whose transaction at this place was aborted.
    pub(super) aborting: Vec<i64>,
    /// Offset after the batch that is open.
    pub(super) open_until: Option<i64>,
}

/// What became of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Its records come next.
    Opened,
    /// It is behind us; the next offset of the partition is this one.
    Passed { next: i64 },
    /// There are no more.
    Done,
}

impl Part {
    /// Goes one batch further. Under `read_committed` records of aborted transactions are passed over, by the rule of
    /// the Java client: a producer is aborting from the first offset that the broker names until its abort marker.
    pub(super) fn step(&mut self, reader: &mut BatchReader, isolation: Isolation) -> Result<Step, String> {
        if let Some(next) = self.open_until.take() {
            return Ok(Step::Passed { next });
        }
        let Some(header) = BatchHeader::read(&self.records)? else { return Ok(Step::Done) };
        let batch = self.records.split_to(header.size);
        let next = header.last_offset() + 1;
        self.reach(header.last_offset());
        if header.is_control() {
            if is_abort(&batch) {
                self.aborting.retain(|producer| *producer != header.producer_id);
            }
            return Ok(Step::Passed { next });
        }
        let aborted = header.is_transactional() && self.aborting.contains(&header.producer_id);
        if aborted && isolation == Isolation::ReadCommitted {
            return Ok(Step::Passed { next });
        }
        reader.open(&batch, &header)?;
        self.open_until = Some(next);
        Ok(Step::Opened)
    }

    fn reach(&mut self, offset: i64) {
        let reached = self.aborted.partition_point(|aborted| aborted.first_offset <= offset);
        self.aborting.extend(self.aborted.drain(..reached).map(|aborted| aborted.producer_id));
    }
}

/// The offset after the last whole batch; `None` without one.
pub(super) fn end_of(records: &Bytes) -> Result<Option<i64>, String> {
    let (mut rest, mut end) = (&records[..], None);
    while let Some(header) = BatchHeader::read(rest)? {
        end = Some(header.last_offset() + 1);
        rest.advance(header.size);
    }
    Ok(end)
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::BytesMut;
    use kafka_protocol::records::{Compression, RecordBatchEncoder, RecordEncodeOptions};

    use super::*;
    use crate::wire::batch::tests::record;

    /// Producer 1 commits offsets 0 and 1; producer 2 aborts 2, which its marker at 3 says, and commits 4; 5 is its marker.
    pub(in crate::wire::fetcher) fn log() -> Bytes {
        let of = |offset: i64, producer_id: i64| kafka_protocol::records::Record {
            transactional: true,
            producer_id,
            ..record(offset, "value")
        };
        let marker = |offset: i64, kind: u8| kafka_protocol::records::Record {
            control: true,
            key: Some(Bytes::from(vec![0, 0, 0, kind])),
            ..of(offset, 2)
        };
        let records = [of(0, 1), of(1, 1), of(2, 2), marker(3, 0), of(4, 2), marker(5, 1)];
        let mut log = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        // Each by itself, so that each is a batch where its neighbours are of another kind.
        for records in [&records[..2], &records[2..3], &records[3..4], &records[4..5], &records[5..]] {
            RecordBatchEncoder::encode(&mut log, records, &options).unwrap();
        }
        log.freeze()
    }

    fn part(records: Bytes) -> Part {
        Part {
            cursor: 0,
            link: 0,
            frame: records.clone(),
            records,
            aborted: vec![Aborted { producer_id: 2, first_offset: 2 }],
            aborting: Vec::new(),
            open_until: None,
        }
    }

    /// The offsets handed out, and the offset after all that was passed.
    fn read(isolation: Isolation) -> (Vec<i64>, i64) {
        let (mut part, mut reader) = (part(log()), BatchReader::default());
        let (mut offsets, mut next) = (Vec::new(), 0);
        loop {
            match part.step(&mut reader, isolation).unwrap() {
                Step::Opened => {
                    while let Some(span) = reader.next().unwrap() {
                        offsets.push(reader.offset_of(&span));
                    }
                }
                Step::Passed { next: passed } => next = passed,
                Step::Done => return (offsets, next),
            }
        }
    }

    #[test]
    fn records_of_an_aborted_transaction_are_passed_over_until_its_marker_and_no_further() {
        assert_eq!(read(Isolation::ReadCommitted), (vec![0, 1, 4], 6));
    }

    #[test]
    fn whoever_reads_uncommitted_gets_aborted_records_too_but_no_marker() {
        assert_eq!(read(Isolation::ReadUncommitted), (vec![0, 1, 2, 4], 6));
    }

    #[test]
    fn the_next_question_begins_after_the_last_whole_batch() {
        let log = log();
        assert_eq!(end_of(&log).unwrap(), Some(6));
        assert_eq!(end_of(&log.slice(..log.len() - 1)).unwrap(), Some(5), "the last batch is cut off");
        assert_eq!(end_of(&log.slice(..70)).unwrap(), None);
    }
}
