//! State that outlives a revocation, because the partition may come right back.
//!
//! A rebalance of the eager protocol takes every partition away and gives most of them back. All that a stage knows of a
//! partition follows from the input it has committed, and no transaction changes the state without consuming input: so
//! if the group stands exactly where it stood when the partition was taken away, the state in memory is the present one
//! and need not be restored.

use crate::positions::Positions;
use crate::record::TopicPartition;

/// The partitions whose state the stage still holds, and where their inputs stood.
#[derive(Debug, Default)]
pub(super) struct Warm(Vec<(TopicPartition, i64)>);

impl Warm {
    /// Takes note of partitions that are taken away, in place of all before. Without any the earlier ones stay: a worker that
    /// has not begun to read again has not changed them.
    pub(super) fn keep(&mut self, positions: &Positions) {
        let committed = positions.committed();
        if !committed.is_empty() {
            self.0 = committed;
        }
    }

    /// Keeps those whose inputs stand where they stood. Returns the numbers kept and the numbers dropped, ascending.
    pub(super) fn sift(&mut self, starts: &[(TopicPartition, i64)]) -> (Vec<i32>, Vec<i32>) {
        let all = Positions::new(self.0.iter().cloned()).numbers();
        let of = |list: &[(TopicPartition, i64)], number: i32| {
            let mut found: Vec<_> = list.iter().filter(|(at, _)| at.partition == number).cloned().collect();
            found.sort();
            found
        };
        let (kept, dropped): (Vec<i32>, Vec<i32>) =
            all.into_iter().partition(|&number| of(&self.0, number) == of(starts, number));
        self.0.retain(|(at, _)| kept.contains(&at.partition));
        (kept, dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: &str, number: i32, offset: i64) -> (TopicPartition, i64) {
        (TopicPartition::new(topic, number), offset)
    }

    #[test]
    fn a_partition_is_kept_when_every_one_of_its_inputs_stands_where_it_stood() {
        let mut warm = Warm::default();
        let stood =
            [at("a", 0, 5), at("b", 0, 7), at("a", 1, 5), at("b", 1, 7), at("a", 2, 5), at("b", 2, 7)];
        warm.keep(&Positions::new(stood));
        let starts = [at("b", 0, 7), at("a", 0, 5), at("a", 1, 5), at("b", 1, 8), at("a", 3, 0)];
        assert_eq!(warm.sift(&starts), (vec![0], vec![1, 2]));
        assert_eq!(warm.sift(&starts), (vec![0], vec![]), "what was dropped is forgotten");
    }

    #[test]
    fn a_revocation_before_anything_was_read_keeps_what_was_kept() {
        let mut warm = Warm::default();
        warm.keep(&Positions::new([at("a", 0, 5)]));
        warm.keep(&Positions::default());
        assert_eq!(warm.sift(&[at("a", 0, 5)]), (vec![0], vec![]));
    }
}
