//! From facts to days, scores and announcements: the state of one partition of the `score` role.
//!
//! [`Scorer::apply`] takes events, [`Scorer::flush`] writes once per transaction what they changed, and
//! [`Scorer::commit`] or [`Scorer::abort`] ends it. All state is in the records written: restored in any order from
//! `campaigns`, `campaign-days`, `scores` and `watermarks`, a partition goes on as if it had never stopped.
//!
//! **Facts replace.** A fact says what is true of a campaign, day and source as of a batch; see `batches.rs` for which
//! batch stands. A newer batch with the same figures renews the stamp and the freshness, not the revision.
//! Revision, first sight and cause tell the history of this log; everything else is the same for any order and any
//! repetition of the facts. For a day the first source by precedence that has a complete batch counts as a whole.
//!
//! **Time is an event.** Log time is the largest `observed_at` seen in the partition. A campaign is scored on the day
//! it then is in its time zone: that of the policy, else of the campaign, else UTC. A tick rescores those campaigns
//! whose day has changed since they were last published, or whose figures have since become older than the policy's
//! two limits. Facts about days beyond the horizon are stale, and a tick forgets such days.
//!
//! **Nothing new, nothing written.** A score is written when anything in it but its moment and cause has changed.

mod apply;
mod accounts;
mod campaign;
mod told;
mod profile;
mod days;
mod day;
mod batches;
mod figures;
mod restate;
mod names;
mod layout;
mod pack;
mod journal;
mod zones;
mod view;
mod flush;
mod alerts;
mod content;
mod restore;
mod basis;

use std::sync::Arc;

use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Origin, Recommendation, Watermark,
};
use schemas::{Day, TimestampMs};

use crate::index::KeyIndex;
use crate::{Outcome, Policy, Rejection, calendar};
use accounts::Accounts;
use campaign::CampaignState;
use journal::{Cause, Journal};
use names::Names;

pub use basis::ScoreBasis;
pub use restore::RestoreError;

/// The state of one partition of `score`: its campaigns and accounts.
pub struct Scorer {
    policy: Arc<Policy>,
    partition: i32,
    index: KeyIndex,
    campaigns: Vec<CampaignState>,
    accounts: Accounts,
    /// Campaigns that a tick must look at, because they were touched since the last one.
    unchecked: Vec<u32>,
    /// Until then, time alone changes no campaign that was looked at.
    quiet_until: TimestampMs,
    clock: Clock,
    /// The clock as of the last commit.
    committed: Clock,
    journal: Journal,
    /// The last tick of the open transaction.
    tick: Option<Cause>,
    /// Topic names met, by number.
    topics: Vec<Box<str>>,
    names: Names,
    /// Days are packed here before they take their place.
    buffer: Vec<u8>,
}

/// Log time, and the record that carried it.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    log_time: Option<TimestampMs>,
    cause: Cause,
    /// Days before this one are beyond the horizon.
    oldest: Option<Day>,
    /// Days before this one have been forgotten.
    forgotten: Option<Day>,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its one outcome.
    pub outcome: Outcome,
    /// Why it was refused; present exactly when the outcome is [`Outcome::Rejected`].
    pub rejection: Option<Rejection>,
}

