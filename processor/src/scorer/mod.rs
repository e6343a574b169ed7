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
//!
//! **Two halves.** [`Facts`] are what the events say, and [`Judgement`] is what one policy makes of them and has
//! published. A [`Scorer`] is one of each; a [`Panel`] holds several policies over one state of facts.

mod facts;
mod apply;
mod accounts;
mod campaign;
mod told;
mod profile;
mod sheet;
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
mod judged;
mod view;
mod kept;
mod judgement;
mod rescore;
mod alerts;
mod content;
mod flush;
mod restore;
mod panel;
mod basis;

use std::sync::Arc;

use schemas::TimestampMs;
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Event, Origin, Recommendation, Watermark,
};

use crate::{Outcome, Policy, Rejection};
use facts::Facts;
use judgement::Judgement;

pub use basis::ScoreBasis;
pub use panel::Panel;
pub use restore::RestoreError;

/// The state of one partition of `score`: its campaigns and accounts.
pub struct Scorer {
    facts: Facts,
    judgement: Judgement,
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
        Self { facts: Facts::new([Arc::clone(&policy)].into(), partition), judgement: Judgement::new(policy) }
    }

    /// Takes one event read at `at`. Nothing is written before [`Scorer::flush`].
    #[must_use]
    pub fn apply(&mut self, campaign_key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> Applied {
        self.facts.apply(campaign_key, event, at).applied
    }

    /// The open transaction is committed; what it changed stays.
    pub fn commit(&mut self) {
        self.facts.commit();
        self.judgement.commit();
    }

    /// The open transaction is aborted; the state is exactly that of the last commit.
    pub fn abort(&mut self) {
        self.facts.abort();
        self.judgement.abort(&self.facts);
    }

    /// Campaigns known.
    #[must_use]
    pub fn campaign_count(&self) -> usize {
        self.facts.campaigns.len()
    }

    /// Largest `observed_at` seen in the partition; absent while nothing was.
    #[must_use]
    pub fn log_time(&self) -> Option<TimestampMs> {
        self.facts.clock.log_time
    }

    /// About how many bytes the campaigns take.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.facts.bytes() + self.judgement.bytes()
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
