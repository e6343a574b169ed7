//! The days of a campaign, packed one after another in the order of their dates.
//!
//! A campaign has up to a thousand of them, most of which nobody changes any more, so finding one costs few bytes: which of 32
//! days are known is a bit each, and where one lies is told by the lengths of those before it.

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
    /// Every day after its length, then [`PADDING`] bytes; empty while there is none.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    day: Day,
    /// Where its length lies.
    start: u32,
    is_touched: bool,
}

/// Those of 32 days that are known, the first of them in the lowest bit.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// So many blocks after that of 1970-01-01.
    number: i32,
    known: u32,
    /// Those that the open transaction has touched; see [`super::journal`].
    touched: u32,
    /// Where the length of its first day lies.
    start: u32,
}

/// Where a day lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its length and its bytes.
    whole: Range<usize>,
    /// Where its bytes begin.
    start: usize,
    /// Its block, or one after the last for the newest day.
    block: usize,
    /// The open transaction has touched it.
    pub(super) is_touched: bool,
}

/// Days of a block, as the power of two.
const BLOCK: u32 = 5;
/// A length of so many bytes or more takes four bytes after this one.
const LONG: u8 = u8::MAX;
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
            return Some(self.place(start as usize, self.older.len(), is_touched));
        }
        let at = self.block_at(day);
        let block = self.older.get(at).filter(|block| block.has(day))?;
        let is_touched = block.touched & bit(day) != 0;
        Some(self.place(self.start_in(block, day), at, is_touched))
    }

    /// The block of a day, or where it would be.
    fn block_at(&self, day: Day) -> usize {
        self.older.partition_point(|block| block.number < number(day))
    }

    /// Where a day of a block begins, or would.
    fn start_in(&self, block: &Block, day: Day) -> usize {
        self.after(block.start as usize, block.known & (bit(day) - 1))
    }

    /// What lies after as many days as there are bits.
    fn after(&self, start: usize, days: u32) -> usize {
        (0..days.count_ones()).fold(start, |start, _| self.room(start).end)
    }

    fn place(&self, whole: usize, block: usize, is_touched: bool) -> Place {
        let room = self.room(whole);
        Place { whole: whole..room.end, start: room.start, block, is_touched }
    }

    /// The bytes of the day whose length lies there.
    fn room(&self, at: usize) -> Range<usize> {
        let (start, len) = match self.bytes[at..] {
            [LONG, a, b, c, d, ..] => (at + 5, u32::from_le_bytes([a, b, c, d]) as usize),
            [len, ..] => (at + 1, len.into()),
            [] => (at, 0),
        };
        start..start + len
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
            let passed = if block.number == number(first) { block.known & (bit(first) - 1) } else { 0 };
            let mut at = self.after(block.start as usize, passed);
            block.days(!passed).map(move |day| {
                let room = self.room(at);
                at = room.end;
                (day, &self.bytes[room.start..])
            })
        });
        let newest = Some(self.newest).filter(|newest| !self.bytes.is_empty() && newest.day >= first);
        older.chain(newest.map(|newest| (newest.day, &self.bytes[self.room(newest.start as usize).start..])))
    }

    /// All days, as [`Self::since`] tells them.
    pub(super) fn all(&self) -> impl Iterator<Item = (Day, &[u8])> {
        self.since(Day(i32::MIN))
    }

    pub(super) fn oldest(&self) -> Option<Day> {
        let older = self.older.first().and_then(|block| block.days(u32::MAX).next());
        older.or_else(|| (!self.bytes.is_empty()).then_some(self.newest.day))
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
            Some(place) => self.replace(&place.whole, place.block, packed),
            None => {
                let (start, block) = self.insert(day);
                self.replace(&(start..start), block, packed);
            }
        }
    }

    /// Adds a day without bytes, and returns where they are to be and its block.
    fn insert(&mut self, day: Day) -> (usize, usize) {
        if self.bytes.is_empty() {
            self.bytes.resize(PADDING, 0);
            self.newest = Newest { day, start: 0, is_touched: false };
            return (0, 0);
        }
        if day > self.newest.day {
            let start = self.bytes.len() - PADDING;
            let before =
                std::mem::replace(&mut self.newest, Newest { day, start: offset(start), is_touched: false });
            self.push(before);
            return (start, self.older.len());
        }
        let at = self.block_at(day);
        if let Some(block) = self.older.get(at).filter(|block| block.number == number(day)) {
            let start = self.start_in(block, day);
            self.older[at].known |= bit(day);
            return (start, at);
        }
        let start = self.older.get(at).map_or(self.newest.start, |next| next.start);
        grow(&mut self.older, 1);
        self.older.insert(at, Block { number: number(day), known: bit(day), touched: 0, start });
        (start as usize, at)
    }

    /// Adds what was the newest day to the older ones.
    fn push(&mut self, Newest { day, start, is_touched }: Newest) {
        let touched = if is_touched { bit(day) } else { 0 };
        match self.older.last_mut() {
            Some(last) if last.number == number(day) => {
                last.known |= bit(day);
                last.touched |= touched;
            }
            _ => {
                grow(&mut self.older, 1);
                self.older.push(Block { number: number(day), known: bit(day), touched, start });
            }
        }
    }

    /// Puts a day of a block in place of bytes, and moves what follows.
    fn replace(&mut self, old: &Range<usize>, block: usize, packed: &[u8]) {
        let (head, head_len) = head(packed.len());
        let len = head_len + packed.len();
        grow(&mut self.bytes, len.saturating_sub(old.len()));
        let tail = old.end..self.bytes.len();
        let now = old.start + len + tail.len();
        if now > self.bytes.len() {
            self.bytes.resize(now, 0);
        }
        self.bytes.copy_within(tail, old.start + len);
        self.bytes.truncate(now);
        self.bytes[old.start..old.start + head_len].copy_from_slice(&head[..head_len]);
        self.bytes[old.start + head_len..old.start + len].copy_from_slice(packed);
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
            let start = offset(self.start_in(&last, day));
            self.newest = Newest { day, start, is_touched: last.touched & bit(day) != 0 };
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
    fn has(&self, day: Day) -> bool {
        self.number == number(day) && self.known & bit(day) != 0
    }

    /// Those of its days that have a bit here, in order.
    fn days(&self, of: u32) -> impl Iterator<Item = Day> + use<> {
        let (first, mut left) = (self.number << BLOCK, self.known & of);
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| Day(first | left.trailing_zeros().cast_signed()));
            left &= left.wrapping_sub(1);
            next
        })
    }

    fn last(&self) -> Day {
        Day(self.number << BLOCK | self.known.ilog2().cast_signed())
    }
}

/// The number of the block that a day belongs to.
fn number(day: Day) -> i32 {
    day.0 >> BLOCK
}

/// Its bit there.
fn bit(day: Day) -> u32 {
    1 << (day.0 & ((1 << BLOCK) - 1))
}

/// What says that a day takes so many bytes: the first of these.
fn head(len: usize) -> ([u8; 5], usize) {
    match u8::try_from(len) {
        Ok(short) if short != LONG => ([short, 0, 0, 0, 0], 1),
        _ => {
            let [a, b, c, d] = offset(len).to_le_bytes();
            ([LONG, a, b, c, d], 5)
        }
    }
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
