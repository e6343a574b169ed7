//! One event into the state.

use schemas::Day;
use schemas::record::{
    CampaignObserved, Event, EventBody, FatigueSignal, LeadChanged, MetricsObserved, Origin, QualityFlag,
};

use super::batches::{Stamp, Taken};
use super::campaign::Observed;
use super::day::{self, DayState};
use super::journal::{Cause, TouchedDay};
use super::{Applied, Scorer};
use crate::normalize::flagged;
use crate::outcome::quoted;
use crate::{Outcome, Rejection};

impl Scorer {
    /// Takes one event read at `at`. Nothing is written before [`Scorer::flush`].
    #[must_use]
    pub fn apply(&mut self, campaign_key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> Applied {
        let cause = self.cause(at);
        self.advance(event.observed_at, cause);
        let key = match (campaign_key, &event.body) {
            (_, EventBody::Tick(_)) => {
                self.tick = Some(cause);
                return Outcome::Accepted.into();
            }
            (Some(key), _) => key,
            (None, _) => {
                return Applied::rejected(Rejection::new(
                    "KEY_MISSING",
                    "the event's record has no campaign key",
                ));
            }
        };
        let result = match &event.body {
            EventBody::MetricsObserved(metrics) => self.metrics(key, event, metrics, cause),
            EventBody::CampaignObserved(seen) => self.observed(key, event, seen, cause),
            EventBody::FatigueSignal(signal) => self.tired(key, event, signal, cause),
            EventBody::LeadChanged(lead) => self.lead(key, event, lead, cause),
            EventBody::Tick(_) | EventBody::AccountObserved(_) | EventBody::QualityCounted(_) => {
                Ok(Outcome::Accepted)
            }
        };
        result.map_or_else(Applied::rejected, Applied::from)
    }

    fn metrics(
        &mut self,
        key: &str,
        event: &Event<'_>,
        metrics: &MetricsObserved<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        if self.is_beyond_horizon(metrics.day) {
            return Ok(Outcome::Stale);
        }
        let batch = metrics.batch;
        if batch.row_index < 0 || batch.row_index >= batch.row_count || batch.batch_id.is_empty() {
            let sentence = format!("row {} of {} does not exist", batch.row_index, batch.row_count);
            return Err(Rejection::new("BATCH_INVALID", sentence));
        }
        let stamp = Stamp { observed_at: event.observed_at, batch_id: self.names.share(batch.batch_id) };
        let row = day::row(stamp, (batch.row_index, batch.row_count), &metrics.figures, &event.flags);
        let (position, created) = self.campaign(key)?;
        let campaign = &self.campaigns[position as usize];
        let at = campaign.find(metrics.day);
        let taken = match at {
            Ok(at) => campaign.days[at].weigh(metrics.source, &row, &self.policy.facts),
            Err(_) => Taken::Changed,
        };
        match taken {
            Taken::Changed => {}
            Taken::Repeated => return Ok(Outcome::Duplicate),
            Taken::Stale => return Ok(Outcome::Stale),
            Taken::Contradictory => {
                let sentence = format!(
                    "the batch {} said before how many rows it has, and not {}",
                    quoted(batch.batch_id),
                    batch.row_count
                );
                return Err(Rejection::new("BATCH_CONTRADICTORY", sentence));
            }
            Taken::TooLarge => {
                let sentence = format!(
                    "the rows of the batch {} add up to more than a day can have",
                    quoted(batch.batch_id)
                );
                return Err(Rejection::new("BATCH_TOO_LARGE", sentence));
            }
        }
        self.touch(position, created, cause);
        let at = self.touch_day(position, metrics.day, at, cause);
        let campaign = &mut self.campaigns[position as usize];
        let observed_at = campaign.days[at].take(metrics.source, row, &self.policy.facts);
        campaign.core.metrics_at = campaign.core.metrics_at.max(observed_at);
        if let Some(currency) = metrics.currency
            && campaign.core.profile.currency.is_none()
        {
            let mut profile = (*campaign.core.profile).clone();
            profile.currency = Some(currency.into());
            campaign.set_profile(profile);
        }
        Ok(flagged(&event.flags))
    }

    fn observed(
        &mut self,
        key: &str,
        event: &Event<'_>,
        seen: &CampaignObserved<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        let (position, created) = self.campaign(key)?;
        let mut profile = (*self.campaigns[position as usize].core.profile).clone();
        let observed = profile.observe(seen, event.observed_at);
        self.profiled(position, created, (profile, observed), &event.flags, cause)
    }

    fn tired(
        &mut self,
        key: &str,
        event: &Event<'_>,
        signal: &FatigueSignal<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        let (position, created) = self.campaign(key)?;
        let mut profile = (*self.campaigns[position as usize].core.profile).clone();
        let observed = profile.tire(signal.level, event.observed_at);
        self.profiled(position, created, (profile, observed), &event.flags, cause)
    }

    fn profiled(
        &mut self,
        position: u32,
        created: bool,
        (profile, observed): (super::campaign::Profile, Observed),
        flags: &[QualityFlag],
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        // A campaign that exists only through an observation that says nothing is still touched, so that an abort
        // takes it away again.
        if created || observed == Observed::Changed {
            self.touch(position, created, cause);
            self.campaigns[position as usize].set_profile(profile);
        }
        Ok(match observed {
            Observed::Changed => flagged(flags),
            Observed::Repeated => Outcome::Duplicate,
            Observed::Stale => Outcome::Stale,
        })
    }

    fn lead(
        &mut self,
        key: &str,
        event: &Event<'_>,
        lead: &LeadChanged<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        let steps = [(lead.before, -1), (lead.after, 1)].map(|(step, sign)| step.map(|step| (step, sign)));
        let recent = steps.map(|step| step.filter(|(step, _)| !self.is_beyond_horizon(step.created_day)));
        if recent == [None, None] {
            return Ok(Outcome::Stale);
        }
        let (position, created) = self.campaign(key)?;
        self.touch(position, created, cause);
        for (contribution, sign) in recent.into_iter().flatten() {
            let at = self.campaigns[position as usize].find(contribution.created_day);
            let at = self.touch_day(position, contribution.created_day, at, cause);
            if !self.campaigns[position as usize].days[at].count(&contribution, sign) {
                let sentence = format!(
                    "the revenue of {key} on {} exceeds what can be summed",
                    contribution.created_day
                );
                return Err(Rejection::new("REVENUE_TOO_LARGE", sentence));
            }
        }
        Ok(flagged(&event.flags))
    }

    fn campaign(&mut self, key: &str) -> Result<(u32, bool), Rejection> {
        self.position_or_new(key).ok_or_else(|| {
            let sentence = format!("{} is not a campaign key, platform:account:campaign", quoted(key));
            Rejection::new("KEY_INVALID", sentence)
        })
    }

    /// Keeps the day as it is now, unless the transaction touched it before, and makes it if it is new. Returns where
    /// it is.
    fn touch_day(&mut self, position: u32, day: Day, at: Result<usize, usize>, cause: Cause) -> usize {
        let days = &mut self.campaigns[position as usize].days;
        match at {
            Ok(at) => {
                if let Some(entry) = self.journal.day(days[at].touch) {
                    entry.cause = cause;
                } else {
                    let before = Some(days[at].clone());
                    days[at].touch = self.journal.enter_day(TouchedDay { position, day, before, cause });
                }
                at
            }
            Err(at) => {
                let mut new = DayState::new(day);
                new.touch = self.journal.enter_day(TouchedDay { position, day, before: None, cause });
                days.insert(at, new);
                at
            }
        }
    }

    pub(super) fn is_beyond_horizon(&self, day: Day) -> bool {
        self.clock.oldest.is_some_and(|oldest| day < oldest)
    }
}
