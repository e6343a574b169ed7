//! One campaign of the slab: what it is called, its days, and what was last published about it.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::{Announcement, Campaign, CampaignObserved, FatigueLevel, Origin};
use schemas::{CampaignKey, Day, Micros, TimestampMs};

use super::day::DayState;
use crate::calendar::day_in;
use crate::policy::{EffectivePolicy, Policy};
use crate::score::{Score, Window, score_window};

/// A campaign. The parts of its key are kept unescaped behind one pointer.
#[derive(Clone, Debug)]
pub(super) struct CampaignState {
    pub(super) key: Box<str>,
    parts: Box<[Box<str>; 3]>,
    pub(super) account: Arc<EffectivePolicy>,
    pub(super) core: Core,
    /// In the order of days, each once.
    pub(super) days: Vec<DayState>,
    /// Which entry of the open transaction's journal is this campaign's; see [`super::journal`].
    pub(super) touch: u64,
}

/// Everything but the days: small, so that a transaction can keep the one before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Core {
    pub(super) profile: Arc<Profile>,
    zone: Tz,
    /// When the newest complete batch of any day was observed.
    pub(super) metrics_at: Option<TimestampMs>,
    pub(super) published: Option<Published>,
}

/// What is true of the campaign itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile {
    name: Option<Box<str>>,
    status: Option<Box<str>>,
    objective: Option<Box<str>>,
    daily_budget: Option<Micros>,
    lifetime_budget: Option<Micros>,
    time_zone: Option<Box<str>>,
    pub(super) currency: Option<Box<str>>,
    frequency_7d: Option<f64>,
    fatigue: Option<(TimestampMs, FatigueLevel)>,
    observed_at: Option<TimestampMs>,
}

/// What the last score record said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Published {
    /// Fingerprint of everything in it but the moment and the cause.
    pub(super) content: u64,
    pub(super) as_of: Day,
    pub(super) staleness: Staleness,
    pub(super) announced: Option<Announcement>,
}

/// How old the newest figures are, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Staleness {
    Fresh,
    Aging,
    Old,
}

/// What an observation did to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    Changed,
    Repeated,
    Stale,
}

const HOUR_MS: f64 = 3_600_000.0;

impl CampaignState {
    /// A campaign of which nothing is known. `None` when the key is not a campaign key.
    pub(super) fn new(key: &str, policy: &Policy) -> Option<Self> {
        let [platform, account_id, campaign_id] = CampaignKey::split(key)?;
        let account = policy.account(&platform, &account_id);
        let zone = account.time_zone.unwrap_or(Tz::UTC);
        let parts = [platform, account_id, campaign_id].map(|part| part.into_owned().into_boxed_str());
        let core = Core { profile: Arc::default(), zone, metrics_at: None, published: None };
        Some(Self { key: key.into(), parts: Box::new(parts), account, core, days: Vec::new(), touch: 0 })
    }

    pub(super) fn parts(&self) -> [&str; 3] {
        [&self.parts[0], &self.parts[1], &self.parts[2]]
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.core.profile.currency.as_deref().or(self.account.currency.as_deref())
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.core.profile.name.as_deref()
    }

    /// Where the day is, or would be.
    pub(super) fn find(&self, day: Day) -> Result<usize, usize> {
        // Facts are mostly about the newest days.
        match self.days.last() {
            Some(last) if last.day < day => Err(self.days.len()),
            Some(last) if last.day == day => Ok(self.days.len() - 1),
            _ => self.days.binary_search_by_key(&day, |known| known.day),
        }
    }

    pub(super) fn set_profile(&mut self, profile: Profile) {
        let named = profile.time_zone.as_deref().and_then(|name| name.parse().ok());
        self.core.zone = named.or(self.account.time_zone).unwrap_or(Tz::UTC);
        self.core.profile = Arc::new(profile);
    }

    pub(super) fn as_of(&self, log_time: TimestampMs) -> Day {
        day_in(self.core.zone, log_time)
    }

    pub(super) fn staleness(&self, log_time: TimestampMs) -> Staleness {
        staleness(log_time, self.core.metrics_at, &self.account)
    }

    /// The score at a moment of the log.
    pub(super) fn score(&self, log_time: TimestampMs, policy: &Policy) -> Score {
        let as_of = self.as_of(log_time);
        let mut window = Window::default();
        let from = self.days.partition_point(|day| i64::from(day.day.0) < i64::from(as_of.0) - 30);
        for day in self.days[from..].iter().take_while(|day| day.day < as_of) {
            window.add(as_of, &day.score_day(&policy.facts, self.account.quality.count_outliers));
        }
        let profile = &self.core.profile;
        let fatigued = profile.fatigue.is_some_and(|(at, level)| {
            let age = i64::from(as_of.0) - i64::from(day_in(self.core.zone, at).0);
            level == FatigueLevel::High && (1..=7).contains(&age)
        });
        let age = hours_between(self.core.metrics_at, log_time);
        score_window(&window, profile.frequency_7d, fatigued, age, &self.account.score)
    }

