//! Where each input partition stands: what is committed, and what has been read beyond it.
//!
//! Pure. Created on assignment, dropped on revocation. Used by stages (per transaction) and by sinks (per batch).

use std::sync::Arc;

use crate::group::CommittedOffset;
use crate::record::TopicPartition;

#[derive(Debug, Clone)]
struct Position {
    topic: usize,
    partition: i32,
    committed: i64,
    next: i64,
}

/// The positions of the assigned input partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions {
    topics: Vec<Arc<str>>,
    entries: Vec<Position>,
    /// `slots[topic][partition]` is an index into `entries`.
    slots: Vec<Vec<Option<usize>>>,
    /// The entry of the record before: records of a partition come together.
    last: usize,
}

/// What became of a transaction whose outcome was unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    Aborted,
    /// Some partitions say one, some the other: somebody else has moved the group's offsets.
    Contradiction,
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Process,
    /// Left over from before a rewind, or of a partition that is not ours any more.
    Skip,
    /// With dense offsets: the records from here to the given one are gone.
    Gap {
        expected: i64,
    },
}

impl Positions {
    pub(crate) fn new(starts: impl IntoIterator<Item = (TopicPartition, i64)>) -> Self {
        let mut positions = Self::default();
        for (partition, offset) in starts {
            let topic = positions.topic_slot(&partition.topic);
            let number = partition.partition;
            let index = usize::try_from(number).expect("Kafka numbers partitions from 0");
            let slots = &mut positions.slots[topic];
            if slots.len() <= index {
                slots.resize(index + 1, None);
            }
            slots[index] = Some(positions.entries.len());
            positions.entries.push(Position { topic, partition: number, committed: offset, next: offset });
        }
        positions
    }

    fn topic_slot(&mut self, topic: &Arc<str>) -> usize {
        if let Some(found) = self.topics.iter().position(|name| name == topic) {
            return found;
        }
        self.topics.push(Arc::clone(topic));
        self.slots.push(Vec::new());
        self.topics.len() - 1
    }

    /// Admits the next record of a partition and moves past it.
    pub(crate) fn admit(&mut self, topic: &str, partition: i32, offset: i64, dense: bool) -> Admission {
        let is_last = |entry: &Position| entry.partition == partition && *self.topics[entry.topic] == *topic;
        if !self.entries.get(self.last).is_some_and(is_last) {
            let Some(slot) = self.slot(topic, partition) else { return Admission::Skip };
            self.last = slot;
        }
        let entry = &mut self.entries[self.last];
        if offset < entry.next {
            return Admission::Skip;
        }
        if dense && offset > entry.next {
            return Admission::Gap { expected: entry.next };
        }
        entry.next = offset + 1;
        Admission::Process
    }

    fn slot(&self, topic: &str, partition: i32) -> Option<usize> {
        let topic = self.topics.iter().position(|name| &**name == topic)?;
        self.slots[topic].get(usize::try_from(partition).ok()?).copied().flatten()
    }

    fn list(&self, offset: impl Fn(&Position) -> Option<i64>) -> Vec<(TopicPartition, i64)> {
        let named =
            |entry: &Position| TopicPartition::new(Arc::clone(&self.topics[entry.topic]), entry.partition);
        self.entries.iter().filter_map(|entry| offset(entry).map(|offset| (named(entry), offset))).collect()
    }

    /// What the open transaction has to commit.
    pub(crate) fn advanced(&self) -> Vec<(TopicPartition, i64)> {
        self.list(|entry| (entry.next != entry.committed).then_some(entry.next))
    }

    /// Where everything stands durably.
    pub(crate) fn committed(&self) -> Vec<(TopicPartition, i64)> {
        self.list(|entry| Some(entry.committed))
    }

    /// Where the reading has come to.
    pub(crate) fn reached(&self) -> Vec<(TopicPartition, i64)> {
        self.list(|entry| Some(entry.next))
    }

