//! The days of a campaign, packed one after another in the order of their dates.

use std::cmp::Ordering;
use std::ops::Range;

use schemas::Day;

use super::day::DayState;
use super::layout;
use super::pack::{PADDING, Packer};
use crate::room::grow;

/// Days in order, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    /// Where the newest day lies. Facts are mostly about that one, and need not look into the directory for it, which is one
    /// wait for memory less. Says nothing while there are no days.
    newest: Entry,
    /// The days before it.
    older: Vec<Entry>,
    /// Every day, then [`PADDING`] bytes; empty while there is none.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    day: Day,
    /// Where its bytes begin; they end where those of the next day begin, or the padding. With [`TOUCHED`].
    start: u32,
}

/// The open transaction has touched the day; see [`super::journal`].
const TOUCHED: u32 = 1 << 31;

/// A day that has become shorter by up to so many bytes keeps its room, because moving what follows takes longer than
/// all the rest, and its next figures may be longer.
const SLACK: usize = 8;

impl Days {
    /// Where the day is, or would be.
    pub(super) fn find(&self, day: Day) -> Result<usize, usize> {
        match self.newest.day.cmp(&day) {
            _ if self.bytes.is_empty() => Err(0),
            Ordering::Less => Err(self.len()),
            Ordering::Equal => Ok(self.older.len()),
            Ordering::Greater => self.older.binary_search_by_key(&day, |known| known.day),
        }
    }

    pub(super) fn len(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { self.older.len() + 1 }
    }

    /// Whether the open transaction has touched the day, as was said.
    pub(super) fn is_touched(&self, at: usize) -> bool {
        self.entry(at).start & TOUCHED != 0
    }

    pub(super) fn set_touched(&mut self, at: usize, is_touched: bool) {
        let start = &mut self.older.get_mut(at).unwrap_or(&mut self.newest).start;
        *start = *start & !TOUCHED | if is_touched { TOUCHED } else { 0 };
    }

    pub(super) fn date(&self, at: usize) -> Day {
        self.entry(at).day
    }

    fn entry(&self, at: usize) -> &Entry {
        self.older.get(at).unwrap_or(&self.newest)
    }

    /// How many days lie before a day.
    pub(super) fn count_before(&self, day: Day) -> usize {
        self.find(day).unwrap_or_else(|at| at)
    }

    pub(super) fn get(&self, at: usize) -> DayState {
        layout::get(self.from(at))
    }

    /// The day in place of another.
    pub(super) fn get_into(&self, at: usize, day: &mut DayState) {
        layout::get_into(self.from(at), day);
    }

