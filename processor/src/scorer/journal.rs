//! What the open transaction touched, and how it was before.
//!
//! An undo journal rather than an overlay: transactions commit far more often than they abort, a journal makes the
//! commit a matter of forgetting, and reads see one place. Each campaign and each day is kept as it was at its first
//! touch, a day as the bytes it was packed in. Campaigns are numbered without end; one whose number lies before the open
//! transaction's first is untouched, so nothing needs to be reset on commit. A day says itself whether it is touched, and is found
//! among those of its campaign, the last first: there are few, and mostly it is that one.

use schemas::{Day, Micros};

use super::campaign::{About, Core};
use super::days::{Days, Place};
use super::pack::PADDING;
use crate::room::empty;

/// A position in the log, with the topic by number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cause {
    pub(super) topic: u32,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A campaign's first touch.
#[derive(Debug)]
pub(super) struct TouchedCampaign {
    pub(super) position: u32,
    /// As it was; `None` if the transaction created it.
    pub(super) before: Option<Core>,
    /// As it was, if the transaction has changed it.
    pub(super) about: Option<About>,
    pub(super) cause: Cause,
    /// Policies that doubt only spends above this do not regard what touched it; see [`super::facts::Taken`].
    pub(super) regards: Micros,
    /// The place of its last day, or [`NONE`].
    last_day: u32,
}

impl TouchedCampaign {
    /// Whether the profile is not what it was before the transaction.
    pub(super) fn has_new_profile(&self, now: &About) -> bool {
        self.before.is_none() || self.about.as_ref().is_some_and(|before| before.profile != now.profile)
    }
}

/// A day's first touch.
#[derive(Debug)]
pub(super) struct TouchedDay {
    pub(super) position: u32,
    pub(super) day: Day,
    pub(super) cause: Cause,
    /// Where its bytes begin, as they were; they end where those of the next day do that has some, or the padding. [`NONE`] if the
    /// transaction created it.
    before: u32,
    /// The place of the campaign's day before this one, or [`NONE`].
    previous: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

/// The open transaction.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) campaigns: Vec<TouchedCampaign>,
    pub(super) days: Vec<TouchedDay>,
    /// Days as they were, one after another.
    bytes: Vec<u8>,
    base: u64,
}

impl Journal {
    pub(super) fn new() -> Self {
        // Number 0 is that of what was never touched.
        Self { base: 1, ..Self::default() }
    }

    /// The place of the campaign's entry, if the transaction touched it.
    pub(super) fn entry(&self, touch: u64) -> Option<usize> {
        let at = usize::try_from(touch.checked_sub(self.base)?).ok()?;
        (at < self.campaigns.len()).then_some(at)
    }

    /// Enters a campaign and returns its number.
    pub(super) fn enter_campaign(
        &mut self,
        position: u32,
        before: Option<Core>,
        cause: Cause,
        regards: Micros,
    ) -> u64 {
        self.campaigns.push(TouchedCampaign {
            position,
            before,
            about: None,
            cause,
            regards,
            last_day: NONE,
        });
        self.base + self.campaigns.len() as u64 - 1
    }

    /// Keeps what a campaign that was entered is, unless the transaction has changed it before.
    pub(super) fn keep_about(&mut self, touch: u64, about: &About) {
        if let Some(at) = self.entry(touch) {
            self.campaigns[at].about.get_or_insert_with(|| about.clone());
        }
    }

    /// Notes that a day is touched that lies at a place among the days of a campaign that was entered with this number, or that is
    /// about to be made.
    pub(super) fn note_day(
        &mut self,
        (position, touch): (u32, u64),
        day: Day,
        (days, place): (&Days, Option<&Place>),
        cause: Cause,
    ) {
        if place.is_some_and(|place| place.is_touched) {
            self.touch_day(touch, day, cause);
        } else {
            self.enter_day((position, touch), day, place.map(|place| days.raw(place)), cause);
        }
    }

