//! What the events of a partition say: campaigns with their days and profiles, accounts, log time.
//!
//! Promises a state that follows from the events and from how facts are taken alone, whoever judges it, and the way back
//! to the last commit. Refuses scores and whatever was published: those are of a [`super::judgement::Judgement`].
//!
//! **Which policies can share it.** Those that take facts alike ([`Policy::takes_facts_like`]). They may differ in the
//! spend from which a day is doubted, and so in whether the batch before the standing one is kept. Then the lowest
//! bound decides, and what an event means to a policy of a higher one is told by [`Taken::regards`].

use std::sync::Arc;

use schemas::record::Origin;
use schemas::{Day, Micros, TimestampMs};

use super::Applied;
use super::accounts::Accounts;
use super::campaign::CampaignState;
use super::journal::{Cause, Journal};
use super::layout;
use super::names::Names;
use super::pack::Packer;
use crate::index::KeyIndex;
use crate::policy::FactsPolicy;
use crate::room::grow;
use crate::{Outcome, Policy, calendar};

/// The facts of one partition.
pub(super) struct Facts {
    /// How facts are taken.
    pub(super) rules: FactsPolicy,
    /// Those that judge them, which have these rules in common.
    policies: Box<[Arc<Policy>]>,
    pub(super) partition: i32,
    index: KeyIndex,
    pub(super) campaigns: Vec<CampaignState>,
    pub(super) accounts: Accounts,
    pub(super) clock: Clock,
    /// The clock as of the last commit.
    pub(super) committed: Clock,
    pub(super) journal: Journal,
    /// The last tick of the open transaction.
    pub(super) tick: Option<Cause>,
    /// Topic names met, by number.
    topics: Vec<Box<str>>,
    pub(super) names: Names,
    /// Days are packed here before they take their place.
    pub(super) buffer: Packer,
}

/// Log time, and the record that carried it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) log_time: Option<TimestampMs>,
    pub(super) cause: Cause,
    /// Days before this one are beyond the horizon.
    oldest: Option<Day>,
    /// Days before this one have been forgotten.
    forgotten: Option<Day>,
}

/// What became of an event.
pub(super) struct Taken {
    pub(super) applied: Applied,
    /// To a policy that doubts only spends above this the event is stale, whatever it is to the others.
    pub(super) regards: Micros,
}

/// What every policy regards; none has a bound above it.
pub(super) const ALL_REGARD: Micros = Micros(i64::MAX);

impl Facts {
    /// No facts. There is at least one policy, and all take facts alike.
    pub(super) fn new(policies: Box<[Arc<Policy>]>, partition: i32) -> Self {
        Self {
            rules: policies[0].facts.clone(),
            policies,
            partition,
            index: KeyIndex::default(),
            campaigns: Vec::new(),
            accounts: Accounts::default(),
            clock: Clock::default(),
            committed: Clock::default(),
            journal: Journal::new(),
            tick: None,
            topics: Vec::new(),
            names: Names::default(),
            buffer: Packer::default(),
        }
    }

    pub(super) fn commit(&mut self) {
        self.settle_days();
        self.journal.close();
        self.accounts.commit();
        self.committed = self.clock;
        self.tick = None;
    }

    /// No day is touched any more, and the names of batches that none has are forgotten.
    fn settle_days(&mut self) {
        let Self { journal, campaigns, names, .. } = self;
        for touched in &journal.days {
            let days = &mut campaigns[touched.position as usize].days;
            if let Some(place) = days.find(touched.day) {
                layout::names(days.from(&place), &mut |name| names.hold(name));
                days.set_touched(touched.day, false);
            }
            if let Some(before) = journal.before_and_on(touched) {
                layout::names(before, &mut |name| names.release(name));
            }
        }
        names.settle();
    }

    pub(super) fn abort(&mut self) {
        let journal = self.journal.take();
        for (touched, before) in journal.undone_days() {
            let days = &mut self.campaigns[touched.position as usize].days;
            if let Some(before) = before {
                days.put(days.find(touched.day).as_ref(), touched.day, before);
                days.set_touched(touched.day, false);
            } else {
                days.remove(touched.day);
            }
        }
        for touched in journal.campaigns.into_iter().rev() {
            match touched.before {
                Some(before) => {
                    let campaign = &mut self.campaigns[touched.position as usize];
                    campaign.core = before;
                    if let Some(about) = touched.about {
                        campaign.about = about;
                    }
                }
                None => {
                    // The transaction's new campaigns are the last of the slab, the newest last.
                    if let Some(campaign) = self.campaigns.pop() {
                        self.index.remove(&campaign.key, touched.position);
                    }
                }
            }
        }
        self.names.settle();
        self.accounts.abort();
        self.clock = self.committed;
        self.tick = None;
    }

