//! Lead events: merged into the lead, and told to its campaigns as contributions before and after.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::{
    Contribution, Event, EventBody, LeadChanged, LeadReading, LeadStage, Origin, QualityFlag, RawEvent,
    Reading, Source,
};
use schemas::{CampaignKey, lead_key};

use super::{NormalizeOutput, Normalizer, Refusal, flagged};
use crate::event::{self, MONEY_MAX};
use crate::leads::{Account, Attribution, LeadState};
use crate::{Outcome, Rejection};

const HOUR_MS: i64 = 3_600_000;

impl Normalizer {
    pub(super) fn lead<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        if let Some(Reading::LeadReading(reading)) = &raw.reading {
            return self.lead_event(raw, reading, at, out);
        }
        if raw.source != Source::Facebook {
            let sentence = format!("a lead event from {} needs its source's reading", raw.source.symbol());
            return Err(Rejection::new("READING_MISSING", sentence).into());
        }
        let leadgen = event::leadgen(raw.payload)?;
        let key = lead_key(raw.platform, &leadgen.id);
        let reading = LeadReading {
            lead_key: &key,
            stage: LeadStage::Created,
            occurred_at: leadgen.created_at,
            campaign_id: leadgen.campaign_id.as_deref(),
            amount_micros: None,
            currency: None,
        };
        self.lead_event(raw, &reading, at, out)
    }

    fn lead_event<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        reading: &LeadReading<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        self.check_lead(raw, reading)?;
        let policy = Arc::clone(&self.policy);
        let in_force = policy.account(raw.platform, raw.account_id);
        let time_zone = match (in_force.time_zone, raw.time_zone) {
            (Some(zone), _) => zone,
            (None, Some(name)) => event::time_zone(name)?,
            (None, None) => Tz::UTC,
        };
        let account = Account {
            platform: raw.platform,
            account_id: raw.account_id,
            time_zone,
            currency: in_force.currency.as_deref().or(raw.currency),
        };
        let position = self.position(reading.lead_key);
        let before = position.and_then(|position| self.leads[position as usize].state.clone());
        let mut after = before.clone().unwrap_or_default();
        if !after.merge(reading, &account) {
            return Ok(if after.stands(reading) { Outcome::Duplicate } else { Outcome::Stale });
        }
        let doubtful = reading.stage == LeadStage::Won && after.is_in_other_currency(&account);
        let flags = if doubtful { vec![QualityFlag::Incomplete] } else { Vec::new() };
        self.contributions(raw, reading.lead_key, (before.as_ref(), &after), &flags, at, out)?;
        out.lead(reading.lead_key, &after.record(raw.observed_at, *at)).map_err(Refusal::Output)?;
        let outcome = if after.attribution().is_some() { flagged(&flags) } else { Outcome::Unattributed };
        let position = position.unwrap_or_else(|| self.add(reading.lead_key));
        let before = self.set(position, Some(after));
        self.journal.push((position, before));
        Ok(outcome)
    }

    fn check_lead(&self, raw: &RawEvent<'_>, reading: &LeadReading<'_>) -> Result<(), Rejection> {
        let ahead_max = i64::from(self.policy.facts.lead_ahead_hours_max);
        if reading.lead_key.is_empty() || reading.campaign_id == Some("") {
            return Err(Rejection::new("FIELD_MISSING", "the lead event has an empty lead key or campaign"));
        }
        if reading.occurred_at.0 > raw.observed_at.0.saturating_add(ahead_max * HOUR_MS) {
            let sentence = format!(
                "the lead's event is dated {}, more than {ahead_max} hours after it was observed",
                reading.occurred_at
            );
            return Err(Rejection::new("DATE_INVALID", sentence));
        }
        self.check_horizon(reading.occurred_at.day_utc(), raw.observed_at)?;
        if reading.amount_micros.is_some_and(|amount| !(0..=MONEY_MAX.0).contains(&amount.0)) {
            let sentence = format!("the amount of the deal lies outside 0 to {MONEY_MAX}");
            return Err(Rejection::new("NUMBER_INVALID", sentence));
        }
        reading.currency.map_or(Ok(()), event::currency)
    }

    /// Tells each campaign what the lead added before and adds now; nothing where that is the same.
    fn contributions<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        lead_key: &str,
        (before, after): (Option<&LeadState>, &LeadState),
        flags: &[QualityFlag],
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<(), Refusal<O::Error>> {
        let mut tell = |campaign: &Attribution, before: Option<Contribution>, after: Option<Contribution>| {
            self.campaign_key.clear();
            CampaignKey {
                platform: &campaign.platform,
                account_id: &campaign.account_id,
                campaign_id: &campaign.campaign_id,
            }
            .write(&mut self.campaign_key);
            let event = Event {
                observed_at: raw.observed_at,
                origin: *at,
                flags: flags.to_vec(),
                doubts: Vec::new(),
                body: EventBody::LeadChanged(LeadChanged { lead_key, before, after }),
            };
            out.event(Some(&self.campaign_key), &event).map_err(Refusal::Output)
        };
        let was = before.and_then(LeadState::attribution).zip(before.and_then(LeadState::counted));
        let is = after.attribution().zip(after.counted());
        match (was, is) {
            (Some((_, was)), Some((campaign, is)))
                if before.is_some_and(|b| b.counts_for_the_same(after)) =>
            {
                if was == is {
                    Ok(())
                } else {
                    tell(campaign, Some(was), Some(is))
                }
            }
            (was, is) => {
                if let Some((campaign, was)) = was {
                    tell(campaign, Some(was), None)?;
                }
                is.map_or(Ok(()), |(campaign, is)| tell(campaign, None, Some(is)))
            }
        }
    }
}
