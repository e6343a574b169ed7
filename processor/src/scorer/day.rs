//! A campaign's day: what each source says, which of them counts, and the leads created on it.

use std::sync::Arc;

use schemas::record::{CampaignDay, Cohort, Contribution, Figures, Origin, QualityFlag, Source};
use schemas::{Day, Micros, TimestampMs};

use super::batches::{Batches, Complete, Row, Taken};
use super::figures::{Flags, Packed};
use crate::policy::FactsPolicy;
use crate::score::ScoreDay;

/// One day of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DayState {
    pub(super) day: Day,
    revision: i32,
    first_seen: Option<TimestampMs>,
    cohort: Cohort,
    /// By source.
    sources: Vec<Batches>,
    /// Which entry of the open transaction's journal is this day's; see [`super::journal`].
    pub(super) touch: u64,
}

impl DayState {
    pub(super) fn new(day: Day) -> Self {
        Self { day, revision: 0, first_seen: None, cohort: Cohort::default(), sources: Vec::new(), touch: 0 }
    }

    /// What a row of a source would do; see [`Batches::weigh`].
    pub(super) fn weigh(&self, source: Source, row: &Row, policy: &FactsPolicy) -> Taken {
        let known = self.sources.iter().find(|batches| batches.source == source);
        known.map_or(Taken::Changed, |batches| batches.weigh(row, usize::from(policy.pending_batches_max)))
    }

    /// Takes a row that would change something. Returns when the source's standing batch was observed.
    pub(super) fn take(&mut self, source: Source, row: Row, policy: &FactsPolicy) -> Option<TimestampMs> {
        let before = self.counting(policy).map(|(batch, _)| batch.figures);
        let at = self.sources.partition_point(|batches| batches.source < source);
        if self.sources.get(at).is_none_or(|batches| batches.source != source) {
            // Nearly every day has one source; a growing Vec would make room for four.
            self.sources.reserve_exact(1);
            self.sources.insert(at, Batches::new(source));
        }
        self.sources[at].take(row, usize::from(policy.pending_batches_max));
        let observed_at = self.sources[at].newest().map(|batch| batch.stamp.observed_at);
        let after = self.counting(policy).map(|(batch, _)| (batch.figures, batch.stamp.observed_at));
        if let Some((figures, observed_at)) = after
            && before != Some(figures)
        {
            self.revision = self.revision.saturating_add(1);
            self.first_seen = self.first_seen.or(Some(observed_at));
        }
        observed_at
    }

    /// The batch that counts: that of the first source by precedence which has one.
    fn counting(&self, policy: &FactsPolicy) -> Option<(&Complete, Flags)> {
        if let [only] = self.sources.as_slice() {
            return only.newest().map(|batch| (batch, only.doubts()));
        }
        let by_precedence = policy.source_precedence.iter();
        let mut known =
            by_precedence.filter_map(|source| self.sources.iter().find(|known| known.source == *source));
        known.find_map(|batches| batches.newest().map(|batch| (batch, batches.doubts())))
    }

    /// Adds or takes back what a lead contributes. Returns whether the sums still fit.
    pub(super) fn count(&mut self, lead: &Contribution, sign: i64) -> bool {
        let Some(revenue) = self.cohort.revenue_micros.0.checked_add(sign * lead.revenue_micros.0) else {
            return false;
        };
        self.cohort.leads += sign;
        self.cohort.qualified += sign * i64::from(lead.qualified);
        self.cohort.won += sign * i64::from(lead.won);
        self.cohort.revenue_micros = Micros(revenue);
        true
    }

    /// The figures that the score reads. Outliers that nothing confirmed are left out unless the policy counts them.
    pub(super) fn score_day(&self, policy: &FactsPolicy, count_outliers: bool) -> ScoreDay {
        let counting = self.counting(policy);
        let counting =
            counting.filter(|(_, doubts)| count_outliers || !doubts.contains(QualityFlag::Outlier));
        let figures = counting.map(|(batch, _)| Figures::from(&batch.figures)).unwrap_or_default();
        ScoreDay {
            day: self.day,
            spend: figures.spend_micros.unwrap_or_default(),
            impressions: figures.impressions.unwrap_or(0),
            link_clicks: figures.link_clicks.or(figures.clicks).unwrap_or(0),
            platform_leads: figures.leads.unwrap_or(0),
            crm_leads: self.cohort.leads,
            qualified: self.cohort.qualified,
            won: self.cohort.won,
            revenue: self.cohort.revenue_micros,
            purchases: figures.purchases.unwrap_or(0),
        }
    }

    /// The record of the state.
    pub(super) fn record<'a>(
        &'a self,
        [platform, account_id, campaign_id]: [&'a str; 3],
        currency: Option<&'a str>,
        policy: &FactsPolicy,
        origin: Origin<'a>,
    ) -> CampaignDay<'a> {
        let counting = self.counting(policy);
        let mut sources = Vec::with_capacity(self.sources.len());
        for batches in &self.sources {
            batches.write_to(&mut sources);
        }
        CampaignDay {
            platform,
            account_id,
            campaign_id,
            day: self.day,
            currency,
            figures: counting.map(|(batch, _)| (&batch.figures).into()).unwrap_or_default(),
            flags: counting.map(|(_, doubts)| doubts.to_vec()).unwrap_or_default(),
            doubts: Vec::new(),
            first_figures: None,
            cohort: self.cohort,
            revision: self.revision,
            first_seen: self.first_seen,
            last_seen: counting.map(|(batch, _)| batch.stamp.observed_at),
            sources,
            origin,
        }
    }

    /// Takes back what [`Self::record`] wrote.
    pub(super) fn restored(record: &CampaignDay<'_>, mut name: impl FnMut(&str) -> Arc<str>) -> Self {
        let mut sources: Vec<Batches> = Vec::new();
        for source in &record.sources {
            if sources.last().is_none_or(|last| last.source != source.source) {
                sources.push(Batches::new(source.source));
            }
            if let Some(batches) = sources.last_mut() {
                batches.restore(source, &mut name);
            }
        }
        Self {
            day: record.day,
            revision: record.revision,
            first_seen: record.first_seen,
            cohort: record.cohort,
            sources,
            touch: 0,
        }
    }

    /// When the newest complete batch of any source was observed.
    pub(super) fn observed_at(&self) -> Option<TimestampMs> {
        self.sources.iter().filter_map(|batches| batches.newest().map(|batch| batch.stamp.observed_at)).max()
    }

    /// Bytes on the heap, for the benchmark of memory.
    pub(super) fn heap_bytes(&self) -> usize {
        self.sources.capacity() * size_of::<Batches>()
    }
}

/// Packs a row of figures.
pub(super) fn row(
    stamp: super::batches::Stamp,
    (index, count): (i32, i32),
    figures: &Figures,
    flags: &[QualityFlag],
) -> Row {
    Row { stamp, index, count, figures: Packed::from(figures), flags: Flags::from(flags) }
}