    /// The day as bytes, and whatever follows.
    pub(super) fn from(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..]
    }

    /// The day as bytes, to be put back by [`Self::put`].
    pub(super) fn raw(&self, at: usize) -> &[u8] {
        &self.bytes[self.range(at)]
    }

    /// Replaces the day at its place, or puts it there.
    pub(super) fn put(&mut self, at: Result<usize, usize>, day: Day, packed: &[u8]) {
        let (at, old) = match at {
            Ok(at) => (at, self.range(at)),
            Err(at) => {
                let start = self.insert(at, day);
                (at, start..start)
            }
        };
        grow(&mut self.bytes, packed.len().saturating_sub(old.len()));
        if packed.len() > old.len() || packed.len() + SLACK < old.len() {
            self.make_room(at, &old, packed.len());
        }
        self.bytes[old.start..old.start + packed.len()].copy_from_slice(packed);
    }

    /// Adds a day without bytes, and returns where they are to be.
    fn insert(&mut self, at: usize, day: Day) -> usize {
        let start = self.start(at);
        let entry = Entry { day, start: offset(start) };
        if self.bytes.is_empty() {
            self.bytes.resize(PADDING, 0);
            self.newest = entry;
        } else {
            grow(&mut self.older, 1);
            if at > self.older.len() {
                self.older.push(std::mem::replace(&mut self.newest, entry));
            } else {
                self.older.insert(at, entry);
            }
        }
        start
    }

    /// Moves what follows the day's old bytes, so that it takes so many.
    fn make_room(&mut self, at: usize, old: &Range<usize>, len: usize) {
        let tail = old.end..self.bytes.len();
        let now = old.start + len + tail.len();
        if now > self.bytes.len() {
            self.bytes.resize(now, 0);
        }
        self.bytes.copy_within(tail, old.start + len);
        self.bytes.truncate(now);
        self.shift(at + 1, old.len(), len);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let old = self.range(at);
        let len = old.len();
        self.bytes.drain(old);
        self.shift(at + 1, len, 0);
        if at < self.older.len() {
            self.older.remove(at);
        } else if let Some(before) = self.older.pop() {
            self.newest = before;
        } else {
            self.bytes.clear();
        }
    }

    /// Gives back the room of days that were removed.
    pub(super) fn shrink(&mut self) {
        self.older.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// Moves the starts from `at` on, after the day before took `now` bytes instead of `before`.
    fn shift(&mut self, at: usize, before: usize, now: usize) {
        // The end fits, and no day begins beyond it; so the highest bit stays as it is.
        offset(self.bytes.len());
        #[expect(clippy::cast_possible_truncation, reason = "the difference of two numbers that fit")]
        let change = now.wrapping_sub(before) as u32;
        if at > self.older.len() {
            return;
        }
        for entry in self.older[at..].iter_mut().chain([&mut self.newest]) {
            entry.start = entry.start.wrapping_add(change);
        }
    }

    /// Where the bytes of a day begin, or where those of one after the newest would.
    fn start(&self, at: usize) -> usize {
        if at < self.len() {
            (self.entry(at).start & !TOUCHED) as usize
        } else {
            self.bytes.len().saturating_sub(PADDING)
        }
    }

    fn range(&self, at: usize) -> Range<usize> {
        self.start(at)..self.start(at + 1)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.older.capacity() * size_of::<Entry>() + self.bytes.capacity()
    }
}

fn offset(bytes: usize) -> u32 {
    let start = u32::try_from(bytes).ok().filter(|start| start & TOUCHED == 0);
    start.expect("the days of a campaign take less than 2 GiB")
}

/// A day packed into a buffer that is used again.
pub(super) fn packed<'a>(day: &DayState, buffer: &'a mut Packer) -> &'a [u8] {
    buffer.clear();
    layout::put(day, buffer);
    buffer.since(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn days_are_those_of_an_ordered_map_wherever_they_are_put_grow_shrink_and_go(
            steps in proptest::collection::vec((0..12_i32, 0..40_usize, any::<bool>()), 0..80),
        ) {
            let (mut days, mut map) = (Days::default(), BTreeMap::new());
            for (number, (day, len, put)) in (1_u8..).zip(steps) {
                let day = Day(day);
                let at = days.find(day);
                prop_assert_eq!(at.is_ok(), map.contains_key(&day));
                prop_assert_eq!(at.unwrap_or_else(|at| at), map.range(..day).count());
                if put {
                    let packed = vec![number; len];
                    days.put(at, day, &packed);
                    days.set_touched(at.unwrap_or_else(|at| at), number % 2 == 0);
                    map.insert(day, packed);
                } else if let Ok(at) = at {
                    days.remove(at);
                    map.remove(&day);
                }
                prop_assert_eq!(days.len(), map.len());
                for (at, (day, packed)) in map.iter().enumerate() {
                    prop_assert_eq!(days.date(at), *day);
                    prop_assert!(days.raw(at).starts_with(packed) && days.raw(at).len() <= packed.len() + SLACK);
                    prop_assert!(days.from(at).len() >= packed.len() + PADDING);
                    prop_assert!(packed.first().is_none_or(|number| days.is_touched(at) == (number % 2 == 0)));
                }
            }
        }
    }
}
