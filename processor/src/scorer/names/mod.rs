//! Batch ids by number: most of them name many days, and a number is shorter than any of them.
//!
//! Rows of a batch come together, so only texts met of late are looked for. One that comes back later is given another number,
//! which takes less memory than a table of all of them would: whoever compares names compares texts.
//!
//! **Without their moments.** Sources call a batch after the moment at which they asked, and a batch has that moment anyway. Where a
//! text ends with it, it is kept without: half as long, and often the same for all batches of an account.
//!
//! A number means its text as long as a day holds it, as of the last commit or in the open transaction. [`Names::hold`] and
//! [`Names::release`] say when a day begins and ends to hold one, and [`Names::settle`] when nothing else may need those that
//! no day holds: their numbers are then given to others. No number shows in any output. [`super::Scorer`] keeps one table for
//! its partition.

mod cells;

use std::cmp::Ordering;
use std::ops::Range;

use schemas::TimestampMs;

use super::batches::Stamp;
use crate::index::hash;
use crate::room::empty;
use cells::Cells;

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What is left of the texts, flagged where a moment follows.
    cells: Cells,
    /// Numbers that no batch may have: new ones, and those that were given up. Some are there twice.
    loose: Vec<NameId>,
    /// By the hash of what is left of a text the number that one of this hash was last given; empty before the first.
    recent: Vec<NameId>,
    last: Asked,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u32);

/// The name last asked for; no batch is called nothing.
#[derive(Debug, Default)]
struct Asked {
    text: String,
    at: TimestampMs,
    id: NameId,
}

/// How many texts are looked for, at most.
const RECENT: usize = 1 << 10;

impl Names {
    /// The number of the text that a batch of a moment is called.
    pub(super) fn intern(&mut self, text: &str, at: TimestampMs) -> NameId {
        if self.last.at != at || self.last.text != text {
            self.last.id = self.met(text, at);
            self.last.at = at;
            self.last.text.clear();
            self.last.text.push_str(text);
        }
        self.last.id
    }

    fn met(&mut self, text: &str, at: TimestampMs) -> NameId {
        let text = text.as_bytes();
        let stem = at.iso().and_then(|moment| text.strip_suffix(&moment));
        let (left, is_dated) = stem.map_or((text, false), |stem| (stem, true));
        self.recent.resize(RECENT, NameId::default());
        let place = hash(left) as usize % RECENT;
        let recent = self.recent[place];
        if self.cells.has(recent, left, is_dated) {
            return recent;
        }
        let new = self.cells.put(left, is_dated);
        self.loose.push(new);
        self.recent[place] = new;
        new
    }

    /// Compares the texts that two batches of a moment are called.
    pub(super) fn order(&self, [a, b]: [NameId; 2], at: TimestampMs) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let moment = at.iso();
        let text = |id| {
            let (left, is_dated) = self.cells.get(id);
            left.iter().chain(moment.iter().flatten().filter(move |_| is_dated))
        };
        text(a).cmp(text(b))
    }

    /// One more batch of a day has the name.
    pub(super) fn hold(&mut self, id: NameId) {
        self.cells.hold(id);
    }

    /// One less has it.
    pub(super) fn release(&mut self, id: NameId) {
        if self.cells.release(id) == 0 {
            self.loose.push(id);
        }
    }

    /// Forgets the texts that no batch has.
    pub(super) fn settle(&mut self) {
        self.loose.iter().for_each(|id| self.cells.free(*id));
        empty(&mut self.loose);
        // Its number may be another's from now on.
        self.last.text.clear();
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.loose.capacity() + self.recent.len();
        self.cells.capacity() + numbers * size_of::<NameId>()
    }

    /// How many batches have each text, by what is left of it and whether a moment follows.
    #[cfg(test)]
    pub(super) fn all(&self) -> std::collections::BTreeMap<(&[u8], bool), u32> {
        let mut all = std::collections::BTreeMap::new();
        for (id, held) in self.cells.all() {
            *all.entry(self.cells.get(id)).or_default() += held;
        }
        all
    }

    /// What is left of a text, and whether a moment follows.
    #[cfg(test)]
    pub(super) fn left(&self, id: NameId) -> (&[u8], bool) {
        self.cells.get(id)
    }

    /// Another number of a text without a moment.
    #[cfg(test)]
    pub(super) fn again(&mut self, text: &str) -> NameId {
        let id = self.cells.put(text.as_bytes(), false);
        self.loose.push(id);
        id
    }
}

/// The texts that the batches of a day are called, written out to be borrowed. Used again for the next day.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    text: String,
    places: Vec<(Stamp, Range<usize>)>,
}

