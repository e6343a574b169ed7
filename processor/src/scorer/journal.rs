//! What the open transaction touched, and how it was before.
//!
//! An undo journal rather than an overlay: transactions commit far more often than they abort, a journal makes the
//! commit a matter of forgetting, and reads see one place. Each campaign and each day is kept as it was at its first
//! touch, a day as the bytes it was packed in. Entries are numbered without end; a campaign or day whose number lies before
//! the open transaction's first is untouched, so nothing needs to be reset on commit. The numbers of days are short and
//! begin anew after four billion, so an entry counts only if it names the very day.

use schemas::{Day, Micros};

use super::campaign::{About, Core};
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
    /// The place of its last day.
    last_day: Option<u32>,
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
    /// Where its bytes lie, as they were; `None` if the transaction created it.
    before: Option<(u32, u32)>,
    /// The place of the campaign's day before this one.
    previous: Option<u32>,
}

/// The open transaction.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) campaigns: Vec<TouchedCampaign>,
    pub(super) days: Vec<TouchedDay>,
    /// Days as they were, one after another.
    bytes: Vec<u8>,
    base: u64,
    days_base: u32,
}

impl Journal {
    pub(super) fn new() -> Self {
        // Number 0 is that of what was never touched.
        Self { base: 1, days_base: 1, ..Self::default() }
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
            last_day: None,
        });
        self.base + self.campaigns.len() as u64 - 1
    }

    /// Keeps what a campaign that was entered is, unless the transaction has changed it before.
    pub(super) fn keep_about(&mut self, touch: u64, about: &About) {
        if let Some(at) = self.entry(touch) {
            self.campaigns[at].about.get_or_insert_with(|| about.clone());
        }
    }

    /// Notes the cause at the day's entry. Returns whether the transaction had touched the day.
    pub(super) fn touch_day(&mut self, touch: u32, position: u32, day: Day, cause: Cause) -> bool {
        let at = touch.wrapping_sub(self.days_base) as usize;
        match self.days.get_mut(at) {
            Some(entry) if entry.position == position && entry.day == day => {
                entry.cause = cause;
                true
            }
            _ => false,
        }
    }

    /// Enters a day as it was, of a campaign that was entered with this number, and returns the day's number.
    pub(super) fn enter_day(
        &mut self,
        (position, touch): (u32, u64),
        day: Day,
        before: Option<&[u8]>,
        cause: Cause,
    ) -> u32 {
        let before = before.map(|bytes| {
            let start = self.bytes.len().saturating_sub(PADDING);
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(bytes);
            let end = self.bytes.len();
            self.bytes.resize(end + PADDING, 0);
            (number(start), number(end))
        });
        let place = number(self.days.len());
        let campaign = self.entry(touch).and_then(|at| self.campaigns.get_mut(at));
        let previous = campaign.and_then(|campaign| campaign.last_day.replace(place));
        self.days.push(TouchedDay { position, day, cause, before, previous });
        self.days_base.wrapping_add(number(self.days.len() - 1))
    }

    /// The bytes of a day as it was; `None` if the transaction created it.
    pub(super) fn before(&self, day: &TouchedDay) -> Option<&[u8]> {
        day.before.map(|(start, end)| &self.bytes[start as usize..end as usize])
    }

    /// The same with what follows, of which there is as much as reading a day needs.
    pub(super) fn before_and_on(&self, day: &TouchedDay) -> Option<&[u8]> {
        day.before.map(|(start, _)| &self.bytes[start as usize..])
    }

    /// The days that were touched of the campaign with this number, the last first.
    pub(super) fn days_of(&self, touch: u64) -> impl Iterator<Item = &TouchedDay> {
        let day = |place: Option<u32>| place.and_then(|place| self.days.get(place as usize));
        let last = self.entry(touch).and_then(|at| self.campaigns[at].last_day);
        std::iter::successors(day(last), move |touched| day(touched.previous))
    }

    /// The transaction, to be undone; what follows is another one.
    pub(super) fn take(&mut self) -> Self {
        let base = self.base + self.campaigns.len() as u64;
        let days_base = self.days_base.wrapping_add(number(self.days.len()));
        std::mem::replace(self, Self { base, days_base, ..Self::default() })
    }

    /// Forgets the transaction.
    pub(super) fn close(&mut self) {
        self.base += self.campaigns.len() as u64;
        self.days_base = self.days_base.wrapping_add(number(self.days.len()));
        empty(&mut self.campaigns);
        empty(&mut self.days);
        empty(&mut self.bytes);
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).expect("a transaction is far below four billion of anything")
}
