//! The days of a campaign, packed one after another in the order of their dates.

use std::ops::Range;

use schemas::Day;

use super::day::DayState;
use super::layout;
use super::names::NameId;
use super::pack::{PADDING, Packer};
use crate::room::grow;

/// Days in order, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    directory: Vec<Entry>,
    /// Every day, then [`PADDING`] bytes; empty while there is none.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    day: Day,
    /// Where its bytes end; they begin where those of the day before end.
    end: u32,
    /// The number of its entry in the open transaction's journal; see [`super::journal`].
    touch: u32,
}

/// A day that has become shorter by up to so many bytes keeps its room, because moving what follows takes longer than
/// all the rest, and its next figures may be longer.
const SLACK: usize = 8;

impl Days {
    /// Where the day is, or would be.
    pub(super) fn find(&self, day: Day) -> Result<usize, usize> {
        // Facts are mostly about the newest days.
        match self.directory.last() {
            Some(last) if last.day < day => Err(self.directory.len()),
            Some(last) if last.day == day => Ok(self.directory.len() - 1),
            _ => self.directory.binary_search_by_key(&day, |known| known.day),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.directory.len()
    }

    pub(super) fn touch(&self, at: usize) -> u32 {
        self.directory[at].touch
    }

    pub(super) fn set_touch(&mut self, at: usize, touch: u32) {
        self.directory[at].touch = touch;
    }

    pub(super) fn date(&self, at: usize) -> Day {
        self.directory[at].day
    }

    /// How many days lie before a day.
    pub(super) fn count_before(&self, day: Day) -> usize {
        self.directory.partition_point(|known| known.day < day)
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
        &self.bytes[self.start(at)..self.directory[at].end as usize]
    }

    /// Replaces the day at its place, or puts it there.
    pub(super) fn put(&mut self, at: Result<usize, usize>, day: Day, packed: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.resize(PADDING, 0);
        }
        let (at, old) = match at {
            Ok(at) => (at, self.start(at)..self.directory[at].end as usize),
            Err(at) => {
                grow(&mut self.directory, 1);
                let start = self.start(at);
                let end = u32::try_from(start).expect("the days of a campaign take less than 4 GiB");
                self.directory.insert(at, Entry { day, end, touch: 0 });
                (at, start..start)
            }
        };
        grow(&mut self.bytes, packed.len().saturating_sub(old.len()));
        if packed.len() > old.len() || packed.len() + SLACK < old.len() {
            self.make_room(at, &old, packed.len());
        }
        self.bytes[old.start..old.start + packed.len()].copy_from_slice(packed);
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
        self.shift(at, old.len(), len);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let old = self.start(at)..self.directory[at].end as usize;
        let len = old.len();
        self.bytes.drain(old);
        self.shift(at, len, 0);
        self.directory.remove(at);
    }

    /// Gives back the room of days that were removed.
    pub(super) fn shrink(&mut self) {
        self.directory.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// Moves the ends from `at` on, after a day there took `now` bytes instead of `before`.
    fn shift(&mut self, at: usize, before: usize, now: usize) {
        if let Some(last) = self.directory.last() {
            let end = last.end as usize - before + now;
            u32::try_from(end).expect("the days of a campaign take less than 4 GiB");
        }
        // The last end fits, and none is beyond it.
        #[expect(clippy::cast_possible_truncation, reason = "the difference of two numbers that fit")]
        let change = now.wrapping_sub(before) as u32;
        for entry in &mut self.directory[at..] {
            entry.end = entry.end.wrapping_add(change);
        }
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.directory[before].end as usize)
    }

    /// Tells which batch names the days hold.
    pub(super) fn names(&self, held: &mut dyn FnMut(NameId)) {
        for at in 0..self.len() {
            layout::names(self.from(at), held);
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<Entry>() + self.bytes.capacity()
    }
}

/// A day packed into a buffer that is used again.
pub(super) fn packed<'a>(day: &DayState, buffer: &'a mut Packer) -> &'a [u8] {
    buffer.clear();
    layout::put(day, buffer);
    buffer.since(0)
}
