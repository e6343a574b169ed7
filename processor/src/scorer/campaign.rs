//! One campaign of the slab: what it is called, its days, and what was last published about it.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::{Announcement, Campaign, CampaignScore, Origin};
use schemas::{CampaignKey, Day, Micros, TimestampMs};

use super::batches::Stood;
use super::days::Days;
use super::figures::{Currency, SPEND};
use super::profile::Profile;
use super::view::View;
use super::zones::Moment;
use crate::alert::{self, CampaignView, Codes};
use crate::calendar::{hours_between, hours_ms};
use crate::index::hash;
use crate::policy::{EffectivePolicy, FactsPolicy, Policy, QualityPolicy};
use crate::score::{Score, score_window};

/// A campaign. The parts of its key are kept unescaped behind one pointer.
#[derive(Clone, Debug)]
pub(super) struct CampaignState {
    pub(super) key: Box<str>,
    /// The parts of the key where they are escaped in it, else nothing.
    parts: Option<Box<[Box<str>; 3]>>,
    pub(super) about: About,
    pub(super) core: Core,
    pub(super) days: Days,
    /// A day that spent as much may be found an outlier beside the others.
    pub(super) spend_min: Micros,
    /// Which entry of the open transaction's journal is this campaign's; see [`super::journal`].
    pub(super) touch: u64,
}

/// What the campaign is and how it is judged: changes rarely.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) profile: Arc<Profile>,
    pub(super) policy: Arc<EffectivePolicy>,
    pub(super) zone: Tz,
}

/// What follows from its days and was published: small and plain, because each transaction that touches the campaign
/// keeps the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Core {
    /// When the newest complete batch of any day was observed.
    pub(super) metrics_at: Option<TimestampMs>,
    /// The currency of the newest complete batch that named one, with its moment.
    currency: Option<(TimestampMs, Currency)>,
    /// Log time at which the campaign was first heard of.
    pub(super) known_since: TimestampMs,
    pub(super) published: Option<Published>,
}

/// What the last score record said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// Fingerprint of everything in it but the moment and the cause.
    pub(super) content: u64,
    as_of: Day,
    scored_at: TimestampMs,
    metrics_at: Option<TimestampMs>,
    /// Hash of the policy's version.
    policy: u32,
    pub(super) announced: Option<Announcement>,
    pub(super) firing: Codes,
}

/// How old the newest figures are, as far as it matters to the score and to the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AgeClass {
    score: u8,
    alerts: u8,
}

impl CampaignState {
    /// A campaign of which nothing is known. `None` when the key is not a campaign key.
    pub(super) fn new(key: &str, known_since: TimestampMs, policy: &Policy) -> Option<Self> {
        let parts = CampaignKey::split(key)?;
        let account = policy.account(&parts[0], &parts[1]);
        let spend_min = spend_min(&account);
        let is_escaped = key.contains('%');
        let parts = is_escaped.then(|| Box::new(parts.map(|part| part.into_owned().into_boxed_str())));
        let mut state = Self {
            key: key.into(),
            parts,
            about: About { profile: Arc::default(), policy: account, zone: Tz::UTC },
            core: Core { metrics_at: None, currency: None, known_since, published: None },
            days: Days::default(),
            spend_min,
            touch: 0,
        };
        state.set_profile(Profile::default(), policy);
        Some(state)
    }

