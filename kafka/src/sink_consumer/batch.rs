//! A batch of owned records: one buffer for all bytes, grouped by partition, in order within each.

use std::ops::Range;

use crate::record::{ConsumedRecord, HeaderSpan, Headers, TopicPartition};

#[derive(Debug)]
struct Entry {
    group: usize,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

/// Records of one assignment, ready for a store.
#[derive(Debug, Default)]
pub struct Batch {
    assignment: u64,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    headers: Vec<HeaderSpan>,
    groups: Vec<(TopicPartition, Range<usize>)>,
}

/// The records of one partition within a batch; never empty.
#[derive(Debug, Clone, Copy)]
pub struct PartitionBatch<'a> {
    batch: &'a Batch,
    group: usize,
}

impl Batch {
    /// Which assignment the records belong to; a batch of an earlier one must not be committed.
    #[must_use]
    pub fn assignment(&self) -> u64 {
        self.assignment
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory of keys, values and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The partitions in the batch.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionBatch<'_>> {
        (0..self.groups.len()).map(|group| PartitionBatch { batch: self, group })
    }

    /// One past the last offset of every partition: what to commit once the batch is durable.
    #[must_use]
    pub fn next_offsets(&self) -> Vec<(TopicPartition, i64)> {
        self.partitions().map(|part| (part.topic_partition().clone(), part.last_offset() + 1)).collect()
    }

    pub(super) fn new(assignment: u64) -> Self {
        Self { assignment, ..Self::default() }
    }

    /// One that has room for as much as another, so that it does not grow by copying.
    pub(super) fn like(other: &Self, assignment: u64) -> Self {
        Self {
            assignment,
            arena: Vec::with_capacity(other.arena.len()),
            entries: Vec::with_capacity(other.entries.len()),
            ..Self::default()
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }

    pub(super) fn push(&mut self, record: &ConsumedRecord<'_>) {
        let is_of = |group: usize| {
            let (partition, _) = &self.groups[group];
            partition.partition == record.partition && &*partition.topic == record.topic
        };
        // Records come partition by partition.
        let last = self.entries.last().map(|entry| entry.group).filter(|group| is_of(*group));
        let known = last.or_else(|| (0..self.groups.len()).find(|group| is_of(*group)));
        let group = known.unwrap_or_else(|| {
            self.groups.push((TopicPartition::new(record.topic, record.partition), 0..0));
            self.groups.len() - 1
        });
        let key = record.key.map(|bytes| self.keep(bytes));
        let value = record.value.map(|bytes| self.keep(bytes));
        let first_header = self.headers.len();
        for (name, bytes) in record.headers.iter() {
            let name = self.keep(name.as_bytes());
            let value = bytes.map(|bytes| self.keep(bytes));
            self.headers.push(HeaderSpan { name, value });
        }
        self.entries.push(Entry {
            group,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key,
            value,
            headers: first_header..self.headers.len(),
        });
    }

    /// Groups what was pushed. The sort is stable, so the order within a partition stays.
    pub(super) fn finish(mut self) -> Self {
        self.entries.sort_by_key(|entry| entry.group);
        let mut start = 0;
        for (index, (_, range)) in self.groups.iter_mut().enumerate() {
            let length = self.entries[start..].iter().take_while(|entry| entry.group == index).count();
            *range = start..start + length;
            start += length;
        }
        self
    }
}

impl<'a> PartitionBatch<'a> {
    fn entries(&self) -> &'a [Entry] {
        &self.batch.entries[self.batch.groups[self.group].1.clone()]
    }

    /// Topic and number.
    #[must_use]
    pub fn topic_partition(&self) -> &'a TopicPartition {
        &self.batch.groups[self.group].0
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Always `false`; a partition without records is not in the batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Offset of the first record.
    #[must_use]
    pub fn first_offset(&self) -> i64 {
        self.entries().first().map_or(0, |entry| entry.offset)
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.entries().last().map_or(0, |entry| entry.offset)
    }

    /// The records in order of offsets.
    pub fn records(&self) -> impl Iterator<Item = ConsumedRecord<'a>> + use<'a> {
        let batch = self.batch;
        let partition = self.topic_partition();
        self.entries().iter().map(move |entry| ConsumedRecord {
            topic: &partition.topic,
            partition: partition.partition,
            offset: entry.offset,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key.clone().map(|range| &batch.arena[range]),
            value: entry.value.clone().map(|range| &batch.arena[range]),
            headers: Headers::from_arena(&batch.arena, &batch.headers[entry.headers.clone()]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_groups_by_partition_and_keeps_order_and_bytes() {
        let mut batch = Batch::new(1);
        let headers: [(&str, &[u8]); 1] = [("traceparent", b"00")];
        for (partition, offset) in [(1, 5), (0, 7), (1, 6), (0, 9)] {
            let value = format!("{partition}/{offset}");
            batch.push(&ConsumedRecord {
                topic: "t",
                partition,
                offset,
                timestamp_ms: Some(offset),
                key: None,
                value: Some(value.as_bytes()),
                headers: Headers::from_pairs(&headers),
            });
        }
        let batch = batch.finish();
        let mut seen = Vec::new();
        for part in batch.partitions() {
            for record in part.records() {
                assert_eq!(record.headers.last("traceparent"), Some(&b"00"[..]));
                assert_eq!(record.key, None);
                seen.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
        assert_eq!(seen, ["1/5", "1/6", "0/7", "0/9"]);
        let next = [(TopicPartition::new("t", 1), 7), (TopicPartition::new("t", 0), 10)];
        assert_eq!(batch.next_offsets(), next);
    }
}
