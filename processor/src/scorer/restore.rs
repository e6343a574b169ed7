//! The state from the records that it wrote, in any order of the topics; per key the newest record comes last.

use schemas::record::{Account, Campaign, CampaignDay, CampaignScore, Watermark};
use schemas::{DayKey, TimestampMs};

use super::Scorer;
use super::content::fingerprint;
use super::day::DayState;
use super::days::packed;
use super::facts::Facts;
use super::judged::Published;
use super::layout;
use super::profile::Profile;
use crate::alert::Codes;

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
    /// A day has figures of a source that reports none.
    #[error(
        "the record {key:?} of the topic campaign-days has figures of a source that reports none; was the topic written to by something else?"
    )]
    Source {
        /// The key.
        key: String,
    },
}

impl Scorer {
    /// Takes a record of `campaigns`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not a campaign key.
    pub fn restore_campaign(&mut self, key: &str, record: Option<&Campaign<'_>>) -> Result<(), RestoreError> {
        let position = self.restored("campaigns", key)?;
        let campaign = &mut self.facts.campaigns[position as usize];
        campaign.core.known_since = record.and_then(|record| record.known_since).unwrap_or(LONG_KNOWN);
        campaign.set_profile(&record.map(Profile::from).unwrap_or_default(), &mut self.facts.buffer);
        self.judgement.rename(position, &self.facts);
        Ok(())
    }

    /// Takes a record of `campaign-days`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not that of a campaign's day, or a source is none that reports figures.
    pub fn restore_day(&mut self, key: &str, record: Option<&CampaignDay<'_>>) -> Result<(), RestoreError> {
        let parts = DayKey::split(key)
            .ok_or_else(|| RestoreError::Key { topic: "campaign-days", key: key.to_owned() })?;
        let position = self.restored("campaign-days", parts.campaign_key)?;
        let Facts { campaigns, names, buffer, .. } = &mut self.facts;
        let campaign = &mut campaigns[position as usize];
        let place = campaign.days.find(parts.day);
        if let Some(place) = &place {
            layout::names(campaign.days.from(place), &mut |name| names.release(name));
        }
        if let Some(record) = record {
            let day = DayState::restored(record, names)
                .ok_or_else(|| RestoreError::Source { key: key.to_owned() })?;
            let complete = day.sources.iter().flatten().filter_map(|batches| batches.newest);
            complete.for_each(|batch| campaign.observe(None, batch.stood()));
            day.stamps(&mut |stamp| names.hold(stamp.batch));
            campaign.days.put(place.as_ref(), parts.day, packed(&day, buffer));
        } else {
            campaign.days.remove(parts.day);
        }
        Ok(())
    }

    /// Takes a record of `scores`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not a campaign key.
    pub fn restore_score(
        &mut self,
        key: &str,
        record: Option<&CampaignScore<'_>>,
    ) -> Result<(), RestoreError> {
        let position = self.restored("scores", key)?;
        if let Some(record) = record {
            self.facts.restore_log_time(record.scored_at, &record.origin);
        }
        let core = &mut self.facts.campaigns[position as usize].core;
        // Days that were forgotten since have been observed all the same.
        let metrics_at = record.and_then(|record| record.metrics_observed_at);
        core.metrics_at = core.metrics_at.max(metrics_at);
        let published = record.map(|record| {
            let reasons = record.reasons.iter().map(|r| (r.code, r.figure, r.target));
            let firing = Codes::from_symbols(&record.firing);
            Published::new(record, fingerprint(record, reasons), firing)
        });
        self.judgement.restore(position, published, &self.facts);
        Ok(())
    }

    /// Takes a record of `accounts`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not an account key.
    pub fn restore_account(&mut self, key: &str, record: Option<&Account<'_>>) -> Result<(), RestoreError> {
        self.facts
            .accounts
            .restore(key, record)
            .ok_or_else(|| RestoreError::Key { topic: "accounts", key: key.to_owned() })
    }

    /// Takes a record of `watermarks`; those of other partitions are passed over.
    ///
    /// # Errors
    /// When the key is not a watermark's.
    pub fn restore_watermark(
        &mut self,
        key: &str,
        record: Option<&Watermark<'_>>,
    ) -> Result<(), RestoreError> {
        let number = key.strip_prefix("score/").and_then(|number| number.parse::<i32>().ok());
        let number = number.ok_or_else(|| RestoreError::Key { topic: "watermarks", key: key.to_owned() })?;
        if number == self.facts.partition
            && let Some(record) = record
        {
            self.facts.restore_log_time(record.log_time, &record.origin);
        }
        Ok(())
    }

    fn restored(&mut self, topic: &'static str, key: &str) -> Result<u32, RestoreError> {
        let found = self.facts.position_or_new(key, LONG_KNOWN);
        found.map(|(position, _)| position).ok_or_else(|| RestoreError::Key { topic, key: key.to_owned() })
    }
}

/// A campaign without a record of its own was written by release 1, which did not keep since when it was known.
const LONG_KNOWN: TimestampMs = TimestampMs(0);
