//! Bytes to facts. What cannot be decoded, or cannot be held by a row, becomes a [`Rejected`] and nothing else does.

use std::borrow::Cow;
use std::collections::BTreeSet;

use schemas::{AccountKey, CampaignKey, CodecError, DayKey, Decoder, Topic, TopicValue};

use super::bounds::{Bounded, Refusal};
use super::{AccountParts, At, CampaignParts, Facts, Keyed, Rejected, SinkRecord};
use crate::SinkError;

/// Which records of a batch are meant.
pub(crate) struct Selection<'s> {
    /// The topics that the store holds.
    pub(crate) topics: &'s [Topic],
    /// Indices to leave out: stored before, or refused by the store.
    pub(crate) left_out: &'s BTreeSet<usize>,
}

/// Decodes the selected records.
///
/// # Errors
/// [`SinkError::Transient`] when the schema registry is needed and does not answer; [`SinkError::Fatal`] when the batch
/// has a topic that the store does not hold.
pub(crate) fn decode<'a>(
    store: &'static str,
    decoder: &mut Decoder,
    batch: &[SinkRecord<'a>],
    selection: &Selection<'_>,
) -> Result<(Facts<'a>, Vec<Rejected>), SinkError> {
    let mut facts = Facts::room_for(batch);
    let mut rejected = Vec::new();
    for (index, record) in batch.iter().enumerate() {
        if selection.left_out.contains(&index) {
            continue;
        }
        if !selection.topics.contains(&record.topic) {
            return Err(SinkError::Fatal {
                store,
                action: "take a batch",
                reason: format!("it does not store the topic {}; do not subscribe it", record.topic.name()),
            });
        }
        match add(&mut facts, decoder, index, record) {
            Ok(()) => {}
            Err(Problem::Refused((code, sentence))) => rejected.push(Rejected { index, code, sentence }),
            Err(Problem::Undecodable(error)) if error.is_transient() => {
                return Err(SinkError::Transient {
                    store,
                    class: "schema_registry",
                    action: "decode a batch",
                    reason: error.to_string(),
                });
            }
            Err(Problem::Undecodable(error)) => {
                rejected.push(Rejected { index, code: code_of(&error), sentence: error.to_string() });
            }
        }
    }
    Ok((facts, rejected))
}

enum Problem {
    Undecodable(CodecError),
    Refused(Refusal),
}

impl From<CodecError> for Problem {
    fn from(error: CodecError) -> Self {
        Self::Undecodable(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn code_of(error: &CodecError) -> &'static str {
    match error {
        CodecError::NoValue => "no_value",
        CodecError::NotFramed => "not_framed",
        CodecError::UnknownSchema { .. } => "unknown_schema",
        CodecError::Registry { .. } => "registry_unavailable",
        CodecError::Malformed { .. } => "malformed_value",
        CodecError::NotEncodable { .. } => "not_encodable",
    }
}

fn add<'a>(
    facts: &mut Facts<'a>,
    decoder: &mut Decoder,
    index: usize,
    record: &SinkRecord<'a>,
) -> Result<(), Problem> {
    let (partition, offset) = (record.partition, record.offset);
    let bytes = record.value;
    match record.topic {
        Topic::Campaigns => {
            let value = compacted(decoder, bytes)?;
            let key = match &value {
                Some(campaign) => parts(campaign_of(campaign)),
                None => split_campaign(text_key(record)?)?,
            };
            facts.campaigns.push(At { index, partition, offset, value: Keyed { key, value } });
        }
        Topic::CampaignDays => {
            let value: Option<schemas::record::CampaignDay<'a>> = compacted(decoder, bytes)?;
            let key = match &value {
                Some(day) => (parts([day.platform, day.account_id, day.campaign_id]), day.day),
                None => split_day(text_key(record)?)?,
            };
            facts.days.push(At { index, partition, offset, value: Keyed { key, value } });
        }
        Topic::Scores => {
            let value: Option<schemas::record::CampaignScore<'a>> = compacted(decoder, bytes)?;
            let key = match &value {
                Some(score) => parts([score.platform, score.account_id, score.campaign_id]),
                None => split_campaign(text_key(record)?)?,
            };
            facts.scores.push(At { index, partition, offset, value: Keyed { key, value } });
        }
        Topic::Leads => {
            let value = compacted(decoder, bytes)?;
            let key = text_key(record)?;
            facts.leads.push(At { index, partition, offset, value: Keyed { key, value } });
        }
        Topic::Accounts => {
            let value: Option<schemas::record::Account<'a>> = compacted(decoder, bytes)?;
            let key = match &value {
                Some(account) => [account.platform, account.account_id].map(Cow::Borrowed),
                None => split_account(text_key(record)?)?,
            };
            facts.accounts.push(At { index, partition, offset, value: Keyed { key, value } });
        }
        Topic::Recommendations => {
            facts.recommendations.push(At { index, partition, offset, value: whole(decoder, bytes)? });
        }
        Topic::Alerts => facts.alerts.push(At { index, partition, offset, value: whole(decoder, bytes)? }),
        Topic::DeadLetters => {
            facts.dead_letters.push(At { index, partition, offset, value: whole(decoder, bytes)? });
        }
        Topic::RawFacebook
        | Topic::RawCrm
        | Topic::RawCsv
        | Topic::RawClock
        | Topic::Events
        | Topic::Watermarks => {
            unreachable!("no store holds them, and decode has refused what the store does not hold")
        }
    }
    Ok(())
}

fn campaign_of<'a>(campaign: &schemas::record::Campaign<'a>) -> [&'a str; 3] {
    [campaign.platform, campaign.account_id, campaign.campaign_id]
}

fn parts(parts: [&str; 3]) -> CampaignParts<'_> {
    parts.map(Cow::Borrowed)
}

/// A value of a topic where none means that the key is gone.
fn compacted<'a, T: TopicValue<'a> + Bounded>(
    decoder: &mut Decoder,
    bytes: Option<&'a [u8]>,
) -> Result<Option<T>, Problem> {
    if bytes.is_none() {
        return Ok(None);
    }
    whole(decoder, bytes).map(Some)
}

fn whole<'a, T: TopicValue<'a> + Bounded>(
    decoder: &mut Decoder,
    bytes: Option<&'a [u8]>,
) -> Result<T, Problem> {
    let value: T = decoder.decode(bytes)?;
    value.check()?;
    Ok(value)
}

fn text_key<'a>(record: &SinkRecord<'a>) -> Result<&'a str, Refusal> {
    let key =
        record.key.ok_or_else(|| ("no_key", "the record has no key, which its topic needs".to_owned()))?;
    schemas::text(key).map_err(|_| ("malformed_key", "the key is not UTF-8 text".to_owned()))
}

fn split_account(key: &str) -> Result<AccountParts<'_>, Refusal> {
    AccountKey::split(key)
        .ok_or_else(|| ("malformed_key", format!("the key {key:?} is not platform:account")))
}

fn split_campaign(key: &str) -> Result<CampaignParts<'_>, Refusal> {
    CampaignKey::split(key)
        .ok_or_else(|| ("malformed_key", format!("the key {key:?} is not platform:account:campaign")))
}

fn split_day(key: &str) -> Result<(CampaignParts<'_>, schemas::Day), Refusal> {
    let split = DayKey::split(key)
        .ok_or_else(|| ("malformed_key", format!("the key {key:?} does not end in @YYYY-MM-DD")))?;
    Ok((split_campaign(split.campaign_key)?, split.day))
}
