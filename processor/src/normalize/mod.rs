//! From raw records to validated facts: the pipeline of the `normalize` role, and the leads it keeps.
//!
//! In this order: parse, or reject; mark what is missing INCOMPLETE and what cannot be OUTLIER, and let it flow on;
//! attribute leads to campaigns, holding those whose campaign is not known. Each record has exactly one [`Outcome`].
//! All state is in the [`Lead`] records written, so restoring them is all a restart needs. Changes of an open
//! transaction are undone by [`Normalizer::abort`] from the previous state of each lead it touched. Before a
//! transaction ends, [`Normalizer::flush`] tells each account how its records fared.
//!
//! What it does not do: merge figures or notice repeated ones, which needs the campaign's days and is
//! [`crate::Scorer`]'s.

mod facts;
mod account;
mod leads;
mod counts;

use std::sync::Arc;

use schemas::record::{Doubt, Event, EventBody, Lead, Origin, QualityFlag, RawEvent, RawKind, Source, Tick};

use crate::event::{TEXT_BYTES_MAX, bounded};
use crate::index::KeyIndex;
use crate::leads::LeadState;
use crate::room::empty;
use crate::{Outcome, Policy, Rejection, quality};
use counts::QualityCounts;

/// The state of one partition of `normalize`: its leads.
pub struct Normalizer {
    policy: Arc<Policy>,
    index: KeyIndex,
    leads: Vec<Known>,
    known: usize,
    waiting: usize,
    /// What the open transaction changed: the lead, and what it was before; newest last.
    journal: Vec<(u32, Option<LeadState>)>,
    /// What the open transaction read, by account, hour and outcome.
    counts: QualityCounts,
    /// Reused for the keys of campaigns and accounts.
    key: String,
}

/// A lead under its key. A key once seen keeps its place; without a state it counts as unknown.
struct Known {
    key: Box<str>,
    state: Option<LeadState>,
}

