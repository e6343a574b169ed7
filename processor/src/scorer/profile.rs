//! What is true of a campaign itself: merged from observations in any order. Each thing observed has a moment of its
//! own, because an observation may name some of them only.
//!
//! This is the working form; between observations a profile lies packed in its campaign, see `sheet.rs`.

use chrono_tz::Tz;
use schemas::record::{Campaign, CampaignObserved, FatigueLevel, FatigueSignal, Origin};
use schemas::{Day, Micros, TimestampMs};

use super::told::{Observed, Told};
use crate::calendar::day_in;

/// What is true of the campaign itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile<'a> {
    pub(super) name: Told<&'a str>,
    pub(super) status: Told<&'a str>,
    pub(super) objective: Told<&'a str>,
    /// Daily and lifetime budget, which exclude each other.
    pub(super) budgets: Told<(Option<Micros>, Option<Micros>)>,
    pub(super) time_zone: Told<&'a str>,
    pub(super) currency: Told<&'a str>,
    pub(super) frequency_7d: Told<f64>,
    pub(super) fatigue: Told<FatigueLevel>,
    /// The newest HIGH signal, and the newest of an earlier day: one of today does not count yet, and must not hide
    /// the one that does.
    pub(super) tired: [Option<TimestampMs>; 2],
    pub(super) observed_at: Option<TimestampMs>,
}

impl<'a> Profile<'a> {
    /// Takes in an observation.
    pub(super) fn observe(&mut self, seen: &CampaignObserved<'a>, at: TimestampMs) -> Observed {
        let budgets = (seen.daily_budget_micros, seen.lifetime_budget_micros);
        let observed = [
            self.name.put(seen.name, at),
            self.status.put(seen.status, at),
            self.objective.put(seen.objective, at),
            self.budgets.put((budgets != (None, None)).then_some(budgets), at),
            self.time_zone.put(seen.time_zone, at),
            self.currency.put(seen.currency, at),
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
    pub(super) fn record(
        &self,
        [platform, account_id, campaign_id]: [&'a str; 3],
        known_since: TimestampMs,
        origin: Origin<'a>,
    ) -> Campaign<'a> {
        let (daily_budget_micros, lifetime_budget_micros) = self.budgets.value().copied().unwrap_or_default();
        Campaign {
            platform,
            account_id,
            campaign_id,
            name: self.name.value().copied(),
            status: self.status.value().copied(),
            objective: self.objective.value().copied(),
            daily_budget_micros,
            lifetime_budget_micros,
            time_zone: self.time_zone.value().copied(),
            currency: self.currency.value().copied(),
            frequency_7d: self.frequency_7d.value().copied(),
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
}

/// Whether a HIGH signal of these moments lies within the 7 days before a day.
pub(super) fn is_tired(tired: [Option<TimestampMs>; 2], zone: Tz, as_of: Day) -> bool {
    tired.into_iter().flatten().any(|at| {
        let age = i64::from(as_of.0) - i64::from(day_in(zone, at).0);
        (1..=7).contains(&age)
    })
}

impl<'a> From<&Campaign<'a>> for Profile<'a> {
    fn from(record: &Campaign<'a>) -> Self {
        // Records of release 1 have one moment for everything.
        let at = |at: Option<TimestampMs>| at.or(record.observed_at).unwrap_or(TimestampMs(i64::MIN));
        let text = |text, told_at| Told::new(text, at(told_at));
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