    /// The record of the campaign itself.
    pub(super) fn record<'a>(&'a self, origin: Origin<'a>) -> Campaign<'a> {
        let [platform, account_id, campaign_id] = self.parts();
        let profile = &self.core.profile;
        Campaign {
            platform,
            account_id,
            campaign_id,
            name: profile.name.as_deref(),
            status: profile.status.as_deref(),
            objective: profile.objective.as_deref(),
            daily_budget_micros: profile.daily_budget,
            lifetime_budget_micros: profile.lifetime_budget,
            time_zone: profile.time_zone.as_deref(),
            currency: profile.currency.as_deref(),
            frequency_7d: profile.frequency_7d,
            frequency_at: None,
            known_since: None,
            fatigue_level: profile.fatigue.map(|(_, level)| level),
            fatigue_at: profile.fatigue.map(|(at, _)| at),
            observed_at: profile.observed_at,
            origin,
        }
    }

    /// Bytes that the campaign takes, with what it holds on the heap alone.
    pub(super) fn bytes(&self) -> usize {
        let text: usize = self.parts.iter().map(|part| part.len()).sum();
        let days = self.days.capacity() * size_of::<DayState>();
        let inner: usize = self.days.iter().map(DayState::heap_bytes).sum();
        let profile = size_of::<Profile>() + 2 * size_of::<usize>();
        size_of::<Self>() + self.key.len() + size_of_val(&*self.parts) + text + days + inner + profile
    }
}

impl Profile {
    /// Takes in an observation. The newest one wins for the fields it has, an older one fills what is absent; of two
    /// of one moment the greater value stands. The two budgets exclude each other and are taken together. Frequency
    /// comes from another request than the rest and follows the log, because its own moment is not kept.
    pub(super) fn observe(&mut self, seen: &CampaignObserved<'_>, at: TimestampMs) -> Observed {
        let before = self.clone();
        let named = CampaignObserved { frequency_7d: None, ..*seen } != CampaignObserved::default();
        let order = Some(at).cmp(&self.observed_at);
        if named {
            put_text(&mut self.name, seen.name, order);
            put_text(&mut self.status, seen.status, order);
            put_text(&mut self.objective, seen.objective, order);
            put_text(&mut self.time_zone, seen.time_zone, order);
            put_text(&mut self.currency, seen.currency, order);
            let budgets = (seen.daily_budget_micros, seen.lifetime_budget_micros);
            let standing = (self.daily_budget, self.lifetime_budget);
            if budgets != (None, None)
                && (order.is_gt() || standing == (None, None) || (order.is_eq() && budgets > standing))
            {
                (self.daily_budget, self.lifetime_budget) = budgets;
            }
            self.observed_at = self.observed_at.max(Some(at));
        }
        self.frequency_7d = seen.frequency_7d.or(self.frequency_7d);
        match () {
            () if *self != before => Observed::Changed,
            () if named && order.is_lt() => Observed::Stale,
            () => Observed::Repeated,
        }
    }

    /// Takes in a fatigue signal: the newest stands, of one moment the highest level.
    pub(super) fn tire(&mut self, level: FatigueLevel, at: TimestampMs) -> Observed {
        match self.fatigue {
            Some(standing) if standing == (at, level) => Observed::Repeated,
            Some(standing) if standing > (at, level) => Observed::Stale,
            _ => {
                self.fatigue = Some((at, level));
                Observed::Changed
            }
        }
    }
}

impl From<&Campaign<'_>> for Profile {
    fn from(record: &Campaign<'_>) -> Self {
        let text = |text: Option<&str>| text.map(Into::into);
        Self {
            name: text(record.name),
            status: text(record.status),
            objective: text(record.objective),
            daily_budget: record.daily_budget_micros,
            lifetime_budget: record.lifetime_budget_micros,
            time_zone: text(record.time_zone),
            currency: text(record.currency),
            frequency_7d: record.frequency_7d,
            fatigue: record.fatigue_at.zip(record.fatigue_level),
            observed_at: record.observed_at,
        }
    }
}

fn put_text(standing: &mut Option<Box<str>>, seen: Option<&str>, order: std::cmp::Ordering) {
    let Some(seen) = seen else { return };
    let wins = match standing.as_deref() {
        None => true,
        Some(known) => known != seen && (order.is_gt() || (order.is_eq() && seen > known)),
    };
    if wins {
        *standing = Some(seen.into());
    }
}

pub(super) fn staleness(
    log_time: TimestampMs,
    metrics_at: Option<TimestampMs>,
    account: &EffectivePolicy,
) -> Staleness {
    match hours_between(metrics_at, log_time) {
        Some(hours) if hours > account.score.metrics_age_hours_max => Staleness::Old,
        Some(hours) if hours > account.score.metrics_fresh_hours => Staleness::Aging,
        _ => Staleness::Fresh,
    }
}

#[expect(clippy::cast_precision_loss, reason = "moments are far below 2^53 milliseconds")]
fn hours_between(from: Option<TimestampMs>, to: TimestampMs) -> Option<f64> {
    from.map(|from| to.0.saturating_sub(from.0) as f64 / HOUR_MS)
}
