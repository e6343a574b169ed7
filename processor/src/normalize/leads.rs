//! Lead events: merged into the lead, and told to its campaigns as contributions before and after.

use std::sync::Arc;

use schemas::record::{
    Contribution, Doubt, EventBody, LeadChanged, LeadReading, LeadStage, Origin, RawEvent, Reading, Source,
};
use schemas::{CampaignKey, lead_key};

use super::{NormalizeOutput, Normalizer, Refusal, fact, flagged};
use crate::calendar::HOUR_MS;
use crate::event::{self, MONEY_MAX, TEXT_BYTES_MAX};
use crate::leads::{Account, Attribution, LeadState};
use crate::{Outcome, Policy, Rejection, quality};

/// A system and an id, each of the longest and with every character escaped to three.
const LEAD_KEY_BYTES_MAX: usize = 2 * 3 * TEXT_BYTES_MAX + 1;

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
        let account = account_of(raw, &policy)?;
        let position = self.position(reading.lead_key);
        let before = position.and_then(|position| self.leads[position as usize].state.clone());
        let mut after = before.clone().unwrap_or_default();
        if !after.merge(reading, &account, &policy) {
            return Ok(if after.stands(reading) { Outcome::Duplicate } else { Outcome::Stale });
        }
        // Doubted where the deal is told, and where it is found out; not with every later word about the lead.
        let known = before.as_ref().is_some_and(|before| before.leaves_out_revenue(&policy));
        let doubtful = after.leaves_out_revenue(&policy) && (reading.stage == LeadStage::Won || !known);
        let doubts = if doubtful { vec![Doubt::AmountInOtherCurrency] } else { Vec::new() };
        self.contributions(raw, reading.lead_key, (before.as_ref(), &after), &doubts, at, out)?;
        out.lead(reading.lead_key, &after.record(raw.observed_at, *at)).map_err(Refusal::Output)?;
        let attributed = after.attribution().is_some();
        let outcome = if attributed { flagged(&quality::flags(&doubts)) } else { Outcome::Unattributed };
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
        event::bounded("the lead key", reading.lead_key, LEAD_KEY_BYTES_MAX)?;
        if let Some(campaign_id) = reading.campaign_id {
            event::bounded("the lead's campaign", campaign_id, TEXT_BYTES_MAX)?;
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
        reading.currency.map_or(Ok(()), |code| event::currency(code).map(|_| ()))
    }

    /// Tells each campaign what the lead added before and adds now; nothing where that is the same.
    fn contributions<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        lead_key: &str,
        (before, after): (Option<&LeadState>, &LeadState),
        doubts: &[Doubt],
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<(), Refusal<O::Error>> {
        let mut tell = |campaign: &Attribution, before: Option<Contribution>, after: Option<Contribution>| {
            self.key.clear();
            CampaignKey {
                platform: &campaign.platform,
                account_id: &campaign.account_id,
                campaign_id: &campaign.campaign_id,
            }
            .write(&mut self.key);
            let body = EventBody::LeadChanged(LeadChanged { lead_key, before, after });
            let event = fact(raw, at, doubts.to_vec(), body);
            out.event(Some(&self.key), &event).map_err(Refusal::Output)
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

/// The account as the record names it. What the policy sets for it is not asked of the record.
fn account_of<'a>(raw: &RawEvent<'a>, policy: &Policy) -> Result<Account<'a>, Rejection> {
    let in_force = policy.account(raw.platform, raw.account_id);
    let time_zone = match raw.time_zone.map(event::time_zone).transpose() {
        Err(_) if in_force.time_zone.is_some() => None,
        told => told?,
    };
    let currency = match raw.currency.map(event::currency).transpose() {
        Err(_) if in_force.currency.is_some() => None,
        told => told?,
    };
    Ok(Account { platform: raw.platform, account_id: raw.account_id, time_zone, currency })
}
