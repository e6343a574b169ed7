//! Batch ids by number: most of them name many days, and a number is shorter than any of them.
//!
//! Rows of a batch come together, so only texts met of late are looked for. One that comes back later is given another number,
//! which takes less memory than a table of all of them would: whoever compares names compares texts.
//!
//! A number means its text as long as a day holds it, as of the last commit or in the open transaction. [`Names::hold`] and
//! [`Names::release`] say when a day begins and ends to hold one, and [`Names::settle`] when nothing else may need those that
//! no day holds: their numbers are then given to others. No number shows in any output. [`super::Scorer`] keeps one table for
//! its partition.

use crate::index::hash;
use crate::room::{empty, grow};

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Vec<Box<str>>,
    /// How many batches of days have each.
    held: Vec<u32>,
    /// Numbers without a text.
    free: Vec<u32>,
    /// Numbers that no batch may have: new ones, and those that were given up. Some are there twice.
    loose: Vec<u32>,
    /// By the hash of a text the number that one of this hash was last given; empty before the first.
    recent: Vec<u32>,
    /// The one last asked for.
    last: NameId,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u32);

/// How many texts are looked for, at most.
const RECENT: usize = 1 << 10;

impl Names {
    pub(super) fn intern(&mut self, text: &str) -> NameId {
        if !self.has(self.last, text) {
            self.last = self.met(text);
        }
        self.last
    }

    fn met(&mut self, text: &str) -> NameId {
        self.recent.resize(RECENT, 0);
        let place = hash(text.as_bytes()) as usize % RECENT;
        let recent = NameId(self.recent[place]);
        if self.has(recent, text) {
            return recent;
        }
        let new = self.insert(text);
        self.recent[place] = new.0;
        new
    }

    fn has(&self, id: NameId, text: &str) -> bool {
        self.texts.get(id.0 as usize).is_some_and(|known| **known == *text)
    }

    fn insert(&mut self, text: &str) -> NameId {
        let number = self.free.pop().unwrap_or_else(|| {
            grow(&mut self.texts, 1);
            grow(&mut self.held, 1);
            self.texts.push(Box::default());
            self.held.push(0);
            u32::try_from(self.texts.len() - 1).expect("memory ends before four billion batches")
        });
        self.texts[number as usize] = text.into();
        self.loose.push(number);
        NameId(number)
    }

    pub(super) fn text(&self, id: NameId) -> &str {
        &self.texts[id.0 as usize]
    }

    /// One more batch of a day has the name.
    pub(super) fn hold(&mut self, id: NameId) {
        self.held[id.0 as usize] += 1;
    }

    /// One less has it.
    pub(super) fn release(&mut self, id: NameId) {
        let held = &mut self.held[id.0 as usize];
        *held -= 1;
        if *held == 0 {
            self.loose.push(id.0);
        }
    }

    /// Forgets the texts that no batch has.
    pub(super) fn settle(&mut self) {
        let Self { texts, held, free, loose, .. } = self;
        for number in loose.iter().copied().filter(|number| held[*number as usize] == 0) {
            // No batch is called nothing, so one without a text was there twice.
            if !std::mem::take(&mut texts[number as usize]).is_empty() {
                free.push(number);
            }
        }
        empty(loose);
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        let numbers = self.held.capacity() + self.free.capacity() + self.recent.len();
        texts + self.texts.capacity() * size_of::<Box<str>>() + numbers * size_of::<u32>()
    }

    /// How many batches have each text.
    #[cfg(test)]
    pub(super) fn all(&self) -> std::collections::BTreeMap<&str, u32> {
        let mut all = std::collections::BTreeMap::new();
        let texts = self.texts.iter().map(|text| &**text).zip(&self.held);
        texts
            .filter(|(text, _)| !text.is_empty())
            .for_each(|(text, held)| *all.entry(text).or_default() += held);
        all
    }

    /// Another number of a text.
    #[cfg(test)]
    pub(super) fn again(&mut self, text: &str) -> NameId {
        self.insert(text)
    }
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
