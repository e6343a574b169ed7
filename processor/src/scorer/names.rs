//! Batch ids by number: most of them name many days, and a number is shorter than any of them.
//!
//! Rows of a batch come together, so only texts met of late are looked for. One that comes back later is given another number,
//! which takes less memory than a table of all of them would: whoever compares names compares texts.
//!
//! A number means its text as long as a day holds it, as of the last commit or in the open transaction. [`Names::hold`] and
//! [`Names::release`] say when a day begins and ends to hold one, and [`Names::settle`] when nothing else may need those that
//! no day holds: their numbers are then given to others. No number shows in any output. [`super::Scorer`] keeps one table for
//! its partition.

use std::collections::BTreeMap;

use crate::index::hash;
use crate::room::{empty, grow};

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Cells of whole units, one after another: how many batches of days have the text, its length, the text. A block of its own
    /// for each text would take half as much again.
    cells: Vec<u8>,
    /// By the units of a cell the one last freed. A free cell says instead of its holders which was freed before it.
    free: BTreeMap<usize, NameId>,
    /// Numbers that no batch may have: new ones, and those that were given up. Some are there twice.
    loose: Vec<NameId>,
    /// By the hash of a text the number that one of this hash was last given; empty before the first.
    recent: Vec<NameId>,
    /// The one last asked for.
    last: NameId,
}

/// The number of a text: how many units lie before its cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u32);

/// How many texts are looked for, at most.
const RECENT: usize = 1 << 10;
/// Bytes of a unit.
const UNIT: usize = size_of::<u32>();
/// Bytes of a cell before its text.
const HEAD: usize = 2 * UNIT;
/// Beside the length of the text that a free cell had.
const FREE: u32 = 1 << 31;
/// Follows the cell that was freed first.
const NONE: NameId = NameId(u32::MAX);

impl Names {
    pub(super) fn intern(&mut self, text: &str) -> NameId {
        if !self.has(self.last, text) {
            self.last = self.met(text);
        }
        self.last
    }

    fn met(&mut self, text: &str) -> NameId {
        self.recent.resize(RECENT, NONE);
        let place = hash(text.as_bytes()) as usize % RECENT;
        let recent = self.recent[place];
        if self.has(recent, text) {
            return recent;
        }
        let new = self.insert(text);
        self.recent[place] = new;
        new
    }

    /// Whether the text is that of a number, which may be free or none at all.
    fn has(&self, id: NameId, text: &str) -> bool {
        let Some((len, rest)) = self.cells.get(id.at() + UNIT..).and_then(<[u8]>::split_first_chunk) else {
            return false;
        };
        u32::from_le_bytes(*len) as usize == text.len() && rest.starts_with(text.as_bytes())
    }

    fn insert(&mut self, text: &str) -> NameId {
        let id = self.cell(text.len());
        self.set(id, [0, short(text.len())]);
        let start = id.at() + HEAD;
        self.cells[start..start + text.len()].copy_from_slice(text.as_bytes());
        self.loose.push(id);
        id
    }

    /// A cell for a text of so many bytes.
    fn cell(&mut self, len: usize) -> NameId {
        let units = units(len);
        if let Some(id) = self.free.remove(&units) {
            let [before, _] = self.head(id);
            if NameId(before) != NONE {
                self.free.insert(units, NameId(before));
            }
            return id;
        }
        let start = self.cells.len();
        grow(&mut self.cells, units * UNIT);
        self.cells.resize(start + units * UNIT, 0);
        NameId(short(start / UNIT))
    }

