//! Which records are on their way into a store: written down in the group before the store is asked, so that whoever takes the
//! partitions over can build the very same block again.
//!
//! A block holds records of one topic from a few partitions. Its text stands as metadata beside the offset of every partition that it
//! touches, in one commit, and the offset is the block's first record there. Pure but for [`reread`], which blocks.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Batch;
use crate::error::KafkaError;
use crate::reader::{ReadRange, TopicReader};
use crate::record::TopicPartition;
use crate::settings::{Isolation, KafkaSettings};

/// Before the ranges; the number changes when what follows does.
const MARK: &str = "adpulse-pending/";
const VERSION: &str = "1";
/// Partitions in one block. Brokers take 4,096 bytes of metadata for a partition, and this many ranges have at most 900.
const PARTITIONS_MAX: usize = 16;

/// Offsets of one partition, both ends included. Not every number between them is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetRange {
    /// Partition number.
    pub partition: i32,
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the last record.
    pub last: i64,
}

/// Records of one topic that a store takes as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingBlock {
    topic: Arc<str>,
    /// By partition, ascending; never empty.
    ranges: Vec<OffsetRange>,
}

impl PendingBlock {
    /// The blocks of a batch, by topic and partition.
    #[must_use]
    pub fn of(batch: &Batch) -> Vec<Self> {
        let mut parts: Vec<(Arc<str>, OffsetRange)> = batch
            .partitions()
            .map(|part| {
                let at = part.topic_partition();
                let (first, last) = (part.first_offset(), part.last_offset());
                (Arc::clone(&at.topic), OffsetRange { partition: at.partition, first, last })
            })
            .collect();
        parts.sort();
        let mut blocks: Vec<Self> = Vec::new();
        for (topic, range) in parts {
            match blocks.last_mut() {
                Some(block) if block.topic == topic && block.ranges.len() < PARTITIONS_MAX => {
                    block.ranges.push(range);
                }
                _ => blocks.push(Self { topic, ranges: vec![range] }),
            }
        }
        blocks
    }

    /// What the metadata of a committed offset says; `None` when nothing was on its way.
    ///
    /// # Errors
    /// [`KafkaError::Pending`] when it was written by a newer adpulse, or is cut short.
    pub fn parse(at: &TopicPartition, metadata: &str) -> Result<Option<Self>, KafkaError> {
        // Tools that set offsets may leave words of their own.
        let Some(text) = metadata.strip_prefix(MARK) else { return Ok(None) };
        let unreadable = |reason: &str| KafkaError::Pending {
            topic: at.topic.to_string(),
            partition: at.partition,
            reason: format!("{reason}: {metadata:?}"),
        };
        let mut words = text.split(' ');
        if words.next() != Some(VERSION) {
            return Err(unreadable("a newer adpulse has written it"));
        }
        let ranges: Option<Vec<OffsetRange>> = words.map(range).collect();
        match ranges {
            Some(ranges) if ranges.iter().any(|range| range.partition == at.partition) => {
                Ok(Some(Self { topic: Arc::clone(&at.topic), ranges }))
            }
            _ => Err(unreadable("it does not name the records of this partition")),
        }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The ranges, by partition.
    #[must_use]
    pub fn ranges(&self) -> &[OffsetRange] {
        &self.ranges
    }

    /// The text for [`PendingBlock::parse`].
    #[must_use]
    pub fn metadata(&self) -> String {
        let mut text = format!("{MARK}{VERSION}");
        for range in &self.ranges {
            write!(text, " {}:{}-{}", range.partition, range.first, range.last)
                .expect("writing to a String cannot fail");
        }
        text
    }

    /// Whether a record of the topic belongs to the block.
    #[must_use]
    pub fn holds(&self, topic: &str, partition: i32) -> bool {
        &*self.topic == topic && self.ranges.iter().any(|range| range.partition == partition)
    }

    /// What to commit before the block is written: each partition's first record, with the block's text.
    pub(super) fn starts(&self) -> impl Iterator<Item = (TopicPartition, i64, String)> {
        let metadata = self.metadata();
        self.ranges.iter().map(move |range| (self.at(range), range.first, metadata.clone()))
    }

    /// What to commit when the block is durable: one past each partition's last record.
    pub fn ends(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.ranges.iter().map(|range| (self.at(range), range.last + 1))
    }

    fn at(&self, range: &OffsetRange) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.topic), range.partition)
    }
}

