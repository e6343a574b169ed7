//! skeleton
use std::sync::Arc;

use schemas::record::{Event, Lead, Origin, RawEvent};

use crate::{Outcome, Policy, Rejection};

/// The state of one partition of `normalize`: its leads.
pub struct Normalizer {}

/// Where [`Normalizer::apply`] puts what it makes of a record.
pub trait NormalizeOutput {
    /// Why writing failed.
    type Error;
    /// A fact for `events`, keyed by campaign; without a key it is a tick, which stays in the partition it was read from.
    ///
    /// # Errors
    /// The writer's own; [`Normalizer::apply`] passes them on.
    fn event(&mut self, campaign_key: Option<&str>, event: &Event<'_>) -> Result<(), Self::Error>;
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

impl Normalizer {
    /// An empty partition.
    #[must_use]
    pub fn new(_policy: Arc<Policy>) -> Self {
        Self {}
    }
    /// Takes a record of `leads` from before; `None` is a tombstone.
    pub fn restore(&mut self, _lead_key: &str, _lead: Option<&Lead<'_>>) {}
    /// Reads one raw record found at `at` and writes what it makes of it.
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn apply<O: NormalizeOutput>(
        &mut self,
        _raw: &RawEvent<'_>,
        _at: &Origin<'_>,
        _out: &mut O,
    ) -> Result<Outcome, O::Error> {
        Ok(Outcome::Accepted)
    }
    /// The open transaction is committed; what it changed stays.
    pub fn commit(&mut self) {}
    /// The open transaction is aborted; the state is exactly that of the last commit.
    pub fn abort(&mut self) {}
    /// Leads known, and of them those without a campaign.
    #[must_use]
    pub fn lead_counts(&self) -> (usize, usize) {
        (0, 0)
    }
}