    pub(super) fn position(&self, key: &str) -> Option<u32> {
        self.index.get(key, |position| &self.campaigns[position as usize].key)
    }

    /// The campaign of a key, made if it is new. `None` when the key is not a campaign key.
    pub(super) fn position_or_new(&mut self, key: &str, known_since: TimestampMs) -> Option<(u32, bool)> {
        if let Some(position) = self.position(key) {
            return Some((position, false));
        }
        let campaign = CampaignState::new(key, known_since, &self.policies)?;
        let position =
            u32::try_from(self.campaigns.len()).expect("memory ends before four billion campaigns");
        grow(&mut self.campaigns, 1);
        self.campaigns.push(campaign);
        self.index.insert(key, position);
        Some((position, true))
    }

    /// Keeps the campaign as it is now, unless the transaction touched it before.
    pub(super) fn touch(&mut self, position: u32, created: bool, cause: Cause, regards: Micros) {
        let campaign = &mut self.campaigns[position as usize];
        if let Some(at) = self.journal.entry(campaign.touch) {
            let touched = &mut self.journal.campaigns[at];
            touched.cause = cause;
            touched.regards = touched.regards.max(regards);
            return;
        }
        let before = (!created).then_some(campaign.core);
        campaign.touch = self.journal.enter_campaign(position, before, cause, regards);
    }

    pub(super) fn advance(&mut self, to: TimestampMs, cause: Cause) {
        if self.clock.log_time.is_none_or(|now| to > now) {
            let is_new_day = self.clock.log_time.is_none_or(|now| now.day_utc() != to.day_utc());
            self.clock.log_time = Some(to);
            self.clock.cause = cause;
            if is_new_day {
                self.clock.oldest = Some(calendar::months_before(to.day_utc(), self.rules.horizon_months));
            }
        }
    }

    /// The log had come at least so far.
    pub(super) fn restore_log_time(&mut self, at: TimestampMs, origin: &Origin<'_>) {
        let cause = self.cause(origin);
        self.advance(at, cause);
        self.committed = self.clock;
    }

    pub(super) fn is_beyond_horizon(&self, day: Day) -> bool {
        self.clock.oldest.is_some_and(|oldest| day < oldest)
    }

    /// Drops days beyond the horizon, if a tick came and there may be some.
    pub(super) fn forget_old_days<E>(
        &mut self,
        mut forgotten: impl FnMut(&str, Day) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Some(cause), oldest) = (self.tick, self.clock.oldest) else { return Ok(()) };
        if oldest == self.clock.forgotten {
            return Ok(());
        }
        self.clock.forgotten = oldest;
        let Some(oldest) = oldest else { return Ok(()) };
        let mut old: Vec<u32> = (0..).take(self.campaigns.len()).collect();
        let is_old = |day: &Day| *day < oldest;
        old.retain(|position| self.campaigns[*position as usize].days.oldest().as_ref().is_some_and(is_old));
        self.sort_by_key(&mut old);
        for position in old {
            self.touch(position, false, cause, ALL_REGARD);
            let campaign = &mut self.campaigns[position as usize];
            while let Some(date) = campaign.days.oldest().filter(is_old) {
                let of = (position, campaign.touch);
                self.journal.note_day(of, date, (&campaign.days, campaign.days.find(date).as_ref()), cause);
                campaign.days.remove(date);
                forgotten(&campaign.key, date)?;
            }
            campaign.days.shrink();
            campaign.find_currency();
        }
        Ok(())
    }

    /// By key, because positions depend on the order in which a restart restored them.
    pub(super) fn sort_by_key(&self, positions: &mut [u32]) {
        let key = |position: u32| &self.campaigns[position as usize].key;
        positions.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
    }

    pub(super) fn cause(&mut self, at: &Origin<'_>) -> Cause {
        let known = self.topics.iter().position(|topic| **topic == *at.topic);
        let number = known.unwrap_or_else(|| {
            self.topics.push(at.topic.into());
            self.topics.len() - 1
        });
        let topic = u32::try_from(number).expect("a role reads few topics");
        Cause { topic, partition: at.partition, offset: at.offset }
    }

    pub(super) fn origin(&self, cause: Cause) -> Origin<'_> {
        let topic = self.topics.get(cause.topic as usize).map_or("", |topic| topic);
        Origin { topic, partition: cause.partition, offset: cause.offset }
    }

    /// Bytes that the state takes.
    pub(super) fn bytes(&self) -> usize {
        self.campaigns.iter().map(CampaignState::bytes).sum::<usize>() + self.names.bytes()
    }
}

impl From<Applied> for Taken {
    fn from(applied: Applied) -> Self {
        Self { applied, regards: ALL_REGARD }
    }
}

impl From<Outcome> for Taken {
    fn from(outcome: Outcome) -> Self {
        Applied::from(outcome).into()
    }
}