impl Spelled {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }

    /// Writes out what a batch is called.
    pub(super) fn add(&mut self, stamp: Stamp, names: &Names) {
        let start = self.text.len();
        let (left, is_dated) = names.cells.get(stamp.batch);
        self.push(left);
        if let Some(moment) = stamp.observed_at.iso().filter(|_| is_dated) {
            self.push(&moment);
        }
        self.places.push((stamp, start..self.text.len()));
    }

    fn push(&mut self, bytes: &[u8]) {
        self.text.push_str(schemas::text(bytes).expect("texts are cut before a moment's first letter"));
    }

    /// What a batch that was written out is called.
    pub(super) fn of(&self, stamp: Stamp) -> &str {
        let place = self.places.iter().find(|(known, _)| *known == stamp);
        place.map_or("", |(_, place)| &self.text[place.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: TimestampMs = TimestampMs(1_790_000_000_123);

    #[test]
    fn a_text_keeps_its_number_while_it_is_held_and_the_number_then_serves_another() {
        let mut names = Names::default();
        let [held, twice, never] = ["poll-1", "poll-2", "poll-3"].map(|text| names.intern(text, AT));
        [held, twice, twice].into_iter().for_each(|id| names.hold(id));
        names.settle();
        let plain = |text: &'static str| (text.as_bytes(), false);
        assert_eq!(names.all(), [(plain("poll-1"), 1), (plain("poll-2"), 2)].into());
        names.release(twice);
        names.settle();
        assert_eq!(names.intern("poll-2", AT), twice);
        names.release(twice);
        names.release(held);
        names.hold(held);
        assert_eq!(names.intern("poll-2", AT), twice, "until it is settled");
        names.settle();
        assert_eq!(names.all(), [(plain("poll-1"), 1)].into());
        let others = ["poll-4", "poll-5"].map(|text| names.intern(text, AT));
        assert!(others.iter().all(|id| [twice, never].contains(id)), "{others:?}");
        assert_eq!(names.intern("poll-1", AT), held);
    }

    #[test]
    fn a_text_that_was_forgotten_and_comes_back_at_once_is_known_again() {
        let mut names = Names::default();
        let forgotten = names.intern("poll-1", AT);
        names.settle();
        let other = names.intern("poll-2", AT);
        assert_eq!(other, forgotten, "its cell serves another");
        let again = names.intern("poll-1", AT);
        assert_ne!(again, other);
        assert_eq!(names.order([again, other], AT), Ordering::Less);
    }

    #[test]
    fn a_text_that_comes_back_after_many_others_has_another_number_and_both_are_counted() {
        let mut names = Names::default();
        let first = names.intern("poll", AT);
        names.hold(first);
        for number in 0..20 * RECENT {
            let other = names.intern(&format!("poll-{number}"), AT);
            names.hold(other);
            names.release(other);
        }
        names.settle();
        let second = names.intern("poll", AT);
        assert_ne!(second, first);
        names.hold(second);
        assert_eq!(names.all(), [((&b"poll"[..], false), 2)].into());
        assert_eq!(names.order([first, second], AT), Ordering::Equal);
        names.release(first);
        names.settle();
        assert_eq!(names.all(), [((&b"poll"[..], false), 1)].into());
    }

    #[test]
    fn batches_that_are_called_after_their_moments_share_a_number_and_are_spelled_and_compared_whole() {
        let mut names = Names::default();
        let later = TimestampMs(AT.0 + 1);
        let far = TimestampMs(i64::MAX);
        let called = [
            (format!("poll-1-{AT}"), AT),
            (format!("poll-1-{later}"), later),
            (format!("poll-1-{far}"), far),
        ];
        let [one, two, beyond] = called.clone().map(|(text, at)| names.intern(&text, at));
        assert_eq!((one == two, one == beyond), (true, false));
        let stem_alone = names.intern("poll-1-", AT);
        let of_another_moment = names.intern(&called[0].0, later);
        assert!(stem_alone != one && of_another_moment != one);
        let mut spelled = Spelled::default();
        let others =
            [("poll-1-".to_owned(), AT, stem_alone), (called[0].0.clone(), later, of_another_moment)];
        let called = called.into_iter().zip([one, two, beyond]).map(|((text, at), id)| (text, at, id));
        for (text, observed_at, batch) in called.chain(others) {
            let stamp = Stamp { observed_at, batch };
            spelled.add(stamp, &names);
            assert_eq!(spelled.of(stamp), text);
        }
        // poll-1- is less than poll-1-2026…, and this one's moment less than the other's.
        assert_eq!(names.order([stem_alone, one], AT), Ordering::Less);
        assert_eq!(names.order([two, of_another_moment], later), Ordering::Greater);
    }
}
