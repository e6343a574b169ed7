//! The state from the records that it wrote, in any order of the topics; per key the newest record comes last.

use schemas::DayKey;
use schemas::record::{Campaign, CampaignDay, CampaignScore, Watermark};

use super::campaign::{Profile, Published, staleness};
use super::content::fingerprint;
use super::day::DayState;
use super::{BatchNames, Scorer};

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

impl Scorer {
    /// Takes a record of `campaigns`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not a campaign key.
    pub fn restore_campaign(&mut self, key: &str, record: Option<&Campaign<'_>>) -> Result<(), RestoreError> {
        let position = self.restored("campaigns", key)?;
        self.campaigns[position].set_profile(record.map(Profile::from).unwrap_or_default());
        Ok(())
    }

    /// Takes a record of `campaign-days`; `None` is a tombstone.
    ///
    /// # Errors
    /// When the key is not that of a campaign's day.
    pub fn restore_day(&mut self, key: &str, record: Option<&CampaignDay<'_>>) -> Result<(), RestoreError> {
        let parts = DayKey::split(key)
            .ok_or_else(|| RestoreError::Key { topic: "campaign-days", key: key.to_owned() })?;
        let position = self.restored("campaign-days", parts.campaign_key)?;
        let names: &mut BatchNames = &mut self.names;
        let day = record.map(|record| DayState::restored(record, |batch_id| names.share(batch_id)));
        let campaign = &mut self.campaigns[position];
        match (campaign.find(parts.day), day) {
            (at, Some(day)) => {
                campaign.core.metrics_at = campaign.core.metrics_at.max(day.observed_at());
                match at {
                    Ok(at) => campaign.days[at] = day,
                    Err(at) => campaign.days.insert(at, day),
                }
            }
            (Ok(at), None) => {
                campaign.days.remove(at);
            }
            (Err(_), None) => {}
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
        let campaign = &mut self.campaigns[position];
        campaign.core.published = record.map(|record| Published {
            content: fingerprint(record, record.reasons.iter().map(|r| (r.code, r.figure, r.target))),
            as_of: record.as_of,
            staleness: staleness(record.scored_at, record.metrics_observed_at, &campaign.account),
            announced: record.announced,
        });
        Ok(())
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
        if number == self.partition
            && let Some(record) = record
        {
            let cause = self.cause(&record.origin);
            self.advance(record.log_time, cause);
            self.committed = self.clock;
        }
        Ok(())
    }

    fn restored(&mut self, topic: &'static str, key: &str) -> Result<usize, RestoreError> {
        let found = self.position_or_new(key).ok_or_else(|| RestoreError::Key { topic, key: key.to_owned() });
        found.map(|(position, _)| position as usize)
    }
}
