//! Log lines that come again and again: the first is written, then one every ten seconds with the number left out.
//!
//! With a broker gone every client reports it several times a second, for as long as it lasts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(10);
/// Kinds of lines remembered; beyond them all are forgotten and begin anew.
const KINDS_MAX: usize = 256;

/// The kinds of lines written lately.
#[derive(Debug)]
pub(crate) struct Repeats(Mutex<BTreeMap<String, Kind>>);

#[derive(Debug)]
struct Kind {
    written: Instant,
    left_out: u64,
}

/// What all clients of this process write.
pub(crate) static CLIENT_LINES: Repeats = Repeats::new();

impl Repeats {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether a line of this kind is to be written now: with the number of those left out since the last.
    pub(crate) fn admit(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kinds.get_mut(kind) {
            if now.duration_since(known.written) < PERIOD {
                known.left_out += 1;
                return None;
            }
            known.written = now;
            return Some(std::mem::take(&mut known.left_out));
        }
        if kinds.len() >= KINDS_MAX {
            kinds.clear();
        }
        kinds.insert(kind.to_owned(), Kind { written: now, left_out: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_repeats_is_written_once_a_period_with_the_number_left_out() {
        let (repeats, start) = (Repeats::new(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(repeats.admit("a", at(0)), Some(0));
        assert_eq!(repeats.admit("a", at(1)), None);
        assert_eq!(repeats.admit("b", at(2)), Some(0), "another kind");
        assert_eq!(repeats.admit("a", at(9_999)), None);
        assert_eq!(repeats.admit("a", at(10_000)), Some(2));
        assert_eq!(repeats.admit("a", at(10_001)), None);
    }

    #[test]
    fn the_kinds_remembered_are_bounded() {
        let (repeats, now) = (Repeats::new(), Instant::now());
        for kind in 0..10 * KINDS_MAX {
            assert_eq!(repeats.admit(&kind.to_string(), now), Some(0));
        }
        assert!(repeats.0.lock().unwrap().len() <= KINDS_MAX);
    }
}
