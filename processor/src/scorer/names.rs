//! Batch ids by number: most of them name many days, and a number is shorter than any of them.
//!
//! A number means its text as long as a day holds it, as of the last commit or in the open transaction. [`Names::hold`] and
//! [`Names::release`] say when a day begins and ends to hold one, and [`Names::settle`] when nothing else may need those that
//! no day holds: their numbers are then given to others. No number shows in any output. [`super::Scorer`] keeps one table for
//! its partition.

use crate::index::KeyIndex;
use crate::room::{empty, grow};

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    index: KeyIndex,
    texts: Vec<Box<str>>,
    /// How many batches of days have each.
    held: Vec<u32>,
    /// Numbers without a text.
    free: Vec<u32>,
    /// Numbers that no batch may have: new ones, and those that were given up. Some are there twice.
    loose: Vec<u32>,
    /// The one last asked for: the rows of a batch come together.
    last: Option<NameId>,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u32);

impl Names {
    pub(super) fn intern(&mut self, text: &str) -> NameId {
        if let Some(last) = self.last.filter(|last| self.text(*last) == text) {
            return last;
        }
        let found = self.index.get(text, |number| &self.texts[number as usize]);
        let id = found.map_or_else(|| self.insert(text), NameId);
        self.last = Some(id);
        id
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
        self.index.insert(text, number);
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
        self.last = None;
        let Self { index, texts, held, free, loose, .. } = self;
        for number in loose.iter().copied().filter(|number| held[*number as usize] == 0) {
            let text = std::mem::take(&mut texts[number as usize]);
            // No batch is called nothing, so this number was there twice.
            if !text.is_empty() {
                index.remove(&text, number);
                free.push(number);
            }
        }
        empty(loose);
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        let lists = self.texts.capacity() * size_of::<Box<str>>() + self.held.capacity() * size_of::<u32>();
        texts + lists + self.index.bytes()
    }

    /// How many batches have each text.
    #[cfg(test)]
    pub(super) fn all(&self) -> std::collections::BTreeMap<&str, u32> {
        let all = self.texts.iter().map(|text| &**text).zip(self.held.iter().copied());
        all.filter(|(text, _)| !text.is_empty()).collect()
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
}
