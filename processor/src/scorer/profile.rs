//! What is true of a campaign itself: merged from observations in any order. Each thing observed has a moment of its
//! own, because an observation may name some of them only.

use chrono_tz::Tz;
use schemas::record::{Campaign, CampaignObserved, FatigueLevel, FatigueSignal, Origin};
use schemas::{Day, Micros, TimestampMs};

use super::told::{Observed, Told};
use crate::calendar::day_in;

/// What is true of the campaign itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile {
    name: Told<Box<str>>,
    status: Told<Box<str>>,
    objective: Told<Box<str>>,
    /// Daily and lifetime budget, which exclude each other.
    budgets: Told<(Option<Micros>, Option<Micros>)>,
    time_zone: Told<Box<str>>,
    currency: Told<Box<str>>,
    frequency_7d: Told<f64>,
    fatigue: Told<FatigueLevel>,
    /// The newest HIGH signal, and the newest of an earlier day: one of today does not count yet, and must not hide
    /// the one that does.
    tired: [Option<TimestampMs>; 2],
    observed_at: Option<TimestampMs>,
}

impl Profile {
    pub(super) fn name(&self) -> Option<&str> {
        self.name.value().map(AsRef::as_ref)
    }

    pub(super) fn status(&self) -> Option<&str> {
        self.status.value().map(AsRef::as_ref)
    }

    pub(super) fn time_zone(&self) -> Option<&str> {
        self.time_zone.value().map(AsRef::as_ref)
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.value().map(AsRef::as_ref)
    }

    /// Daily and lifetime budget.
    pub(super) fn budgets(&self) -> (Option<Micros>, Option<Micros>) {
        self.budgets.value().copied().unwrap_or_default()
    }

    pub(super) fn frequency_7d(&self) -> Option<f64> {
        self.frequency_7d.value().copied()
    }

    /// Whether a HIGH signal lies within the 7 days before a day.
    pub(super) fn is_tired(&self, zone: Tz, as_of: Day) -> bool {
        self.tired.into_iter().flatten().any(|at| {
            let age = i64::from(as_of.0) - i64::from(day_in(zone, at).0);
            (1..=7).contains(&age)
        })
    }

    /// Takes in an observation.
    pub(super) fn observe(&mut self, seen: &CampaignObserved<'_>, at: TimestampMs) -> Observed {
        let text = |text: Option<&str>| text.map(Into::into);
        let budgets = (seen.daily_budget_micros, seen.lifetime_budget_micros);
        let observed = [
            self.name.put(text(seen.name), at),
            self.status.put(text(seen.status), at),
            self.objective.put(text(seen.objective), at),
            self.budgets.put((budgets != (None, None)).then_some(budgets), at),
            self.time_zone.put(text(seen.time_zone), at),
            self.currency.put(text(seen.currency), at),
            self.frequency_7d.put(seen.frequency_7d, at),
        ];
        let named = CampaignObserved { frequency_7d: None, ..*seen };
        if named != CampaignObserved::default() {
            self.observed_at = self.observed_at.max(Some(at));
        }
        observed.into_iter().min().unwrap_or(Observed::Repeated)
    }

    /// Takes in a fatigue signal.
    pub(super) fn tire(&mut self, signal: &FatigueSignal<'_>, at: TimestampMs, zone: Tz) -> Observed {
        let observed = self.fatigue.put(Some(signal.level), at);
        let before = self.tired;
        if signal.level == FatigueLevel::High {
            self.tired = match before {
                [Some(newest), _] if at > newest && day_in(zone, at) > day_in(zone, newest) => {
                    [Some(at), Some(newest)]
                }
                [Some(newest), earlier] if day_in(zone, at) < day_in(zone, newest) => {
                    [Some(newest), earlier.max(Some(at))]
                }
                [newest, earlier] => [newest.max(Some(at)), earlier],
            };
        }
        if self.tired == before { observed } else { Observed::Changed }
    }

    /// The record of the campaign.
    pub(super) fn record<'a>(
        &'a self,
        [platform, account_id, campaign_id]: [&'a str; 3],
        known_since: TimestampMs,
        origin: Origin<'a>,
    ) -> Campaign<'a> {
        let (daily_budget_micros, lifetime_budget_micros) = self.budgets();
        Campaign {
            platform,
            account_id,
            campaign_id,
            name: self.name(),
            status: self.status(),
            objective: self.objective.value().map(AsRef::as_ref),
            daily_budget_micros,
            lifetime_budget_micros,
            time_zone: self.time_zone(),
            currency: self.currency(),
            frequency_7d: self.frequency_7d(),
            frequency_at: self.frequency_7d.at(),
            fatigue_level: self.fatigue.value().copied(),
            fatigue_at: self.fatigue.at(),
            fatigue_high_at: self.tired[0],
            fatigue_high_before_at: self.tired[1],
            observed_at: self.observed_at,
            name_at: self.name.at(),
            status_at: self.status.at(),
            objective_at: self.objective.at(),
            budget_at: self.budgets.at(),
            time_zone_at: self.time_zone.at(),
            currency_at: self.currency.at(),
            known_since: Some(known_since),
            origin,
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = [&self.name, &self.status, &self.objective, &self.time_zone, &self.currency];
        texts.into_iter().filter_map(Told::value).map(|text| text.len()).sum()
    }
}

impl From<&Campaign<'_>> for Profile {
    fn from(record: &Campaign<'_>) -> Self {
        // Records of release 1 have one moment for everything.
        let at = |at: Option<TimestampMs>| at.or(record.observed_at).unwrap_or(TimestampMs(i64::MIN));
        let text = |text: Option<&str>, told_at| Told::new(text.map(Into::into), at(told_at));
        let budgets = (record.daily_budget_micros, record.lifetime_budget_micros);
        Self {
            name: text(record.name, record.name_at),
            status: text(record.status, record.status_at),
            objective: text(record.objective, record.objective_at),
            budgets: Told::new((budgets != (None, None)).then_some(budgets), at(record.budget_at)),
            time_zone: text(record.time_zone, record.time_zone_at),
            currency: text(record.currency, record.currency_at),
            frequency_7d: Told::new(record.frequency_7d, at(record.frequency_at)),
            fatigue: record.fatigue_at.map_or_else(Told::default, |at| Told::new(record.fatigue_level, at)),
            // Release 1 kept the newest signal only.
            tired: [
                record.fatigue_high_at.or_else(|| {
                    record.fatigue_at.filter(|_| record.fatigue_level == Some(FatigueLevel::High))
                }),
                record.fatigue_high_before_at,
            ],
            observed_at: record.observed_at,
        }
    }
}