fn range(word: &str) -> Option<OffsetRange> {
    let (partition, offsets) = word.split_once(':')?;
    let (first, last) = offsets.split_once('-')?;
    let range = OffsetRange {
        partition: partition.parse().ok()?,
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    };
    (range.partition >= 0 && range.first >= 0 && range.first <= range.last).then_some(range)
}

/// Reads the records of a block, also of partitions that belong to others by now. Blocks: call it from a plain thread.
/// A compacted topic may have dropped older records of a key since; nothing else may be missing.
///
/// # Errors
/// [`KafkaError::OffsetsLost`] when the topic does not reach from the first to the last record any more, and what the
/// reader reports.
pub fn reread(settings: &KafkaSettings, group: &str, block: &PendingBlock) -> Result<Batch, KafkaError> {
    let of =
        |pick: fn(&OffsetRange) -> i64| block.ranges.iter().map(move |range| (range.partition, pick(range)));
    let range = ReadRange {
        topic: block.topic.to_string(),
        partitions: Some(block.ranges.iter().map(|range| range.partition).collect()),
        from: of(|range| range.first).collect(),
        until: of(|range| range.last + 1).collect(),
        isolation: Isolation::ReadCommitted,
    };
    let mut reader = TopicReader::open(settings, group, &range)?;
    for range in &block.ranges {
        let span = reader.spans().iter().find(|span| span.partition == range.partition);
        let end = span.map_or(0, |span| span.until);
        if end <= range.last {
            return Err(KafkaError::OffsetsLost {
                group: group.to_owned(),
                topic: block.topic.to_string(),
                partition: range.partition,
                expected: range.last,
                found: end,
            });
        }
    }
    let mut batch = Batch::new(0);
    reader.for_each(|record| {
        batch.push(&record);
        true
    })?;
    Ok(batch.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ConsumedRecord, Headers};

    fn batch(records: &[(&str, i32, i64)]) -> Batch {
        let mut batch = Batch::new(1);
        for &(topic, partition, offset) in records {
            let (key, value) = (None, Some(&b"v"[..]));
            let headers = Headers::from_pairs(&[]);
            batch.push(&ConsumedRecord { topic, partition, offset, timestamp_ms: None, key, value, headers });
        }
        batch.finish()
    }

    #[test]
    fn a_block_reads_back_from_the_metadata_of_each_of_its_partitions() {
        let blocks =
            PendingBlock::of(&batch(&[("b", 3, 7), ("a", 1, 5), ("b", 0, 2), ("a", 1, 9), ("b", 3, 8)]));
        let texts: Vec<String> = blocks.iter().map(PendingBlock::metadata).collect();
        assert_eq!(texts, ["adpulse-pending/1 1:5-9", "adpulse-pending/1 0:2-2 3:7-8"]);
        for block in &blocks {
            for (at, first, metadata) in block.starts() {
                assert_eq!(PendingBlock::parse(&at, &metadata).unwrap().as_ref(), Some(block), "{first}");
            }
        }
        let ends: Vec<i64> = blocks.iter().flat_map(PendingBlock::ends).map(|(_, end)| end).collect();
        assert_eq!(ends, [10, 3, 9]);
    }

    #[test]
    fn the_metadata_fits_into_what_brokers_take_however_many_partitions_there_are() {
        let records: Vec<(&str, i32, i64)> =
            (0..1_000).map(|n| ("t", i32::MAX - n, i64::MAX - 1 - i64::from(n))).collect();
        let blocks = PendingBlock::of(&batch(&records));
        assert_eq!(blocks.len(), 63);
        assert!(blocks.iter().all(|block| block.metadata().len() < 1_024));
    }

    #[test]
    fn what_others_have_written_is_no_block_and_what_cannot_be_read_is_never_passed_over() {
        let at = TopicPartition::new("t", 3);
        assert_eq!(PendingBlock::parse(&at, "").unwrap(), None);
        assert_eq!(PendingBlock::parse(&at, "reset by hand").unwrap(), None);
        for text in ["2 3:1-2", "1", "1 3:1", "1 3:2-1", "1 4:1-2", "1 3:1-2 5:x-9", "1 3:1-2 "] {
            let error = PendingBlock::parse(&at, &format!("{MARK}{text}")).unwrap_err();
            assert!(matches!(error, KafkaError::Pending { .. }) && !error.is_retriable(), "{text}: {error}");
        }
    }
}