/// Where [`Scorer::flush`] puts the records of a transaction. Every key is the record's key; all go to the partition
/// that was read from.
pub trait ScoreOutput {
    /// Why writing failed.
    type Error;
    /// Whether the records of days are wanted; who reads scores alone spares their making.
    const WANTS_DAYS: bool = true;
    /// Whether scores and recommendations are wanted with their reasons, whose sentences take longer than the score.
    const WANTS_REASONS: bool = true;
    /// For `campaigns`.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn campaign(&mut self, key: &str, record: &Campaign<'_>) -> Result<(), Self::Error>;
    /// For `campaign-days`; the key is the text of a [`schemas::DayKey`].
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn day(&mut self, key: &str, record: &CampaignDay<'_>) -> Result<(), Self::Error>;
    /// For `scores`.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn score(&mut self, key: &str, record: &CampaignScore<'_>) -> Result<(), Self::Error>;
    /// For `recommendations`.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn recommendation(&mut self, key: &str, record: &Recommendation<'_>) -> Result<(), Self::Error>;
    /// For `campaign-days`: the day lies beyond the horizon and is forgotten; a tombstone.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn day_forgotten(&mut self, key: &str) -> Result<(), Self::Error>;
    /// For `accounts`; the key is the text of a [`schemas::AccountKey`].
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn account(&mut self, key: &str, record: &Account<'_>) -> Result<(), Self::Error>;
    /// For `alerts`; the key is that of the campaign or account.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn alert(&mut self, key: &str, record: &Alert<'_>) -> Result<(), Self::Error>;
    /// For `watermarks`.
    ///
    /// # Errors
    /// The writer's own; [`Scorer::flush`] passes them on.
    fn watermark(&mut self, key: &str, record: &Watermark<'_>) -> Result<(), Self::Error>;
}

impl Scorer {
    /// An empty partition.
    #[must_use]
    pub fn new(policy: Arc<Policy>, partition: i32) -> Self {
        Self {
            policy,
            partition,
            index: KeyIndex::default(),
            campaigns: Vec::new(),
            accounts: Accounts::default(),
            unchecked: Vec::new(),
            quiet_until: TimestampMs(i64::MIN),
            clock: Clock::default(),
            committed: Clock::default(),
            journal: Journal::new(),
            tick: None,
            topics: Vec::new(),
            names: Names::default(),
            buffer: Vec::new(),
        }
    }

    /// The open transaction is committed; what it changed stays.
    pub fn commit(&mut self) {
        self.journal.close();
        self.accounts.commit();
        self.committed = self.clock;
        self.tick = None;
        if self.names.wants_sweep() {
            let campaigns = &self.campaigns;
            self.names.sweep(|held| campaigns.iter().for_each(|campaign| campaign.days.names(held)));
        }
    }

    /// The open transaction is aborted; the state is exactly that of the last commit.
    pub fn abort(&mut self) {
        let journal = self.journal.take();
        for touched in journal.days.iter().rev() {
            let days = &mut self.campaigns[touched.position as usize].days;
            match (days.find(touched.day), journal.before(touched)) {
                (at, Some(before)) => days.put(at, touched.day, before),
                (Ok(at), None) => days.remove(at),
                (Err(_), None) => {}
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
        self.accounts.abort();
        self.clock = self.committed;
        self.tick = None;
        self.check_all();
    }

    /// Makes the next tick look at every campaign.
    fn check_all(&mut self) {
        self.unchecked.clear();
        self.quiet_until = TimestampMs(i64::MIN);
    }

    /// Campaigns known.
    #[must_use]
    pub fn campaign_count(&self) -> usize {
        self.campaigns.len()
    }

    /// Largest `observed_at` seen in the partition; absent while nothing was.
    #[must_use]
    pub fn log_time(&self) -> Option<TimestampMs> {
        self.clock.log_time
    }

    /// About how many bytes the campaigns take.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.campaigns.iter().map(CampaignState::bytes).sum::<usize>() + self.names.bytes()
    }

    fn position(&self, key: &str) -> Option<u32> {
        self.index.get(key, |position| &self.campaigns[position as usize].key)
    }

    /// The campaign of a key, made if it is new. `None` when the key is not a campaign key.
    fn position_or_new(&mut self, key: &str, known_since: TimestampMs) -> Option<(u32, bool)> {
        if let Some(position) = self.position(key) {
            return Some((position, false));
        }
        let campaign = CampaignState::new(key, known_since, &self.policy)?;
        let position =
            u32::try_from(self.campaigns.len()).expect("memory ends before four billion campaigns");
        self.campaigns.push(campaign);
        self.index.insert(key, position);
        Some((position, true))
    }

    /// Keeps the campaign as it is now, unless the transaction touched it before.
    fn touch(&mut self, position: u32, created: bool, cause: Cause) {
        let campaign = &mut self.campaigns[position as usize];
        if let Some(at) = self.journal.entry(campaign.touch) {
            self.journal.campaigns[at].cause = cause;
            return;
        }
        let before = (!created).then_some(campaign.core);
        campaign.touch = self.journal.enter_campaign(position, before, cause);
        self.unchecked.push(position);
    }

    fn advance(&mut self, to: TimestampMs, cause: Cause) {
        if self.clock.log_time.is_none_or(|now| to > now) {
            let is_new_day = self.clock.log_time.is_none_or(|now| now.day_utc() != to.day_utc());
            self.clock.log_time = Some(to);
            self.clock.cause = cause;
            if is_new_day {
                self.clock.oldest =
                    Some(calendar::months_before(to.day_utc(), self.policy.facts.horizon_months));
            }
        }
    }

    fn cause(&mut self, at: &Origin<'_>) -> Cause {
        let known = self.topics.iter().position(|topic| **topic == *at.topic);
        let number = known.unwrap_or_else(|| {
            self.topics.push(at.topic.into());
            self.topics.len() - 1
        });
        let topic = u32::try_from(number).expect("a role reads few topics");
        Cause { topic, partition: at.partition, offset: at.offset }
    }

    fn origin(&self, cause: Cause) -> Origin<'_> {
        let topic = self.topics.get(cause.topic as usize).map_or("", |topic| topic);
        Origin { topic, partition: cause.partition, offset: cause.offset }
    }

    fn watermark_key(&self) -> String {
        format!("score/{}", self.partition)
    }
}

impl Applied {
    fn rejected(rejection: Rejection) -> Self {
        Self { outcome: Outcome::Rejected, rejection: Some(rejection) }
    }
}

impl From<Outcome> for Applied {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, rejection: None }
    }
}