    fn head(&self, id: NameId) -> [u32; 2] {
        let head = self.cells[id.at()..].first_chunk::<HEAD>();
        let [a, b, c, d, e, f, g, h] = *head.expect("a name lies within its table");
        [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
    }

    fn set(&mut self, id: NameId, [first, second]: [u32; 2]) {
        let head = &mut self.cells[id.at()..id.at() + HEAD];
        head[..UNIT].copy_from_slice(&first.to_le_bytes());
        head[UNIT..].copy_from_slice(&second.to_le_bytes());
    }

    pub(super) fn text(&self, id: NameId) -> &str {
        let [_, len] = self.head(id);
        let start = id.at() + HEAD;
        schemas::text(&self.cells[start..start + len as usize]).expect("what was put is a text")
    }

    /// One more batch of a day has the name.
    pub(super) fn hold(&mut self, id: NameId) {
        let [held, len] = self.head(id);
        self.set(id, [held + 1, len]);
    }

    /// One less has it.
    pub(super) fn release(&mut self, id: NameId) {
        let [held, len] = self.head(id);
        self.set(id, [held - 1, len]);
        if held == 1 {
            self.loose.push(id);
        }
    }

    /// Forgets the texts that no batch has.
    pub(super) fn settle(&mut self) {
        let mut loose = std::mem::take(&mut self.loose);
        for id in loose.iter().copied() {
            let [held, len] = self.head(id);
            // One that is free already was there twice.
            if held == 0 && len & FREE == 0 {
                let before = self.free.insert(units(len as usize), id).unwrap_or(NONE);
                self.set(id, [before.0, len | FREE]);
            }
        }
        empty(&mut loose);
        self.loose = loose;
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() + (self.loose.capacity() + self.recent.len()) * size_of::<NameId>()
    }

    /// How many batches have each text.
    #[cfg(test)]
    pub(super) fn all(&self) -> BTreeMap<&str, u32> {
        let mut all = BTreeMap::new();
        let mut id = NameId(0);
        while id.at() < self.cells.len() {
            let [held, len] = self.head(id);
            if len & FREE == 0 {
                *all.entry(self.text(id)).or_default() += held;
            }
            id.0 += short(units((len & !FREE) as usize));
        }
        all
    }

    /// Another number of a text.
    #[cfg(test)]
    pub(super) fn again(&mut self, text: &str) -> NameId {
        self.insert(text)
    }
}

impl NameId {
    /// Where its cell begins.
    fn at(self) -> usize {
        self.0 as usize * UNIT
    }
}

/// Units of a cell for a text of so many bytes.
fn units(len: usize) -> usize {
    (HEAD + len).div_ceil(UNIT)
}

fn short(number: usize) -> u32 {
    u32::try_from(number).expect("names take less than 16 GiB, and one of them less than 2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_while_it_is_held_and_the_number_then_serves_another() {
        let mut names = Names::default();
        let [held, twice, never] = ["poll-1", "poll-2", "poll-3"].map(|text| names.intern(text));
        [held, twice, twice].into_iter().for_each(|id| names.hold(id));
        names.settle();
        assert_eq!(names.all(), [("poll-1", 1), ("poll-2", 2)].into());
        names.release(twice);
        names.settle();
        assert_eq!(names.intern("poll-2"), twice);
        names.release(twice);
        names.release(held);
        names.hold(held);
        assert_eq!(names.intern("poll-2"), twice, "until it is settled");
        names.settle();
        assert_eq!(names.all(), [("poll-1", 1)].into());
        let others = ["poll-4", "poll-5"].map(|text| names.intern(text));
        assert!(others.iter().all(|id| [twice, never].contains(id)), "{others:?}");
        assert_eq!(names.intern("poll-1"), held);
    }

    #[test]
    fn a_text_that_comes_back_after_many_others_has_another_number_and_both_are_counted() {
        let mut names = Names::default();
        let first = names.intern("poll");
        names.hold(first);
        for number in 0..20 * RECENT {
            let other = names.intern(&format!("poll-{number}"));
            names.hold(other);
            names.release(other);
        }
        names.settle();
        let second = names.intern("poll");
        assert_ne!(second, first);
        names.hold(second);
        assert_eq!(names.all(), [("poll", 2)].into());
        names.release(first);
        names.settle();
        assert_eq!((names.all(), names.text(second)), ([("poll", 1)].into(), "poll"));
    }
}
