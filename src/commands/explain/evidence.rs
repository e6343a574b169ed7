//! The records about one campaign: as the compacted topics hold them now, or as a replay wrote them.
//!
//! Kept as bytes, because records borrow from what they were decoded from; [`Evidence::decoded`] reads them all.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use processor::ScoreOutput;
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Contribution, Lead, Recommendation, Watermark,
};
use schemas::{
    CampaignKey, CodecError, Day, DayKey, Decoder, Encoder, Schemas, TimestampMs, Topic, TopicValue,
};

use crate::commands::replay::Log;

/// What is known of a campaign, undecoded.
#[derive(Default)]
pub struct Evidence {
    pub campaign: Option<Vec<u8>>,
    pub score: Option<Vec<u8>>,
    pub days: BTreeMap<Day, Vec<u8>>,
    /// By lead key.
    pub leads: BTreeMap<String, LeadLine>,
    /// Log time of the campaign's partition.
    pub log_time: Option<TimestampMs>,
}

/// A lead behind the score.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadLine {
    pub stage: &'static str,
    /// When it reached each stage, as far as the record says.
    pub dates: Vec<(&'static str, TimestampMs)>,
    /// What it adds to the campaign.
    pub counted: Option<Contribution>,
}

/// The records, decoded.
pub struct Records<'a> {
    pub campaign: Option<Campaign<'a>>,
    pub score: CampaignScore<'a>,
    /// In the order of days.
    pub days: Vec<CampaignDay<'a>>,
}

impl Evidence {
    /// Reads what the topics hold of a campaign. `None` when there is no score of it. Blocks.
    pub fn read(log: &Log, key: &str, partition: i32) -> anyhow::Result<Option<Self>> {
        let (mut found, mut decoder, mut failure) = (Self::default(), log.schemas.decoder(), None);
        each(log, Topic::Scores, partition, |record_key, value| {
            if record_key == key {
                found.score = value.map(<[u8]>::to_vec);
            }
            // Each tells how far the log had come.
            match value.map(|value| decoder.decode::<CampaignScore<'_>>(Some(value))).transpose() {
                Ok(score) => found.log_time = found.log_time.max(score.map(|score| score.scored_at)),
                Err(error) => failure = Some(error),
            }
        })?;
        if let Some(error) = failure.take() {
            return Err(error).context("a record of scores");
        }
        if found.score.is_none() {
            return Ok(None);
        }
        each(log, Topic::Campaigns, partition, |record_key, value| {
            if record_key == key {
                found.campaign = value.map(<[u8]>::to_vec);
            }
        })?;
        each(log, Topic::CampaignDays, partition, |record_key, value| {
            let Some(parts) = DayKey::split(record_key).filter(|parts| parts.campaign_key == key) else {
                return;
            };
            match value {
                Some(value) => found.days.insert(parts.day, value.to_vec()),
                None => found.days.remove(&parts.day),
            };
        })?;
        let mark = format!("score/{partition}");
        each(log, Topic::Watermarks, partition, |record_key, value| {
            if record_key == mark && value.is_some() {
                match decoder.decode::<Watermark<'_>>(value) {
                    Ok(record) => found.log_time = found.log_time.max(Some(record.log_time)),
                    Err(error) => failure = Some(error),
                }
            }
        })?;
        if let Some(error) = failure {
            return Err(error).context("a record of watermarks");
        }
        found.leads = leads_of(log, key)?;
        Ok(Some(found))
    }

    /// Decodes the records. The score must be there.
    pub fn decoded<'a>(&'a self, schemas: &Arc<Schemas>) -> anyhow::Result<Option<Records<'a>>> {
        let mut decoder = schemas.decoder();
        let Some(score) = &self.score else { return Ok(None) };
        let days = self.days.values().map(|value| decoder.decode(Some(value)));
        let days = days
            .collect::<Result<Vec<CampaignDay<'a>>, CodecError>>()
            .context("a record of campaign-days")?;
        Ok(Some(Records {
            campaign: self
                .campaign
                .as_ref()
                .map(|value| decoder.decode(Some(value)))
                .transpose()
                .context("the record of campaigns")?,
            score: decoder.decode(Some(score)).context("the record of scores")?,
            days,
        }))
    }
}

