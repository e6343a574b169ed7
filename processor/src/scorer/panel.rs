//! Several policies over one partition of the log: what each of them would have said.
//!
//! Promises the scores, recommendations, campaigns and alerts of campaigns that a [`super::Scorer`] of each policy would
//! write, and its outcomes. Policies that take facts alike share one state, so that a fact is applied once however many
//! of them judge it; others have states of their own. Refuses the records of the facts themselves (days, accounts, log
//! time) and restoring: who asks several policies reads the log from its start. The cause of a score may be an event that
//! only another of the policies regards. Backtests call it.

use std::sync::Arc;

use schemas::record::{Event, Origin};

use super::ScoreOutput;
use super::facts::Facts;
use super::judgement::Judgement;
use super::zones::Moments;
use crate::{Outcome, Policy};

/// The state of one partition under several policies.
pub struct Panel {
    benches: Vec<Bench>,
}

/// Policies that share their facts.
struct Bench {
    facts: Facts,
    /// With the places of their policies in the panel.
    judgements: Vec<(usize, Judgement)>,
}

impl Panel {
    /// An empty partition.
    #[must_use]
    pub fn new(policies: &[Arc<Policy>], partition: i32) -> Self {
        let mut groups: Vec<Vec<(usize, &Arc<Policy>)>> = Vec::new();
        for (place, policy) in policies.iter().enumerate() {
            match groups.iter_mut().find(|group| group[0].1.takes_facts_like(policy)) {
                Some(group) => group.push((place, policy)),
                None => groups.push(vec![(place, policy)]),
            }
        }
        Self { benches: groups.into_iter().map(|group| Bench::new(&group, partition)).collect() }
    }

    /// Takes one event read at `at`, and tells for each policy, by its place, what it was to it.
    pub fn apply(
        &mut self,
        campaign_key: Option<&str>,
        event: &Event<'_>,
        at: &Origin<'_>,
        mut outcome: impl FnMut(usize, Outcome),
    ) {
        for Bench { facts, judgements } in &mut self.benches {
            let taken = facts.apply(campaign_key, event, at);
            for (place, judgement) in judgements {
                outcome(*place, judgement.outcome(campaign_key, &taken, facts));
            }
        }
    }

    /// Ends a transaction: writes for each policy what it says of the campaigns, in the order of [`super::Scorer::flush`].
    ///
    /// # Errors
    /// Only what an output returns. The panel is then of no use any more.
    pub fn end_transaction<O: ScoreOutput>(&mut self, outs: &mut [O]) -> Result<(), O::Error> {
        self.benches.iter_mut().try_for_each(|bench| bench.end_transaction(outs))
    }
}

impl Bench {
    fn new(policies: &[(usize, &Arc<Policy>)], partition: i32) -> Self {
        let judgement =
            |(place, policy): &(usize, &Arc<Policy>)| (*place, Judgement::new(Arc::clone(policy)));
        Self {
            facts: Facts::new(policies.iter().map(|(_, policy)| Arc::clone(policy)).collect(), partition),
            judgements: policies.iter().map(judgement).collect(),
        }
    }

    fn end_transaction<O: ScoreOutput>(&mut self, outs: &mut [O]) -> Result<(), O::Error> {
        let Self { facts, judgements } = self;
        let Some(log_time) = facts.clock.log_time else { return Ok(()) };
        let mut moments = Moments::new(log_time);
        let mut due = Vec::with_capacity(judgements.len());
        for (place, judgement) in judgements.iter_mut() {
            judgement.meet(facts);
            due.push(judgement.due(facts, &mut moments));
            facts.write_campaigns(&mut outs[*place])?;
        }
        facts.forget_old_days(|_, _| Ok(()))?;
        // One campaign after the other, so that what a policy read of it is still at hand for the next.
        for at in 0..facts.journal.campaigns.len() {
            for (place, judgement) in judgements.iter_mut() {
                judgement.rescore_touched(at, facts, &mut moments, &mut outs[*place])?;
            }
        }
        for ((place, judgement), due) in judgements.iter_mut().zip(due) {
            judgement.rescore_due(&due, facts, &mut moments, &mut outs[*place])?;
            judgement.commit();
        }
        facts.commit();
        Ok(())
    }
}
