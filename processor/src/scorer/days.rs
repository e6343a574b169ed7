//! The days of a campaign, packed one after another in the order of their dates.
//!
//! A campaign has up to a thousand of them, most of which nobody changes any more, so finding one costs few bytes: of 16 days
//! each it is kept how long they are, in one place, so that what lies before a day is added up without looking at it.

use std::ops::Range;

use schemas::Day;

use super::day::DayState;
use super::layout;
use super::pack::{PADDING, Packer};
use crate::room::grow;

/// Days in order, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    /// Facts are mostly about this one, and need not look for it among the others, which is one wait for memory less. Says
    /// nothing while there are no days.
    newest: Newest,
    /// The days before it.
    older: Vec<Block>,
    /// Every day, then [`PADDING`] bytes; empty while there is none. A long day comes after its length.
    bytes: Vec<u8>,
}

/// The newest day, which lasts up to the padding.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    day: Day,
    /// Where it begins, with its length if it is long.
    start: u32,
    is_touched: bool,
}

/// Those of 16 days that are known.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// So many blocks after that of 1970-01-01.
    number: i32,
    /// Where the first of them begins.
    start: u32,
    /// A bit each, the first the lowest.
    known: u16,
    /// Those that the open transaction has touched; see [`super::journal`].
    touched: u16,
    /// How long each is, 0 for one that is not known, [`LONG`] for one that says itself.
    lengths: [u8; DAYS],
}

/// Where a day lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its bytes, after its length if it is long.
    whole: Range<usize>,
    /// Where its bytes begin.
    start: usize,
    /// Its block, or one after the last for the newest day.
    block: usize,
    /// The open transaction has touched it.
    pub(super) is_touched: bool,
}

const DAYS: usize = 16;
/// A day of so many bytes or more is long.
const LONG: u8 = u8::MAX;
/// Bytes of the length of a long day.
const HEAD: usize = size_of::<u32>();
/// A day that has become shorter by up to so many bytes keeps its room, because moving what follows takes longer than
/// all the rest, and its next figures may be longer.
const SLACK: usize = 8;

impl Days {
    /// Where the day is.
    pub(super) fn find(&self, day: Day) -> Option<Place> {
        if self.bytes.is_empty() || day > self.newest.day {
            return None;
        }
        if day == self.newest.day {
            let Newest { start, is_touched, .. } = self.newest;
            let whole = start as usize..self.end();
            let start = whole.start + if short(whole.len()) == LONG { HEAD } else { 0 };
            return Some(Place { whole, start, block: self.older.len(), is_touched });
        }
        let at = self.block_at(day);
        let block = self.older.get(at).filter(|block| block.has(day))?;
        let (place, is_touched) = (place(day), block.touched & bit(day) != 0);
        let start = self.before(block, place);
        let room = self.room(start, block.lengths[place]);
        Some(Place { whole: start..room.end, start: room.start, block: at, is_touched })
    }

    /// Where the newest day ends.
    fn end(&self) -> usize {
        self.bytes.len().saturating_sub(PADDING)
    }

    /// The block of a day, or where it would be.
    fn block_at(&self, day: Day) -> usize {
        self.older.partition_point(|block| block.number < number(day))
    }

    /// Where a day of a block begins, or would.
    fn before(&self, block: &Block, place: usize) -> usize {
        let start = block.start as usize;
        // All sixteen, because that is quicker than a few.
        let before = u128::from_le_bytes(block.lengths) & ((1 << (u8::BITS as usize * place)) - 1);
        let before = before.to_le_bytes();
        if before.contains(&LONG) {
            return before.iter().fold(start, |start, len| self.room(start, *len).end);
        }
        start + usize::from(before.iter().map(|len| u16::from(*len)).sum::<u16>())
    }

    /// The bytes of a day that begins there and is said to be so long.
    fn room(&self, start: usize, len: u8) -> Range<usize> {
        if len < LONG {
            return start..start + usize::from(len);
        }
        let said = self.bytes.get(start..).and_then(<[u8]>::first_chunk);
        let len = said.map_or(0, |said| u32::from_le_bytes(*said) as usize);
        start + HEAD..start + HEAD + len
    }

    /// The day as bytes, and whatever follows.
    pub(super) fn from(&self, place: &Place) -> &[u8] {
        &self.bytes[place.start..]
    }

    /// The day as bytes, to be put back by [`Self::put`].
    pub(super) fn raw(&self, place: &Place) -> &[u8] {
        &self.bytes[place.start..place.whole.end]
    }

