//! What the open transaction touched, and how it was before.
//!
//! An undo journal rather than an overlay: transactions commit far more often than they abort, a journal makes the
//! commit a matter of forgetting, and reads see one place. Each campaign and each day is kept as it was at its first
//! touch. Entries are numbered without end; a campaign or day whose number lies before the open transaction's first
//! is untouched, so nothing needs to be reset on commit.

use schemas::Day;

use super::campaign::Core;
use super::day::DayState;

/// A position in the log, with the topic by number.
#[derive(Clone, Copy, Debug, Default)]
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
    pub(super) cause: Cause,
}

/// A day's first touch.
#[derive(Debug)]
pub(super) struct TouchedDay {
    pub(super) position: u32,
    pub(super) day: Day,
    /// As it was; `None` if the transaction created it.
    pub(super) before: Option<DayState>,
    pub(super) cause: Cause,
}

/// The open transaction.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) campaigns: Vec<TouchedCampaign>,
    pub(super) days: Vec<TouchedDay>,
    campaigns_base: u64,
    days_base: u64,
}

impl Journal {
    pub(super) fn new() -> Self {
        // Number 0 is that of what was never touched.
        Self { campaigns_base: 1, days_base: 1, ..Self::default() }
    }

    /// The campaign's entry, if the transaction touched it.
    pub(super) fn campaign(&mut self, touch: u64) -> Option<&mut TouchedCampaign> {
        let at = usize::try_from(touch.checked_sub(self.campaigns_base)?).ok()?;
        self.campaigns.get_mut(at)
    }

    /// Enters a campaign and returns its number.
    pub(super) fn enter_campaign(&mut self, touched: TouchedCampaign) -> u64 {
        self.campaigns.push(touched);
        self.campaigns_base + self.campaigns.len() as u64 - 1
    }

    /// The day's entry, if the transaction touched it.
    pub(super) fn day(&mut self, touch: u64) -> Option<&mut TouchedDay> {
        let at = usize::try_from(touch.checked_sub(self.days_base)?).ok()?;
        self.days.get_mut(at)
    }

    /// Enters a day and returns its number.
    pub(super) fn enter_day(&mut self, touched: TouchedDay) -> u64 {
        self.days.push(touched);
        self.days_base + self.days.len() as u64 - 1
    }

    /// Forgets the transaction.
    pub(super) fn close(&mut self) {
        self.campaigns_base += self.campaigns.len() as u64;
        self.days_base += self.days.len() as u64;
        self.campaigns.clear();
        self.days.clear();
    }
}