/// Hands key and value of each record of a topic's partition to `visit`; records without a readable key are not ours.
fn each(
    log: &Log,
    topic: Topic,
    partition: i32,
    mut visit: impl FnMut(&str, Option<&[u8]>),
) -> anyhow::Result<()> {
    log.open(topic, Some(vec![partition]))?.for_each(|record| {
        if let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) {
            visit(key, record.value);
        }
        true
    })?;
    Ok(())
}

/// The leads that are attributed to a campaign now. A lead's records are all in one partition, so the last one stands.
fn leads_of(log: &Log, key: &str) -> anyhow::Result<BTreeMap<String, LeadLine>> {
    let mut found = BTreeMap::new();
    let mut decoder: Decoder = log.schemas.decoder();
    let Some([platform, account_id, campaign_id]) = CampaignKey::split(key) else { return Ok(found) };
    let wanted = (Some(&*platform), Some(&*account_id), Some(&*campaign_id));
    let mut failure = None;
    log.open(Topic::Leads, None)?.for_each(|record| {
        let Some(lead_key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) else { return true };
        let lead = record.value.map(|value| decoder.decode::<Lead<'_>>(Some(value))).transpose();
        match lead {
            Ok(Some(lead)) if (lead.platform, lead.account_id, lead.campaign_id) == wanted => {
                found.insert(lead_key.to_owned(), LeadLine::from(&lead));
            }
            Ok(_) => {
                found.remove(lead_key);
            }
            Err(error) => failure = Some(error),
        }
        failure.is_none()
    })?;
    match failure {
        Some(error) => Err(error).context("a record of leads"),
        None => Ok(found),
    }
}

impl From<&Lead<'_>> for LeadLine {
    fn from(lead: &Lead<'_>) -> Self {
        let dates = [
            ("created", lead.created_at),
            ("qualified", lead.qualified_at),
            ("disqualified", lead.disqualified_at),
            ("won", lead.won_at),
            ("lost", lead.lost_at),
        ];
        let dates = dates.into_iter().filter_map(|(stage, at)| Some((stage, at?))).collect();
        Self { stage: lead.stage.symbol(), dates, counted: lead.counted }
    }
}

/// Keeps what the rules write of one campaign.
pub struct Collector {
    key: String,
    encoders: [Encoder; 3],
    pub evidence: Evidence,
}

impl Collector {
    pub fn new(schemas: &Schemas, key: &str) -> Self {
        let encoders =
            [Topic::Campaigns, Topic::CampaignDays, Topic::Scores].map(|topic| schemas.encoder(topic));
        Self { key: key.to_owned(), encoders, evidence: Evidence::default() }
    }

    fn bytes<'a, T: TopicValue<'a>>(&mut self, encoder: usize, record: &T) -> Result<Vec<u8>, CodecError> {
        let mut value = Vec::new();
        self.encoders[encoder].encode(record, &mut value)?;
        Ok(value)
    }
}

impl ScoreOutput for Collector {
    type Error = CodecError;

    fn campaign(&mut self, key: &str, record: &Campaign<'_>) -> Result<(), CodecError> {
        if key == self.key {
            self.evidence.campaign = Some(self.bytes(0, record)?);
        }
        Ok(())
    }

    fn day(&mut self, key: &str, record: &CampaignDay<'_>) -> Result<(), CodecError> {
        if DayKey::split(key).is_some_and(|parts| parts.campaign_key == self.key) {
            let value = self.bytes(1, record)?;
            self.evidence.days.insert(record.day, value);
        }
        Ok(())
    }

    fn day_forgotten(&mut self, key: &str) -> Result<(), CodecError> {
        if let Some(parts) = DayKey::split(key).filter(|parts| parts.campaign_key == self.key) {
            self.evidence.days.remove(&parts.day);
        }
        Ok(())
    }

    fn account(&mut self, _: &str, _: &Account<'_>) -> Result<(), CodecError> {
        Ok(())
    }

    fn score(&mut self, key: &str, record: &CampaignScore<'_>) -> Result<(), CodecError> {
        if key == self.key {
            self.evidence.score = Some(self.bytes(2, record)?);
        }
        Ok(())
    }

    fn recommendation(&mut self, _: &str, _: &Recommendation<'_>) -> Result<(), CodecError> {
        Ok(())
    }

    fn alert(&mut self, _: &str, _: &Alert<'_>) -> Result<(), CodecError> {
        Ok(())
    }

    fn watermark(&mut self, _: &str, record: &Watermark<'_>) -> Result<(), CodecError> {
        self.evidence.log_time = Some(record.log_time);
        Ok(())
    }
}