    /// The days from one on, each as its bytes and whatever follows.
    pub(super) fn since(&self, first: Day) -> impl Iterator<Item = (Day, &[u8])> {
        let older = self.older[self.block_at(first)..].iter().flat_map(move |block| {
            let mut at = block.start as usize;
            block.days().map(move |(day, len)| {
                let room = self.room(at, len);
                at = room.end;
                (day, &self.bytes[room.start..])
            })
        });
        let newest = self.find(self.newest.day).map(|place| (self.newest.day, self.from(&place)));
        older.chain(newest).skip_while(move |(day, _)| *day < first)
    }

    /// All days, as [`Self::since`] tells them.
    pub(super) fn all(&self) -> impl Iterator<Item = (Day, &[u8])> {
        self.since(Day(i32::MIN))
    }

    pub(super) fn oldest(&self) -> Option<Day> {
        self.all().next().map(|(day, _)| day)
    }

    /// Notes whether the open transaction has touched a day that is here.
    pub(super) fn set_touched(&mut self, day: Day, is_touched: bool) {
        if day == self.newest.day {
            self.newest.is_touched = is_touched;
            return;
        }
        let at = self.block_at(day);
        if let Some(block) = self.older.get_mut(at).filter(|block| block.number == number(day)) {
            block.touched = block.touched & !bit(day) | if is_touched { bit(day) } else { 0 };
        }
    }

    /// Replaces the day at its place, or puts it there.
    pub(super) fn put(&mut self, at: Option<&Place>, day: Day, packed: &[u8]) {
        match at {
            Some(place) if (packed.len()..=packed.len() + SLACK).contains(&self.raw(place).len()) => {
                self.bytes[place.start..place.start + packed.len()].copy_from_slice(packed);
            }
            Some(place) => self.replace(day, &place.whole, place.block, packed),
            None => {
                let (start, block) = self.insert(day);
                self.replace(day, &(start..start), block, packed);
            }
        }
    }

    /// Adds a day without bytes, and returns where they are to be and its block.
    fn insert(&mut self, day: Day) -> (usize, usize) {
        let is_touched = false;
        if self.bytes.is_empty() {
            self.bytes.resize(PADDING, 0);
            self.newest = Newest { day, start: 0, is_touched };
            return (0, 0);
        }
        if day > self.newest.day {
            let end = self.end();
            self.push();
            self.newest = Newest { day, start: offset(end), is_touched };
            return (end, self.older.len());
        }
        let at = self.block_at(day);
        if let Some(block) = self.older.get(at).filter(|block| block.number == number(day)) {
            let start = self.before(block, place(day));
            self.older[at].known |= bit(day);
            return (start, at);
        }
        let start = self.older.get(at).map_or(self.newest.start, |next| next.start);
        grow(&mut self.older, 1);
        self.older.insert(at, Block::new(day, start));
        (start as usize, at)
    }

    /// Adds the newest day to the older ones.
    fn push(&mut self) {
        let Newest { day, start, is_touched } = self.newest;
        let len = self.end() - start as usize;
        if self.older.last().is_none_or(|last| last.number != number(day)) {
            grow(&mut self.older, 1);
            self.older.push(Block::new(day, start));
        }
        if let Some(last) = self.older.last_mut() {
            last.known |= bit(day);
            last.touched |= if is_touched { bit(day) } else { 0 };
            last.lengths[place(day)] = short(len);
        }
    }

    /// Puts a day of a block in place of bytes, and moves what follows.
    fn replace(&mut self, day: Day, old: &Range<usize>, block: usize, packed: &[u8]) {
        let length = short(packed.len());
        let head = offset(packed.len()).to_le_bytes();
        let head = if length == LONG { &head[..] } else { &[] };
        let len = head.len() + packed.len();
        grow(&mut self.bytes, len.saturating_sub(old.len()));
        let tail = old.end..self.bytes.len();
        let now = old.start + len + tail.len();
        if now > self.bytes.len() {
            self.bytes.resize(now, 0);
        }
        self.bytes.copy_within(tail, old.start + len);
        self.bytes.truncate(now);
        let (head_place, place_of_day) = self.bytes[old.start..old.start + len].split_at_mut(head.len());
        head_place.copy_from_slice(head);
        place_of_day.copy_from_slice(packed);
        if let Some(of) = self.older.get_mut(block) {
            of.lengths[place(day)] = length;
        }
        self.shift(block, old.len(), len);
    }

    pub(super) fn remove(&mut self, day: Day) {
        let Some(Place { whole, block, .. }) = self.find(day) else { return };
        let len = whole.len();
        self.bytes.drain(whole);
        self.shift(block, len, 0);
        if block < self.older.len() {
            self.forget(block, day);
        } else if let Some(last) = self.older.last().copied() {
            let day = last.last();
            let start = offset(self.before(&last, place(day)));
            let is_touched = last.touched & bit(day) != 0;
            self.newest = Newest { day, start, is_touched };
            self.forget(block - 1, day);
        } else {
            self.bytes.clear();
        }
    }

