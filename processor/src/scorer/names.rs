//! Batch ids by number: most of them name many days, and a number is shorter than any of them.
//!
//! A number means its text until [`Names::sweep`] finds that no day holds it any more; then it is given to another. No
//! number shows in any output. [`super::Scorer`] keeps one table for its partition.

use crate::index::KeyIndex;

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    index: KeyIndex,
    texts: Vec<Box<str>>,
    /// Numbers without a text.
    free: Vec<u32>,
    /// The one last asked for: the rows of a batch come together.
    last: Option<NameId>,
    /// How many texts make the next sweep worth its while.
    sweep_at: usize,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u32);

/// Below so many texts nothing is swept.
const SWEEP_MIN: usize = 8_192;

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
            self.texts.push(Box::default());
            u32::try_from(self.texts.len() - 1).expect("memory ends before four billion batches")
        });
        self.texts[number as usize] = text.into();
        self.index.insert(text, number);
        NameId(number)
    }

    pub(super) fn text(&self, id: NameId) -> &str {
        &self.texts[id.0 as usize]
    }

    /// Whether enough texts have come to look for those that nothing holds any more.
    pub(super) fn wants_sweep(&self) -> bool {
        self.texts.len() - self.free.len() >= self.sweep_at.max(SWEEP_MIN)
    }

    /// Forgets every text whose number is not marked.
    pub(super) fn sweep(&mut self, mark: impl FnOnce(&mut dyn FnMut(NameId))) {
        self.last = None;
        let mut held = vec![false; self.texts.len()];
        mark(&mut |id| held[id.0 as usize] = true);
        for number in &self.free {
            held[*number as usize] = true;
        }
        for (number, _) in (0_u32..).zip(held).filter(|(_, held)| !held) {
            let text = std::mem::take(&mut self.texts[number as usize]);
            self.index.remove(&text, number);
            self.free.push(number);
        }
        // Twice what remains, so that the cost of sweeping is spread over as many new texts.
        self.sweep_at = 2 * (self.texts.len() - self.free.len());
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len() + size_of::<Box<str>>()).sum();
        texts + self.texts.len() * 2 * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_while_it_is_held_and_a_swept_number_serves_another() {
        let mut names = Names::default();
        let ids: Vec<_> = (0..SWEEP_MIN).map(|n| names.intern(&format!("poll-{n}"))).collect();
        assert!(names.wants_sweep());
        names.sweep(|held| ids[..10].iter().for_each(|id| held(*id)));
        assert!(!names.wants_sweep());
        assert_eq!(names.text(ids[9]), "poll-9");
        assert_eq!(names.intern("poll-9"), ids[9]);
        let new = names.intern("another");
        assert!((10..SWEEP_MIN).contains(&(new.0 as usize)));
        assert_eq!(names.text(new), "another");
    }
}