    pub(super) fn parts(&self) -> [&str; 3] {
        if let Some(parts) = &self.parts {
            return [&parts[0], &parts[1], &parts[2]];
        }
        let mut parts = self.key.split(':');
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    /// What the campaign's money is counted in, where that is known.
    pub(super) fn currency(&self) -> Option<&str> {
        let core = &self.core;
        let seen = core.currency.as_ref().map(|(_, currency)| currency.text());
        self.about.policy.currency.as_deref().or(self.about.profile.currency()).or(seen)
    }

    /// Whether figures of this currency cannot be added to the campaign's.
    pub(super) fn counts_in_other_currency(&self, currency: Option<Currency>) -> bool {
        self.quality().currency_unlike_account_is_outlier
            && currency.zip(self.currency()).is_some_and(|(figures, account)| figures.text() != account)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.about.profile.name()
    }

    pub(super) fn set_profile(&mut self, profile: Profile, policy: &Policy) {
        let [platform, account_id, _] = self.parts();
        self.about.policy = policy.campaign(platform, account_id, &self.key, profile.name());
        let named = profile.time_zone().and_then(|name| name.parse().ok());
        self.about.zone = self.about.policy.time_zone.or(named).unwrap_or(Tz::UTC);
        self.about.profile = Arc::new(profile);
    }

    pub(super) fn quality(&self) -> &QualityPolicy {
        &self.about.policy.quality
    }

    /// Whether time alone may have changed the score since it was published.
    pub(super) fn is_due(&self, moment: &Moment, at: TimestampMs) -> bool {
        let policy = &self.about.policy;
        self.core.published.as_ref().is_none_or(|published| {
            published.policy != hash(policy.version.as_bytes())
                || published.as_of != moment.day
                || age_class(published.scored_at, published.metrics_at, policy)
                    != age_class(at, self.core.metrics_at, policy)
        })
    }

    /// Until when [`Self::is_due`] stays false if nothing else happens.
    pub(super) fn due_at(&self, moment: &Moment, at: TimestampMs) -> TimestampMs {
        let policy = &self.about.policy;
        let alerts = &policy.alerts;
        // The score's limits must be exceeded, those of the alerts reached.
        let limits = [
            hours_ms(policy.score.metrics_fresh_hours).floor() + 1.0,
            hours_ms(policy.score.metrics_age_hours_max).floor() + 1.0,
            hours_ms(alerts.stale_data.hours).ceil(),
            hours_ms(alerts.very_stale_data.hours).ceil(),
        ];
        let crossed = self.core.metrics_at.into_iter().flat_map(|from| limits.map(|ms| later(from, ms)));
        crossed.filter(|crossed| *crossed > at).fold(moment.next_day, TimestampMs::min)
    }

    /// The score at a moment of the log.
    pub(super) fn score(&self, view: &View, moment: &Moment, at: TimestampMs) -> Score {
        let fatigued = self.about.profile.is_tired(self.about.zone, moment.day);
        let age = hours_between(self.core.metrics_at, at);
        score_window(
            &view.window(),
            self.about.profile.frequency_7d(),
            fatigued,
            age,
            &self.about.policy.score,
        )
    }

    /// The campaign as its alerts see it.
    pub(super) fn alert_view<'a>(
        &'a self,
        view: &'a View,
        moment: &Moment,
        at: TimestampMs,
        facts: &FactsPolicy,
    ) -> CampaignView<'a> {
        let profile = &self.about.profile;
        let (daily_budget, lifetime_budget) = profile.budgets();
        CampaignView {
            as_of: moment.day,
            log_time: at,
            local_hour: moment.hour,
            status: profile.status(),
            known_since: Some(self.core.known_since),
            metrics_at: self.core.metrics_at,
            daily_budget,
            lifetime_budget,
            lifetime_spend: if lifetime_budget.is_some() { self.lifetime_spend(facts) } else { Micros::ZERO },
            currency: self.currency(),
            days: view.alert_days(),
        }
    }

    /// Spend of every day known, as reported.
    fn lifetime_spend(&self, facts: &FactsPolicy) -> Micros {
        let spends = (0..self.days.len()).filter_map(|at| self.days.counted(at, facts).figures);
        Micros(spends.fold(0, |sum: i64, day| sum.saturating_add(day.figures.values[SPEND])))
    }

    /// Takes note of the batch that stands for a source and day, and of the one that stood before.
    pub(super) fn observe(&mut self, before: Option<Stood>, standing: Stood) {
        let core = &mut self.core;
        core.metrics_at = core.metrics_at.max(Some(standing.observed_at));
        let gone = before.and_then(told).filter(|gone| Some(*gone) == core.currency);
        core.currency = core.currency.max(told(standing));
        if gone.is_some() && gone == core.currency {
            // The batch that named the currency does not stand any more, and its successor names none.
            self.find_currency();
        }
    }

    /// Finds the currency of the newest batch that names one.
    pub(super) fn find_currency(&mut self) {
        let days = (0..self.days.len()).map(|at| self.days.get(at));
        let complete = days.flat_map(|day| day.sources.into_iter().flatten().filter_map(|b| b.newest));
        self.core.currency = complete.filter_map(|batch| told(batch.stood())).max();
    }

    /// The record of the campaign itself.
    pub(super) fn record<'a>(&'a self, origin: Origin<'a>) -> Campaign<'a> {
        self.about.profile.record(self.parts(), self.core.known_since, origin)
    }

    /// Bytes that the campaign takes, with what it holds on the heap alone.
    pub(super) fn bytes(&self) -> usize {
        let parts = self
            .parts
            .as_ref()
            .map_or(0, |parts| size_of_val(&**parts) + parts.iter().map(|part| part.len()).sum::<usize>());
        let profile = size_of::<Profile>() + 2 * size_of::<usize>() + self.about.profile.heap_bytes();
        size_of::<Self>() + self.key.len() + parts + self.days.heap_bytes() + profile
    }
}

/// The currency that a batch names, with its moment.
fn told(batch: Stood) -> Option<(TimestampMs, Currency)> {
    batch.currency.map(|currency| (batch.observed_at, currency))
}

impl Published {
    pub(super) fn new(record: &CampaignScore<'_>, content: u64, firing: Codes) -> Self {
        Self {
            content,
            as_of: record.as_of,
            scored_at: record.scored_at,
            metrics_at: record.metrics_observed_at,
            policy: hash(record.policy_version.as_bytes()),
            announced: record.announced,
            firing,
        }
    }
}

fn age_class(at: TimestampMs, metrics_at: Option<TimestampMs>, policy: &EffectivePolicy) -> AgeClass {
    let score = match hours_between(metrics_at, at) {
        Some(hours) if hours > policy.score.metrics_age_hours_max => 2,
        Some(hours) if hours > policy.score.metrics_fresh_hours => 1,
        _ => 0,
    };
    AgeClass { score, alerts: alert::age_class(metrics_at, at, policy) }
}

#[expect(clippy::cast_possible_truncation, reason = "limits are at most a million hours")]
fn later(from: TimestampMs, ms: f64) -> TimestampMs {
    TimestampMs(from.0.saturating_add(ms as i64))
}

/// From which spend on a day is held against the median of the others.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the policy bounds both factors; beyond them it saturates"
)]
fn spend_min(policy: &EffectivePolicy) -> Micros {
    let quality = &policy.quality;
    if !quality.spend_above_median_is_outlier {
        return Micros(i64::MAX);
    }
    Micros((quality.spend_median_targets_min * policy.score.cost_per_lead_target * 1e6) as i64)
}