    /// A day is not one of its block any more.
    fn forget(&mut self, block: usize, day: Day) {
        let of = &mut self.older[block];
        of.known &= !bit(day);
        of.touched &= !bit(day);
        of.lengths[place(day)] = 0;
        if of.known == 0 {
            self.older.remove(block);
        }
    }

    /// Gives back the room of days that were removed.
    pub(super) fn shrink(&mut self) {
        self.older.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// Moves what begins after a day of a block, which took `now` bytes instead of `before`.
    fn shift(&mut self, block: usize, before: usize, now: usize) {
        // The end fits, and no day begins beyond it.
        offset(self.bytes.len());
        #[expect(clippy::cast_possible_truncation, reason = "the difference of two numbers that fit")]
        let change = now.wrapping_sub(before) as u32;
        if block < self.older.len() {
            let starts = self.older[block + 1..].iter_mut().map(|block| &mut block.start);
            starts.chain([&mut self.newest.start]).for_each(|start| *start = start.wrapping_add(change));
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.older.capacity() * size_of::<Block>() + self.bytes.capacity()
    }
}

impl Block {
    /// The block of a day, which begins there.
    fn new(day: Day, start: u32) -> Self {
        Self { number: number(day), start, known: bit(day), touched: 0, lengths: [0; DAYS] }
    }

    fn has(&self, day: Day) -> bool {
        self.number == number(day) && self.known & bit(day) != 0
    }

    /// Its days, and how long they are.
    fn days(&self) -> impl Iterator<Item = (Day, u8)> + use<> {
        let Self { number, known, lengths, .. } = *self;
        let first = number << DAYS.ilog2();
        let known = (0..).zip(lengths).filter(move |(place, _)| known >> place & 1 != 0);
        known.map(move |(place, len)| (Day(first | place), len))
    }

    fn last(&self) -> Day {
        Day(self.number << DAYS.ilog2() | self.known.ilog2().cast_signed())
    }
}

/// The number of the block that a day belongs to.
fn number(day: Day) -> i32 {
    day.0 >> DAYS.ilog2()
}

/// Its place there.
fn place(day: Day) -> usize {
    day.0.cast_unsigned() as usize % DAYS
}

/// Its bit there.
fn bit(day: Day) -> u16 {
    1 << place(day)
}

/// What is kept of a length beside the day. One that says it itself is long with it too.
fn short(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(LONG)
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the days of a campaign take less than 4 GiB")
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

    fn lengths() -> impl Strategy<Value = usize> {
        prop_oneof![6 => 0..40_usize, 1 => 240..270_usize, 1 => 60_000..70_000_usize]
    }

    proptest! {
        #[test]
        fn days_are_those_of_an_ordered_map_wherever_they_are_put_grow_shrink_and_go(
            steps in proptest::collection::vec((-40..40_i32, lengths(), 0..5_u8), 0..80),
        ) {
            let (mut days, mut map) = (Days::default(), BTreeMap::new());
            for (number, (day, len, step)) in (1_u8..).zip(steps) {
                let day = Day(if step == 4 { day } else { day / 8 });
                let place = days.find(day);
                prop_assert_eq!(place.is_some(), map.contains_key(&day));
                if step > 0 {
                    let packed = vec![number; len];
                    days.put(place.as_ref(), day, &packed);
                    days.set_touched(day, step == 1);
                    map.insert(day, (packed, step == 1));
                } else {
                    days.remove(day);
                    map.remove(&day);
                }
                prop_assert_eq!(days.oldest(), map.keys().next().copied());
                for (day, (packed, is_touched)) in &map {
                    let place = days.find(*day).unwrap();
                    prop_assert_eq!(place.is_touched, *is_touched);
                    let raw = days.raw(&place);
                    prop_assert!(raw.starts_with(packed) && raw.len() <= packed.len() + SLACK);
                    prop_assert!(days.from(&place).len() >= packed.len() + PADDING);
                }
                for first in [Day(i32::MIN), day, Day(day.0 + 1), Day(-33)] {
                    let since = days.since(first).collect::<Vec<_>>();
                    let expected = map.range(first..).collect::<Vec<_>>();
                    prop_assert_eq!(since.len(), expected.len());
                    for ((known, bytes), (day, (packed, _))) in since.into_iter().zip(expected) {
                        prop_assert!(known == *day && bytes.starts_with(packed));
                    }
                }
            }
        }
    }
}
