//! Things that a source tells at a moment, in any order: the newest stands. Campaigns and accounts are made of them.

use schemas::TimestampMs;

/// Something told at a moment: the newest stands, of one moment the greatest.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Told<T>(Option<(TimestampMs, T)>);

/// What an observation did to what was known; the stronger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Observed {
    Changed,
    Stale,
    Repeated,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Told<T> {
    pub(super) fn new(told: Option<T>, at: TimestampMs) -> Self {
        Self(told.map(|told| (at, told)))
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    pub(super) fn at(&self) -> Option<TimestampMs> {
        self.0.as_ref().map(|(at, _)| *at)
    }
}

impl<T: PartialOrd> Told<T> {
    /// Takes in what was told; `None` tells nothing.
    pub(super) fn put(&mut self, told: Option<T>, at: TimestampMs) -> Observed {
        if told.is_none() {
            return Observed::Repeated;
        }
        let told = Self::new(told, at);
        if *self == told {
            Observed::Repeated
        } else if *self > told {
            Observed::Stale
        } else {
            *self = told;
            Observed::Changed
        }
    }
}
