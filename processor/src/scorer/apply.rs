//! One event into the state.

use schemas::record::{
    BatchRow, CampaignObserved, Cohort, Event, EventBody, FatigueSignal, LeadChanged, MetricsObserved,
    Origin, QualityFlag,
};
use schemas::{Day, Micros};

use super::Applied;
use super::accounts::AccountState;
use super::batches::{Judge, Refused, Row, Stamp};
use super::campaign::About;
use super::day;
use super::days::Place;
use super::facts::{ALL_REGARD, Facts, Taken};
use super::figures::{Currency, Marks, Packed};
use super::journal::Cause;
use super::layout::{EMPTY, EMPTY_BYTES};
use super::profile::Profile;
use super::restate::{recount, restate};
use super::told::Observed;
use crate::normalize::flagged;
use crate::outcome::quoted;
use crate::{Outcome, Rejection};

impl Facts {
    /// Takes one event read at `at`.
    pub(super) fn apply(&mut self, campaign_key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> Taken {
        let cause = self.cause(at);
        self.advance(event.observed_at, cause);
        let key = match (campaign_key, &event.body) {
            (_, EventBody::Tick(_)) => {
                self.tick = Some(cause);
                return Outcome::Accepted.into();
            }
            (Some(key), _) => key,
            (None, _) => {
                let sentence = "the event's record has no campaign key";
                return Applied::rejected(Rejection::new("KEY_MISSING", sentence)).into();
            }
        };
        let result = match &event.body {
            EventBody::MetricsObserved(metrics) => {
                return match self.metrics(key, event, metrics, cause) {
                    Ok((outcome, regards)) => Taken { applied: outcome.into(), regards },
                    Err(refused) => *refused,
                };
            }
            EventBody::CampaignObserved(seen) => self.observed(key, event, seen, cause),
            EventBody::FatigueSignal(signal) => self.tired(key, event, signal, cause),
            EventBody::LeadChanged(lead) => self.lead(key, event, lead, cause),
            EventBody::AccountObserved(seen) => {
                self.account(key, cause, &event.flags, |account| account.observe(seen, event.observed_at))
            }
            EventBody::QualityCounted(counted) => {
                self.account(key, cause, &event.flags, |account| account.count(counted))
            }
            EventBody::Tick(_) => Ok(Outcome::Accepted),
        };
        result.map_or_else(Applied::rejected, Applied::from).into()
    }

    /// The outcome and which policies regard it; what is refused is rare and large, so it lies elsewhere.
    fn metrics(
        &mut self,
        key: &str,
        event: &Event<'_>,
        metrics: &MetricsObserved<'_>,
        cause: Cause,
    ) -> Result<(Outcome, Micros), Box<Taken>> {
        if self.is_beyond_horizon(metrics.day) {
            return Ok((Outcome::Stale, ALL_REGARD));
        }
        let currency = self.checked(metrics)?;
        let BatchRow { batch_id, row_index, row_count } = metrics.batch;
        let row = Row {
            stamp: Stamp {
                observed_at: event.observed_at,
                batch: self.names.intern(batch_id, event.observed_at),
            },
            index: row_index,
            count: row_count,
            figures: Packed::from(&metrics.figures),
            marks: Marks::new(&event.flags, &event.doubts),
            currency,
        };
        let (position, created) = self.campaign(key)?;
        let campaign = &self.campaigns[position as usize];
        let judge = Judge {
            names: &self.names,
            pending_max: usize::from(self.rules.pending_batches_max),
            spend_min: campaign.spend_min,
        };
        let place = campaign.days.find(metrics.day);
        let day = place.as_ref().map_or(&EMPTY[..], |place| campaign.days.from(place));
        self.buffer.clear();
        let (changed, regards) = restate(day, metrics.source, &row, (&judge, &self.rules), &mut self.buffer);
        let change = match changed {
            Ok(change) => change,
            Err(refused) => return refusal(refused, &metrics.batch, regards),
        };
        self.touch(position, created, cause, regards);
        self.put_day(position, metrics.day, place.as_ref(), cause);
        if let Some(standing) = change.standing {
            self.campaigns[position as usize].observe(change.before, standing);
        }
        Ok((flagged(&event.flags), regards))
    }

    /// The currency of a row of figures, if it is one.
    fn checked(&self, metrics: &MetricsObserved<'_>) -> Result<Option<Currency>, Rejection> {
        let BatchRow { batch_id, row_index, row_count } = metrics.batch;
        let rows_max = i32::from(self.rules.batch_rows_max);
        if day::slot(metrics.source).is_none() {
            return Err(source_invalid(metrics));
        }
        if row_index < 0 || row_index >= row_count || row_count > rows_max || batch_id.is_empty() {
            return Err(batch_invalid(metrics, rows_max));
        }
        match metrics.currency {
            None => Ok(None),
            Some(code) => match Currency::new(code) {
                None => Err(currency_invalid(code)),
                known => Ok(known),
            },
        }
    }

    fn observed(
        &mut self,
        key: &str,
        event: &Event<'_>,
        seen: &CampaignObserved<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        let (position, created) = self.campaign(key)?;
        let known = self.campaigns[position as usize].about.profile.clone();
        let mut profile = known.read();
        let observed = profile.observe(seen, event.observed_at);
        Ok(self.profiled(position, created, (&profile, observed), &event.flags, cause))
    }

    fn tired(
        &mut self,
        key: &str,
        event: &Event<'_>,
        signal: &FatigueSignal<'_>,
        cause: Cause,
    ) -> Result<Outcome, Rejection> {
        let (position, created) = self.campaign(key)?;
        let About { profile: known, zone } = self.campaigns[position as usize].about.clone();
        let mut profile = known.read();
        let observed = profile.tire(signal, event.observed_at, zone);
        Ok(self.profiled(position, created, (&profile, observed), &event.flags, cause))
    }

    fn profiled(
        &mut self,
        position: u32,
        created: bool,
        (profile, observed): (&Profile<'_>, Observed),
        flags: &[QualityFlag],
        cause: Cause,
    ) -> Outcome {
        // A campaign that exists only through an observation that says nothing is still touched, so that an abort
        // takes it away again.
        if created || observed == Observed::Changed {
            self.touch(position, created, cause, ALL_REGARD);
            let campaign = &mut self.campaigns[position as usize];
            self.journal.keep_about(campaign.touch, &campaign.about);
            campaign.set_profile(profile, &mut self.buffer);
        }
        outcome(observed, flags)
    }

    fn account(
        &mut self,
        key: &str,
        cause: Cause,
        flags: &[QualityFlag],
        change: impl FnOnce(&mut AccountState) -> Observed,
    ) -> Result<Outcome, Rejection> {
        let observed = self.accounts.change(key, cause, change).ok_or_else(|| {
            let sentence = format!("{} is not an account key, platform:account", quoted(key));
            Rejection::new("KEY_INVALID", sentence)
        })?;
        Ok(outcome(observed, flags))
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
        self.touch(position, created, cause, ALL_REGARD);
        for (contribution, sign) in recent.into_iter().flatten() {
            let date = contribution.created_day;
            let days = &self.campaigns[position as usize].days;
            let place = days.find(date);
            let known = |place| (days.from(place), days.raw(place).len());
            let day = place.as_ref().map_or((&EMPTY[..], EMPTY_BYTES), known);
            self.buffer.clear();
            let change = |cohort: &mut Cohort| day::count(cohort, &contribution, sign);
            if recount(day, change, &mut self.buffer).is_none() {
                let sentence = format!("the revenue of {key} on {date} exceeds what can be summed");
                return Err(Rejection::new("REVENUE_TOO_LARGE", sentence));
            }
            self.put_day(position, date, place.as_ref(), cause);
        }
        Ok(flagged(&event.flags))
    }

    fn campaign(&mut self, key: &str) -> Result<(u32, bool), Rejection> {
        let known_since = self.clock.log_time.unwrap_or_default();
        self.position_or_new(key, known_since).ok_or_else(|| {
            let sentence = format!("{} is not a campaign key, platform:account:campaign", quoted(key));
            Rejection::new("KEY_INVALID", sentence)
        })
    }

    /// Keeps the day as it was, unless the transaction touched it before, and puts what was packed in its place.
    fn put_day(&mut self, position: u32, date: Day, place: Option<&Place>, cause: Cause) {
        let campaign = &mut self.campaigns[position as usize];
        let days = &mut campaign.days;
        self.journal.note_day((position, campaign.touch), date, (days, place), cause);
        days.put(place, date, self.buffer.since(0));
        days.set_touched(date, true);
    }
}

fn outcome(observed: Observed, flags: &[QualityFlag]) -> Outcome {
    match observed {
        Observed::Changed => flagged(flags),
        Observed::Repeated => Outcome::Duplicate,
        Observed::Stale => Outcome::Stale,
    }
}

impl From<Rejection> for Box<Taken> {
    fn from(rejection: Rejection) -> Self {
        Self::new(Applied::rejected(rejection).into())
    }
}

fn refusal(refused: Refused, batch: &BatchRow<'_>, regards: Micros) -> Result<(Outcome, Micros), Box<Taken>> {
    let rejection = match refused {
        Refused::Repeated => return Ok((Outcome::Duplicate, regards)),
        Refused::Stale => return Ok((Outcome::Stale, regards)),
        Refused::Contradictory => contradictory(batch),
        Refused::TooLarge => too_large(batch),
    };
    Err(Box::new(Taken { applied: Applied::rejected(rejection), regards }))
}

#[cold]
fn source_invalid(metrics: &MetricsObserved<'_>) -> Rejection {
    let sentence = format!("{} reports no figures", metrics.source.symbol());
    Rejection::new("SOURCE_INVALID", sentence)
}

#[cold]
fn batch_invalid(metrics: &MetricsObserved<'_>, rows_max: i32) -> Rejection {
    let BatchRow { row_index, row_count, .. } = metrics.batch;
    let sentence = format!("row {row_index} of {row_count} does not exist; a batch has 1 to {rows_max}");
    Rejection::new("BATCH_INVALID", sentence)
}

#[cold]
fn currency_invalid(code: &str) -> Rejection {
    let sentence = format!("the currency is {}: not three capital letters", quoted(code));
    Rejection::new("CURRENCY_INVALID", sentence)
}

#[cold]
fn contradictory(batch: &BatchRow<'_>) -> Rejection {
    let (name, count) = (quoted(batch.batch_id), batch.row_count);
    let sentence = format!("the batch {name} said before how many rows it has, and not {count}");
    Rejection::new("BATCH_CONTRADICTORY", sentence)
}

#[cold]
fn too_large(batch: &BatchRow<'_>) -> Rejection {
    let name = quoted(batch.batch_id);
    let sentence = format!("the rows of the batch {name} add up to more than a day can have");
    Rejection::new("BATCH_TOO_LARGE", sentence)
}