/// Where [`Normalizer::apply`] puts what it makes of a record.
pub trait NormalizeOutput {
    /// Why writing failed.
    type Error;
    /// A fact for `events`, keyed by its campaign, or by its account where it is about the account; without a key it is
    /// a tick, which stays in the partition it was read from.
    ///
    /// # Errors
    /// The writer's own; [`Normalizer::apply`] passes them on.
    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Self::Error>;
    /// The state of a lead for `leads`, to the partition it was read from.
    ///
    /// # Errors
    /// The writer's own; [`Normalizer::apply`] passes them on.
    fn lead(&mut self, lead_key: &str, lead: &Lead<'_>) -> Result<(), Self::Error>;
    /// The record is refused and belongs, as it is, to `dead-letters`.
    ///
    /// # Errors
    /// The writer's own; [`Normalizer::apply`] passes them on.
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Self::Error>;
}

/// Why a record was not used: it cannot be, or what it led to could not be written.
enum Refusal<E> {
    Rejected(Rejection),
    Output(E),
}

impl<E> From<Rejection> for Refusal<E> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Normalizer {
    /// An empty partition.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            index: KeyIndex::default(),
            leads: Vec::new(),
            known: 0,
            waiting: 0,
            journal: Vec::new(),
            counts: QualityCounts::default(),
            key: String::new(),
        }
    }

    /// Takes a record of `leads` from before; `None` is a tombstone.
    pub fn restore(&mut self, lead_key: &str, lead: Option<&Lead<'_>>) {
        match (lead, self.position(lead_key)) {
            (None, None) => {}
            (lead, position) => {
                let position = position.unwrap_or_else(|| self.add(lead_key));
                self.set(position, lead.map(LeadState::from));
            }
        }
    }

    /// Reads one raw record found at `at` and writes what it makes of it.
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn apply<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, O::Error> {
        let outcome = match self.dispatch(raw, at, out) {
            Ok(outcome) => outcome,
            Err(Refusal::Output(error)) => return Err(error),
            Err(Refusal::Rejected(rejection)) => {
                out.reject(&rejection)?;
                Outcome::Rejected
            }
        };
        // A record whose account cannot be named counts for none.
        if raw.kind != RawKind::Tick && check_account(raw).is_ok() {
            self.counts.note(raw, at, outcome);
        }
        Ok(outcome)
    }

    fn dispatch<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        check_source(raw)?;
        if raw.kind != RawKind::Tick {
            check_account(raw)?;
        }
        match raw.kind {
            RawKind::Metrics => self.metrics(raw, at, out),
            RawKind::Campaign => self.campaign(raw, at, out),
            RawKind::Fatigue => self.fatigue(raw, at, out),
            RawKind::Lead => self.lead(raw, at, out),
            RawKind::Account => self.account(raw, at, out),
            RawKind::Tick => {
                let event = fact(raw, at, Vec::new(), EventBody::Tick(Tick {}));
                out.event(None, &event).map_err(Refusal::Output)?;
                Ok(Outcome::Accepted)
            }
        }
    }

    /// Writes what the open transaction has to say about its records: one [`schemas::record::QualityCounted`] for each
    /// account and hour in which records were observed, under the account's key, in the order of key and hour. To be
    /// called once, before the commit.
    ///
    /// Counted are the records that name an account; ticks do not, nor do records that cannot be decoded.
    ///
    /// # Errors
    /// Only what `write` returns. The transaction must then be aborted.
    pub fn flush<E>(&mut self, write: impl FnMut(&str, &Event<'_>) -> Result<(), E>) -> Result<(), E> {
        self.counts.flush(write)
    }

    /// The open transaction is committed; what it changed stays.
    pub fn commit(&mut self) {
        empty(&mut self.journal);
        self.counts.clear();
    }

    /// The open transaction is aborted; the state is exactly that of the last commit.
    pub fn abort(&mut self) {
        self.counts.clear();
        while let Some((position, before)) = self.journal.pop() {
            self.set(position, before);
        }
    }

    /// Leads known, and of them those that wait for their campaign.
    #[must_use]
    pub fn lead_counts(&self) -> (usize, usize) {
        (self.known, self.waiting)
    }

    fn position(&self, lead_key: &str) -> Option<u32> {
        self.index.get(lead_key, |position| &self.leads[position as usize].key)
    }

    fn add(&mut self, lead_key: &str) -> u32 {
        let position = u32::try_from(self.leads.len()).expect("memory ends before four billion leads");
        self.leads.push(Known { key: lead_key.into(), state: None });
        self.index.insert(lead_key, position);
        position
    }

    /// Replaces a state and keeps the counts.
    fn set(&mut self, position: u32, state: Option<LeadState>) -> Option<LeadState> {
        let waits =
            |state: &Option<LeadState>| state.as_ref().is_some_and(|lead| lead.attribution().is_none());
        let before = std::mem::replace(&mut self.leads[position as usize].state, state);
        let after = &self.leads[position as usize].state;
        self.known = self.known + usize::from(after.is_some()) - usize::from(before.is_some());
        self.waiting = self.waiting + usize::from(waits(after)) - usize::from(waits(&before));
        before
    }
}

/// Each kind of record has the sources that can tell it.
fn check_source(raw: &RawEvent<'_>) -> Result<(), Rejection> {
    let told = match raw.source {
        Source::Facebook => raw.kind != RawKind::Tick,
        Source::Csv => raw.kind == RawKind::Metrics,
        Source::Crm => raw.kind == RawKind::Lead,
        Source::Clock => raw.kind == RawKind::Tick,
    };
    if told {
        return Ok(());
    }
    let sentence = format!("{} does not tell records of kind {}", raw.source.symbol(), raw.kind.symbol());
    Err(Rejection::new("SOURCE_UNSUPPORTED", sentence))
}

/// A record names its account, in texts that can be keys.
fn check_account(raw: &RawEvent<'_>) -> Result<(), Rejection> {
    if raw.platform.is_empty() || raw.account_id.is_empty() {
        return Err(Rejection::new("FIELD_MISSING", "the record names no platform and account"));
    }
    bounded("the platform", raw.platform, TEXT_BYTES_MAX)?;
    bounded("the account", raw.account_id, TEXT_BYTES_MAX)
}

/// A fact made of a record, with the flags that follow from its doubts.
fn fact<'a>(raw: &RawEvent<'_>, at: &Origin<'a>, doubts: Vec<Doubt>, body: EventBody<'a>) -> Event<'a> {
    Event { observed_at: raw.observed_at, origin: *at, flags: quality::flags(&doubts), doubts, body }
}

/// The outcome of a fact that flows on with its flags.
pub(crate) fn flagged(flags: &[QualityFlag]) -> Outcome {
    if flags.contains(&QualityFlag::Outlier) {
        Outcome::Outlier
    } else if flags.contains(&QualityFlag::Incomplete) {
        Outcome::Incomplete
    } else {
        Outcome::Accepted
    }
}