    /// Partition numbers the open transaction has read from, ascending.
    pub(crate) fn touched(&self) -> Vec<i32> {
        let mut numbers: Vec<i32> = self
            .entries
            .iter()
            .filter(|entry| entry.next != entry.committed)
            .map(|entry| entry.partition)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Partition numbers assigned, ascending.
    pub(crate) fn numbers(&self) -> Vec<i32> {
        let mut numbers: Vec<i32> = self.entries.iter().map(|entry| entry.partition).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    pub(crate) fn commit(&mut self) {
        for entry in &mut self.entries {
            entry.committed = entry.next;
        }
    }

    pub(crate) fn roll_back(&mut self) {
        for entry in &mut self.entries {
            entry.next = entry.committed;
        }
    }

    /// Compares what the coordinator says with what the transaction would have committed.
    pub(crate) fn outcome(&self, answer: &[CommittedOffset]) -> Outcome {
        let (mut committed, mut aborted) = (true, true);
        for entry in &self.entries {
            let topic = &self.topics[entry.topic];
            let found = answer.iter().find(|answer| {
                answer.partition.partition == entry.partition && answer.partition.topic == *topic
            });
            // Before the first commit the start is the log's beginning, and the coordinator knows nothing.
            let offset = found.and_then(|answer| answer.offset);
            if entry.next != entry.committed {
                committed &= offset == Some(entry.next);
                aborted &= offset.is_none_or(|offset| offset == entry.committed);
            } else if offset.is_some_and(|offset| offset != entry.committed) {
                return Outcome::Contradiction;
            }
        }
        match (committed, aborted) {
            (true, false) => Outcome::Committed,
            // With nothing read both hold; there was nothing to commit.
            (_, true) => Outcome::Aborted,
            (false, false) => Outcome::Contradiction,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(topic, partition)
    }

    fn answer(offsets: &[(&str, i32, Option<i64>)]) -> Vec<CommittedOffset> {
        let entry = |&(topic, partition, offset): &(&str, i32, Option<i64>)| CommittedOffset {
            partition: at(topic, partition),
            offset,
            metadata: String::new(),
        };
        offsets.iter().map(entry).collect()
    }

    fn two_read() -> Positions {
        let mut positions = Positions::new([(at("a", 0), 10), (at("b", 0), 20), (at("a", 3), 30)]);
        assert_eq!(positions.admit("a", 0, 10, false), Admission::Process);
        // Control records leave gaps.
        assert_eq!(positions.admit("b", 0, 25, false), Admission::Process);
        positions
    }

    #[test]
    fn a_record_before_the_position_is_skipped_and_an_unknown_partition_too() {
        let mut positions = two_read();
        assert_eq!(positions.admit("a", 0, 10, false), Admission::Skip);
        assert_eq!(positions.admit("a", 1, 10, false), Admission::Skip);
        assert_eq!(positions.admit("c", 0, 10, false), Admission::Skip);
    }

    #[test]
    fn a_gap_is_an_error_only_where_offsets_are_dense() {
        let mut positions = Positions::new([(at("a", 0), 10)]);
        assert_eq!(positions.admit("a", 0, 12, true), Admission::Gap { expected: 10 });
        assert_eq!(positions.admit("a", 0, 12, false), Admission::Process);
    }

    #[test]
    fn only_what_was_read_is_committed_and_a_rollback_forgets_it() {
        let mut positions = two_read();
        assert_eq!(positions.advanced(), vec![(at("a", 0), 11), (at("b", 0), 26)]);
        assert_eq!(positions.touched(), vec![0]);
        positions.roll_back();
        assert!(positions.advanced().is_empty());
        assert_eq!(positions.admit("a", 0, 10, false), Admission::Process);
        positions.commit();
        assert_eq!(positions.committed(), vec![(at("a", 0), 11), (at("b", 0), 20), (at("a", 3), 30)]);
    }

    #[test]
    fn an_unknown_outcome_is_read_from_the_committed_offsets() {
        let positions = two_read();
        let rest = ("a", 3, Some(30));
        let cases = [
            ([("a", 0, Some(11)), ("b", 0, Some(26)), rest], Outcome::Committed),
            ([("a", 0, Some(10)), ("b", 0, Some(20)), rest], Outcome::Aborted),
            ([("a", 0, None), ("b", 0, None), rest], Outcome::Aborted),
            ([("a", 0, Some(11)), ("b", 0, Some(20)), rest], Outcome::Contradiction),
            ([("a", 0, Some(11)), ("b", 0, Some(26)), ("a", 3, Some(31))], Outcome::Contradiction),
            ([("a", 0, Some(12)), ("b", 0, Some(26)), rest], Outcome::Contradiction),
        ];
        for (offsets, expected) in cases {
            assert_eq!(positions.outcome(&answer(&offsets)), expected, "{offsets:?}");
        }
    }
}
