//! The name under which ClickHouse remembers an insert. The same rows of the same records have the same name, so that a
//! repeated insert is dropped; other rows have another, because an insert under a known name is dropped whatever is in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemas::Topic;
use xxhash_rust::xxh3::Xxh3;

use crate::SinkRecord;

/// Raised whenever rows are built otherwise from the same records.
const ROWS_VERSION: u32 = 3;
/// Ranges that a token spells out. A block of a sink has no more; the digest tells inserts apart anyway.
const RANGES_MAX: usize = 16;

/// The ranges of a batch's records, by topic and partition: what was noted as pending, and what tokens are named after.
pub(super) struct Ranges(BTreeMap<(Topic, i32), (i64, i64)>);

impl Ranges {
    pub(super) fn of(batch: &[SinkRecord<'_>]) -> Self {
        let mut ranges = BTreeMap::new();
        for record in batch {
            let at = (record.offset, record.offset);
            let range: &mut (i64, i64) = ranges.entry((record.topic, record.partition)).or_insert(at);
            *range = (range.0.min(record.offset), range.1.max(record.offset));
        }
        Self(ranges)
    }
}

/// Names the rows of `table` that come from the records of `batch` at `indices`, in that order: table, version of the rows,
/// a digest of what the rows are made of (whose first bytes name the schema it was written with), and the ranges of the
/// topic that the batch holds.
pub(super) fn token(
    table: &str,
    batch: &[SinkRecord<'_>],
    ranges: &Ranges,
    indices: impl Iterator<Item = usize>,
) -> String {
    let mut content = Xxh3::new();
    let mut topic = None;
    for record in indices.filter_map(|index| batch.get(index)) {
        topic = Some(record.topic);
        content.update(&record.partition.to_le_bytes());
        content.update(&record.offset.to_le_bytes());
        content.update(record.value.unwrap_or_default());
    }
    let mut token = format!("adpulse/{table}/{ROWS_VERSION}/{:032x}", content.digest128());
    let of_topic = ranges.0.iter().filter(|((of, _), _)| Some(*of) == topic);
    for ((topic, partition), (first, last)) in of_topic.take(RANGES_MAX) {
        write!(token, "/{}-{partition}-{first}-{last}", topic.name())
            .expect("writing to a String cannot fail");
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, value: &'static [u8]) -> SinkRecord<'static> {
        SinkRecord { topic: Topic::Scores, partition: 3, offset, key: None, value: Some(value) }
    }

    #[test]
    fn a_token_tells_topic_partition_and_range() {
        let batch = [record(5, b"a"), record(9, b"b")];
        let token = token("scores", &batch, &Ranges::of(&batch), 0..2);
        assert!(token.starts_with("adpulse/scores/3/") && token.ends_with("/scores-3-5-9"), "{token}");
    }

    #[test]
    fn only_the_same_rows_have_the_same_token() {
        let batch = [record(5, b"a"), record(7, b"b"), record(9, b"c")];
        let ranges = Ranges::of(&batch);
        let all = token("scores", &batch, &ranges, 0..3);
        assert_eq!(all, token("scores", &batch, &ranges, 0..3));
        assert_ne!(all, token("scores", &batch, &ranges, [0, 2].into_iter()));
        assert_ne!(all, token("other", &batch, &ranges, 0..3));
        let other_content = [record(5, b"a"), record(7, b"x"), record(9, b"c")];
        assert_ne!(all, token("scores", &other_content, &ranges, 0..3));
        let longer = [record(5, b"a"), record(7, b"b"), record(9, b"c"), record(11, b"d")];
        assert_ne!(all, token("scores", &longer, &Ranges::of(&longer), 0..3));
    }
}