    /// Notes the cause at the entry of a day that was touched.
    fn touch_day(&mut self, touch: u64, day: Day, cause: Cause) {
        let mut place = self.last_day(touch);
        while let Some(entry) = self.days.get_mut(place as usize) {
            if entry.day == day {
                entry.cause = cause;
                return;
            }
            place = entry.previous;
        }
    }

    /// Enters a day as it was.
    fn enter_day(&mut self, (position, touch): (u32, u64), day: Day, before: Option<&[u8]>, cause: Cause) {
        let before = before.map_or(NONE, |bytes| {
            let start = self.end();
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(bytes);
            self.bytes.extend_from_slice(&[0; PADDING]);
            number(start)
        });
        let place = number(self.days.len());
        let campaign = self.entry(touch).and_then(|at| self.campaigns.get_mut(at));
        let previous = campaign.map_or(NONE, |campaign| std::mem::replace(&mut campaign.last_day, place));
        self.days.push(TouchedDay { position, day, cause, before, previous });
    }

    /// The bytes of a day as it was, and as much after them as reading a day needs; `None` if the transaction created it.
    pub(super) fn before_and_on(&self, day: &TouchedDay) -> Option<&[u8]> {
        self.bytes.get(day.before as usize..)
    }

    /// The days, the last first, with their bytes as they were; `None` for one that the transaction created.
    pub(super) fn undone_days(&self) -> impl Iterator<Item = (&TouchedDay, Option<&[u8]>)> {
        let mut end = self.end();
        self.days.iter().rev().map(move |day| {
            let before = self.bytes.get(day.before as usize..end);
            end = before.map_or(end, |_| day.before as usize);
            (day, before)
        })
    }

    /// The days that were touched of the campaign with this number, the last first.
    pub(super) fn days_of(&self, touch: u64) -> impl Iterator<Item = &TouchedDay> {
        let day = |place: u32| self.days.get(place as usize);
        std::iter::successors(day(self.last_day(touch)), move |touched| day(touched.previous))
    }

    fn last_day(&self, touch: u64) -> u32 {
        self.entry(touch).map_or(NONE, |at| self.campaigns[at].last_day)
    }

    /// Where the bytes of the last day end.
    fn end(&self) -> usize {
        self.bytes.len().saturating_sub(PADDING)
    }

    /// The transaction, to be undone; what follows is another one.
    pub(super) fn take(&mut self) -> Self {
        let base = self.base + self.campaigns.len() as u64;
        std::mem::replace(self, Self { base, ..Self::default() })
    }

    /// Forgets the transaction.
    pub(super) fn close(&mut self) {
        self.base += self.campaigns.len() as u64;
        empty(&mut self.campaigns);
        empty(&mut self.days);
        empty(&mut self.bytes);
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len)
        .ok()
        .filter(|len| *len < NONE)
        .expect("a transaction is far below four billion of anything")
}

#[cfg(test)]
mod tests {
    use schemas::TimestampMs;

    use super::*;

    #[test]
    fn days_are_undone_the_last_first_each_with_just_the_bytes_that_it_had() {
        let core = Core::new(TimestampMs(0));
        let (cause, mut days, mut journal) = (Cause::default(), Days::default(), Journal::new());
        let touch = journal.enter_campaign(0, Some(core), cause, Micros(0));
        let lengths = [(1, Some(3)), (2, None), (3, Some(300)), (4, Some(1)), (5, None)];
        for (day, len) in lengths {
            let packed = len.map(|len| vec![1; len]);
            packed.iter().for_each(|packed| days.put(None, Day(day), packed));
            journal.note_day((0, touch), Day(day), (&days, days.find(Day(day)).as_ref()), cause);
        }
        let undone = journal.undone_days().map(|(day, before)| (day.day.0, before.map(<[u8]>::len)));
        assert!(undone.eq(lengths.into_iter().rev()));
    }
}
