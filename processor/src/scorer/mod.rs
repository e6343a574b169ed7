//! skeleton
use std::sync::Arc;

use schemas::record::{
    Alert, Campaign, CampaignDay, CampaignScore, Event, Origin, Recommendation, Watermark,
};

use crate::{Outcome, Policy, Rejection};

/// The state of one partition of `score`: its campaigns.
pub struct Scorer {}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its one outcome.
    pub outcome: Outcome,
    /// Why it was refused; present exactly when the outcome is [`Outcome::Rejected`].
    pub rejection: Option<Rejection>,
}

/// Why a record of the state's own topics cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The key is not one that this role writes.
    #[error(
        "the key {key:?} of the topic {topic} is not one that the score role writes; was the topic written to by something else?"
    )]
    Key {
        /// Topic without prefix.
        topic: &'static str,
        /// The key.
        key: String,
    },
}

/// Where [`Scorer::flush`] puts the records of a transaction. Every key is the record's key; all go to the partition
/// that was read from.
pub trait ScoreOutput {
    /// Why writing failed.
    type Error;
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
    /// For `alerts`.
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
    pub fn new(_policy: Arc<Policy>, _partition: i32) -> Self {
        Self {}
    }
    /// Takes a record of `campaigns`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not a campaign key.
    pub fn restore_campaign(
        &mut self,
        _key: &str,
        _record: Option<&Campaign<'_>>,
    ) -> Result<(), RestoreError> {
        Ok(())
    }
    /// Takes a record of `campaign-days`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not that of a campaign's day.
    pub fn restore_day(&mut self, _key: &str, _record: Option<&CampaignDay<'_>>) -> Result<(), RestoreError> {
        Ok(())
    }
    /// Takes a record of `scores`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not a campaign key.
    pub fn restore_score(
        &mut self,
        _key: &str,
        _record: Option<&CampaignScore<'_>>,
    ) -> Result<(), RestoreError> {
        Ok(())
    }
    /// Takes a record of `watermarks`; those of other partitions are passed over.
    ///
    /// # Errors
    /// When the key is not a watermark's.
    pub fn restore_watermark(
        &mut self,
        _key: &str,
        _record: Option<&Watermark<'_>>,
    ) -> Result<(), RestoreError> {
        Ok(())
    }
    /// Takes one event read at `at`. Nothing is written before [`Scorer::flush`].
    #[must_use]
    pub fn apply(&mut self, _campaign_key: Option<&str>, _event: &Event<'_>, _at: &Origin<'_>) -> Applied {
        Applied { outcome: Outcome::Accepted, rejection: None }
    }
    /// Writes what the open transaction changed, in the order of first touch. Once per transaction, before
    /// [`Scorer::commit`].
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn flush<O: ScoreOutput>(&mut self, _out: &mut O) -> Result<(), O::Error> {
        Ok(())
    }
    /// The open transaction is committed; what it changed stays.
    pub fn commit(&mut self) {}
    /// The open transaction is aborted; the state is exactly that of the last commit.
    pub fn abort(&mut self) {}
    /// Campaigns known.
    #[must_use]
    pub fn campaign_count(&self) -> usize {
        0
    }
}
