//! A campaign's day: what each source says, which of them counts, and the leads created on it.
//!
//! This is the working form; between events a day lies packed in its campaign, see `layout.rs`.

use schemas::record::{CampaignDay, Cohort, Contribution, Doubt, Figures, Origin, Source};
use schemas::{Day, Micros, TimestampMs};

use super::batches::{Batches, Complete, Judge, Refused, Row, Stamp};
use super::figures::{Currency, Marks, Packed};
use super::layout::{Counted, CountedFigures};
use super::names::{Names, Spelled};
use crate::policy::FactsPolicy;

/// One day of a campaign.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct DayState {
    pub(super) revision: i32,
    pub(super) first_seen: Option<TimestampMs>,
    /// The figures as first observed; absent while they have not changed since.
    pub(super) first_figures: Option<Packed>,
    pub(super) cohort: Cohort,
    /// Those that have said something; see [`slot`].
    pub(super) sources: [Option<Batches>; SOURCES],
}

/// Sources that report figures.
pub(super) const SOURCES: usize = 2;

/// The place of a source that reports figures; `None` for one that does not.
pub(super) fn slot(source: Source) -> Option<usize> {
    match source {
        Source::Facebook => Some(0),
        Source::Csv => Some(1),
        Source::Crm | Source::Clock => None,
    }
}

/// Adds or takes back what a lead contributes to a day. Returns whether the sums still fit.
pub(super) fn count(cohort: &mut Cohort, lead: &Contribution, sign: i64) -> bool {
    let Some(revenue) = cohort.revenue_micros.0.checked_add(sign * lead.revenue_micros.0) else {
        return false;
    };
    cohort.leads += sign;
    cohort.qualified += sign * i64::from(lead.qualified);
    cohort.won += sign * i64::from(lead.won);
    cohort.revenue_micros = Micros(revenue);
    true
}

impl DayState {
    pub(super) fn new() -> Self {
        Self {
            revision: 0,
            first_seen: None,
            first_figures: None,
            cohort: Cohort::default(),
            sources: [None, None],
        }
    }

    /// Whether a row of a source would change something; see [`Batches::weigh`].
    pub(super) fn weigh(&self, slot: usize, row: &Row, judge: &Judge<'_>) -> Result<(), Refused> {
        self.sources[slot].as_ref().map_or(Ok(()), |batches| batches.weigh(row, judge))
    }

    /// Takes a row that would change something. Returns the source's standing batch.
    pub(super) fn take(
        &mut self,
        (slot, source): (usize, Source),
        row: &Row,
        judge: &Judge<'_>,
        policy: &FactsPolicy,
    ) -> Option<Complete> {
        let before = self.counting(policy).map(|(batch, _)| batch.figures);
        let batches = self.sources[slot].get_or_insert_with(|| Batches::new(source));
        batches.take(row, judge);
        let standing = batches.newest;
        if let Some((batch, _)) = self.counting(policy)
            && before != Some(batch.figures)
        {
            let observed_at = batch.stamp.observed_at;
            self.revision = self.revision.saturating_add(1);
            if self.first_seen.is_none() {
                self.first_seen = Some(observed_at);
            } else if self.first_figures.is_none() {
                self.first_figures = before;
            }
        }
        standing
    }

    /// The batch that counts, with the doubts that remain.
    pub(super) fn counting(&self, policy: &FactsPolicy) -> Option<(&Complete, Marks)> {
        let standing = self.standing(policy)?;
        Some((standing.newest.as_ref()?, standing.marks()))
    }

    /// What the score reads of the day.
    pub(super) fn counted(&self, policy: &FactsPolicy) -> Counted {
        let figures = self.standing(policy).and_then(|standing| {
            let Complete { figures, currency, .. } = standing.newest?;
            let confirmed = standing.is_confirmed();
            Some(CountedFigures { figures, marks: standing.marks(), currency, confirmed })
        });
        Counted { cohort: self.cohort, figures }
    }

    /// Whether a spend from `min` on, which no later batch repeated, is to be held against the other days'.
    pub(super) fn may_be_above_median(&self, min: Micros, policy: &FactsPolicy) -> bool {
        self.standing(policy).is_some_and(|standing| {
            !standing.is_confirmed() && standing.newest.is_some_and(|batch| batch.spends_at_least(min))
        })
    }

    /// The first source by precedence which has a complete batch.
    fn standing(&self, policy: &FactsPolicy) -> Option<&Batches> {
        let by_precedence = policy.source_precedence.iter();
        let mut known = by_precedence.filter_map(|source| self.sources[slot(*source)?].as_ref());
        known.find(|batches| batches.newest.is_some())
    }

    /// The record of the state. `found` is what the campaign's other days make doubtful about this one, `currency`
    /// the campaign's, `names` what its batches are called.
    pub(super) fn record<'a>(
        &'a self,
        ([platform, account_id, campaign_id], day): ([&'a str; 3], Day),
        found: Option<Doubt>,
        (names, currency): (&'a Spelled, Option<&'a str>),
        policy: &FactsPolicy,
        origin: Origin<'a>,
    ) -> CampaignDay<'a> {
        let counting = self.counting(policy);
        let mut sources = Vec::with_capacity(SOURCES);
        for batches in self.sources.iter().flatten() {
            batches.write_to(names, &mut sources);
        }
        let marks = counting.map(|(_, marks)| marks).unwrap_or_default();
        let marks = found.map_or(marks, |doubt| marks.with(Marks::of(doubt)));
        CampaignDay {
            platform,
            account_id,
            campaign_id,
            day,
            currency: counting
                .and_then(|(batch, _)| batch.currency.as_ref())
                .map(Currency::text)
                .or(currency),
            figures: counting.map(|(batch, _)| Figures::from(&batch.figures)).unwrap_or_default(),
            flags: marks.flags(),
            doubts: marks.doubts(),
            cohort: self.cohort,
            revision: self.revision,
            first_seen: self.first_seen,
            first_figures: self.first_figures.as_ref().map(Figures::from),
            last_seen: counting.map(|(batch, _)| batch.stamp.observed_at),
            sources,
            origin,
        }
    }

    /// Takes back what [`Self::record`] wrote. `None` when a source is none that reports figures.
    pub(super) fn restored(record: &CampaignDay<'_>, names: &mut Names) -> Option<Self> {
        let mut day = Self {
            revision: record.revision,
            first_seen: record.first_seen,
            first_figures: record.first_figures.as_ref().map(Packed::from),
            cohort: record.cohort,
            ..Self::new()
        };
        for source in &record.sources {
            let batches =
                day.sources[slot(source.source)?].get_or_insert_with(|| Batches::new(source.source));
            batches.restore(source, names);
        }
        Some(day)
    }

    /// Tells which batches the day holds.
    pub(super) fn stamps(&self, held: &mut dyn FnMut(Stamp)) {
        for batches in self.sources.iter().flatten() {
            [batches.newest, batches.previous].into_iter().flatten().for_each(|batch| held(batch.stamp));
            batches.pending.iter().for_each(|pending| held(pending.stamp));
        }
    }
}
