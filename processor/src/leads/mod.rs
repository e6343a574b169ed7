//! The state of one lead: a merge of everything said about it, the same in any order and under any repetition.
//!
//! Per stage the newest moment stands; of two won events of one moment the larger amount. The campaign is the one
//! that the newest event naming any names, of equal moments the greater key. Time zone and currency of the account
//! are those of the newest event that named either, of equal moments the greater texts; the policy of the campaign's
//! account goes before them, and a zone that nobody names is UTC. An amount without a currency is in the account's.
//!
//! A lead counts as won if won is later than lost, and as qualified if the later of qualified and won is later than
//! disqualified, or if it counts as won; so a lost deal keeps its qualification. Of opposite stages at one moment the
//! one that counts less stands: lost, disqualified. It is created when its created event says so, else at the earliest
//! moment known. [`crate::Normalizer`] keeps one per lead key.

use chrono_tz::Tz;
use schemas::record::{Contribution, Lead, LeadReading, LeadStage, Origin};
use schemas::{Micros, TimestampMs};

use crate::calendar::day_in;
use crate::{EffectivePolicy, Policy};

/// What is known of a lead.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LeadState {
    attribution: Option<Attribution>,
    /// The newest moment of each stage, by [`LeadStage`].
    moments: [Option<TimestampMs>; 5],
    /// Of the won event that stands.
    amount: Option<Micros>,
    currency: Option<Box<str>>,
    /// Absent while no event named any, and in records written before it was kept.
    told: Option<AccountTold>,
    /// What its campaign was told last.
    counted: Option<Contribution>,
}

/// The campaign that a lead counts for. Ordered: the greater stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attribution {
    at: TimestampMs,
    pub(crate) campaign_id: Box<str>,
    pub(crate) platform: Box<str>,
    pub(crate) account_id: Box<str>,
}

/// What an event said about its account. Ordered: the greater stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AccountTold {
    at: TimestampMs,
    /// A name that the time zone database knows.
    time_zone: Option<&'static str>,
    currency: Option<Box<str>>,
}

/// The account that an event belongs to, as far as the event names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) platform: &'a str,
    pub(crate) account_id: &'a str,
    pub(crate) time_zone: Option<Tz>,
    pub(crate) currency: Option<&'a str>,
}

impl LeadState {
    /// Takes in one event. Returns whether anything changed.
    pub(crate) fn merge(
        &mut self,
        reading: &LeadReading<'_>,
        account: &Account<'_>,
        policy: &Policy,
    ) -> bool {
        let before = self.clone();
        self.merge_moment(reading);
        self.merge_account(reading.occurred_at, account);
        if let Some(campaign_id) = reading.campaign_id {
            let named = Attribution {
                at: reading.occurred_at,
                campaign_id: campaign_id.into(),
                platform: account.platform.into(),
                account_id: account.account_id.into(),
            };
            if self.attribution.as_ref().is_none_or(|standing| named > *standing) {
                self.attribution = Some(named);
            }
        }
        let moved = self.created() != before.created() || !self.counts_for_the_same(&before);
        self.counted = self.contribution(policy, before.counted.filter(|_| !moved));
        *self != before
    }

    fn merge_account(&mut self, at: TimestampMs, account: &Account<'_>) {
        if account.time_zone.is_none() && account.currency.is_none() {
            return;
        }
        let told = Some(AccountTold {
            at,
            time_zone: account.time_zone.map(Tz::name),
            currency: account.currency.map(Into::into),
        });
        if told > self.told {
            self.told = told;
        }
    }

    fn merge_moment(&mut self, reading: &LeadReading<'_>) {
        let standing = &mut self.moments[reading.stage as usize];
        let newest = Some(reading.occurred_at);
        if reading.stage == LeadStage::Won {
            let told = (newest, reading.amount_micros, reading.currency);
            if told > (*standing, self.amount, self.currency.as_deref()) {
                self.amount = reading.amount_micros;
                self.currency = reading.currency.map(Into::into);
            }
        }
        *standing = newest.max(*standing);
    }

    /// Whether the event's own moment is the one that stands for its stage.
    pub(crate) fn stands(&self, reading: &LeadReading<'_>) -> bool {
        self.moment(reading.stage) == Some(reading.occurred_at)
    }

    /// Whether the lead counts as won for its campaign, but in a currency that the account's revenue is not counted in.
    pub(crate) fn leaves_out_revenue(&self, policy: &Policy) -> bool {
        self.attribution.as_ref().is_some_and(|campaign| {
            let in_force = policy.account(&campaign.platform, &campaign.account_id);
            self.is_won() && self.is_in_other_currency(&in_force)
        })
    }

    fn is_in_other_currency(&self, in_force: &EffectivePolicy) -> bool {
        let told = self.told.as_ref().and_then(|told| told.currency.as_deref());
        let account = in_force.currency.as_deref().or(told);
        self.currency.as_deref().zip(account).is_some_and(|(amount, account)| amount != account)
    }

