//! The name under which ClickHouse remembers an insert. The same rows of the same records have the same name, so that a
//! repeated insert is dropped; other rows have another, because an insert under a known name is dropped whatever is in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemas::Topic;
use xxhash_rust::xxh3::Xxh3;

use crate::SinkRecord;

/// Raised whenever rows are built otherwise from the same records.
const ROWS_VERSION: u32 = 2;

/// Names the rows of `table` that come from the records of `batch` at `indices`, in that order.
pub(super) fn token(table: &str, batch: &[SinkRecord<'_>], indices: impl Iterator<Item = usize>) -> String {
    let mut ranges: BTreeMap<(Topic, i32), (i64, i64)> = BTreeMap::new();
    let mut content = Xxh3::new();
    for record in indices.filter_map(|index| batch.get(index)) {
        let range = ranges.entry((record.topic, record.partition)).or_insert((record.offset, record.offset));
        *range = (range.0.min(record.offset), range.1.max(record.offset));
        content.update(&record.partition.to_le_bytes());
        content.update(&record.offset.to_le_bytes());
        content.update(record.value.unwrap_or_default());
    }
    let mut token = format!("adpulse/{table}/{ROWS_VERSION}/{:032x}", content.digest128());
    // Whoever reads a server's log finds the records by these; the digest above tells inserts apart.
    for ((topic, partition), (first, last)) in ranges.into_iter().take(8) {
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
        let token = token("scores", &batch, 0..2);
        assert!(token.starts_with("adpulse/scores/2/") && token.ends_with("/scores-3-5-9"), "{token}");
    }

    #[test]
    fn only_the_same_rows_have_the_same_token() {
        let batch = [record(5, b"a"), record(7, b"b"), record(9, b"c")];
        let all = token("scores", &batch, 0..3);
        assert_eq!(all, token("scores", &batch, 0..3));
        assert_ne!(all, token("scores", &batch, [0, 2].into_iter()));
        assert_ne!(all, token("other", &batch, 0..3));
        let other_content = [record(5, b"a"), record(7, b"x"), record(9, b"c")];
        assert_ne!(all, token("scores", &other_content, 0..3));
    }
}