    pub(crate) fn attribution(&self) -> Option<&Attribution> {
        self.attribution.as_ref()
    }

    /// What the lead adds to its campaign.
    pub(crate) fn counted(&self) -> Option<Contribution> {
        self.counted
    }

    /// Whether both count for one campaign.
    pub(crate) fn counts_for_the_same(&self, other: &Self) -> bool {
        let key = |lead: &Self| {
            lead.attribution
                .as_ref()
                .map(|a| (a.platform.clone(), a.account_id.clone(), a.campaign_id.clone()))
        };
        key(self) == key(other)
    }

    fn moment(&self, stage: LeadStage) -> Option<TimestampMs> {
        self.moments[stage as usize]
    }

    fn created(&self) -> Option<TimestampMs> {
        self.moment(LeadStage::Created).or_else(|| self.moments.iter().flatten().min().copied())
    }

    fn is_won(&self) -> bool {
        self.moment(LeadStage::Won).is_some() && self.moment(LeadStage::Won) > self.moment(LeadStage::Lost)
    }

    fn is_qualified(&self) -> bool {
        let reached = self.moment(LeadStage::Qualified).max(self.moment(LeadStage::Won));
        self.is_won() || (reached.is_some() && reached > self.moment(LeadStage::Disqualified))
    }

    /// What the lead adds now. `before` is what it added to the same campaign with the same moment of creation.
    fn contribution(&self, policy: &Policy, before: Option<Contribution>) -> Option<Contribution> {
        let campaign = self.attribution.as_ref()?;
        let in_force = policy.account(&campaign.platform, &campaign.account_id);
        let told = self.told.as_ref().and_then(|told| told.time_zone?.parse().ok());
        let created_day = match (in_force.time_zone.or(told), before) {
            (Some(zone), _) => day_in(zone, self.created()?),
            // A record of a time when the zone was not kept says the day alone; it stands until a zone is named.
            (None, Some(before)) if self.told.is_none() => before.created_day,
            (None, _) => day_in(Tz::UTC, self.created()?),
        };
        let won = self.is_won();
        let counts = won && !self.is_in_other_currency(&in_force);
        Some(Contribution {
            created_day,
            qualified: self.is_qualified(),
            won,
            revenue_micros: if counts { self.amount.unwrap_or_default() } else { Micros::ZERO },
        })
    }

    fn stage(&self) -> LeadStage {
        if self.is_won() {
            return LeadStage::Won;
        }
        let later = [LeadStage::Qualified, LeadStage::Disqualified, LeadStage::Lost];
        let newest = later.into_iter().filter_map(|stage| Some((self.moment(stage)?, stage))).max();
        newest.map_or(LeadStage::Created, |(_, stage)| stage)
    }

    /// The record of the state, caused by the record at `origin`.
    pub(crate) fn record<'a>(&'a self, observed_at: TimestampMs, origin: Origin<'a>) -> Lead<'a> {
        let attribution = self.attribution.as_ref();
        Lead {
            platform: attribution.map(|a| &*a.platform),
            account_id: attribution.map(|a| &*a.account_id),
            campaign_id: attribution.map(|a| &*a.campaign_id),
            campaign_at: attribution.map(|a| a.at),
            stage: self.stage(),
            created_at: self.moment(LeadStage::Created),
            qualified_at: self.moment(LeadStage::Qualified),
            disqualified_at: self.moment(LeadStage::Disqualified),
            won_at: self.moment(LeadStage::Won),
            lost_at: self.moment(LeadStage::Lost),
            amount_micros: self.amount,
            currency: self.currency.as_deref(),
            account_time_zone: self.told.as_ref().and_then(|told| told.time_zone),
            account_currency: self.told.as_ref().and_then(|told| told.currency.as_deref()),
            account_at: self.told.as_ref().map(|told| told.at),
            counted: self.counted,
            observed_at,
            origin,
        }
    }
}

impl From<&Lead<'_>> for LeadState {
    fn from(lead: &Lead<'_>) -> Self {
        let attribution = match (lead.platform, lead.account_id, lead.campaign_id, lead.campaign_at) {
            (Some(platform), Some(account_id), Some(campaign_id), Some(at)) => Some(Attribution {
                at,
                campaign_id: campaign_id.into(),
                platform: platform.into(),
                account_id: account_id.into(),
            }),
            _ => None,
        };
        Self {
            attribution,
            moments: [lead.created_at, lead.qualified_at, lead.disqualified_at, lead.won_at, lead.lost_at],
            amount: lead.amount_micros,
            currency: lead.currency.map(Into::into),
            told: lead.account_at.map(|at| AccountTold {
                at,
                time_zone: lead.account_time_zone.and_then(|name| name.parse().ok()).map(Tz::name),
                currency: lead.account_currency.map(Into::into),
            }),
            counted: lead.counted,
        }
    }
}
