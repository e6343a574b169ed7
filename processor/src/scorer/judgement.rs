//! What one policy makes of the facts of a partition: scores, announcements and alerts, published or to be.
//!
//! Promises the verdict of the campaigns that the open transaction touched, and of those for which time alone is news.
//! Reads facts and never changes them, so any number of judgements may stand over one state. Whoever owns it calls
//! [`Judgement::meet`] before each flush.

use std::sync::Arc;

use schemas::{Micros, TimestampMs};

use super::facts::{ALL_REGARD, Facts, Taken};
use super::judged::{Case, Judged, Published, in_force};
use super::kept::Stored;
use super::rescore::Scratch;
use super::zones::Moments;
use crate::room::{empty, grow};
use crate::{Outcome, Policy};

/// One policy over the facts of a partition.
pub(super) struct Judgement {
    pub(super) policy: Arc<Policy>,
    /// By the campaigns' positions.
    judged: Vec<Judged>,
    /// What the open transaction's flush found published, in its order.
    undo: Vec<(u32, Option<Published>)>,
    /// Campaigns that may be under another policy since the open transaction.
    renamed: Vec<u32>,
    /// Campaigns that a tick must look at, because they were scored since the last one.
    unchecked: Vec<u32>,
    /// Until then, time alone changes no campaign that was looked at.
    quiet_until: TimestampMs,
    pub(super) scratch: Scratch,
}

impl Judgement {
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            judged: Vec::new(),
            undo: Vec::new(),
            renamed: Vec::new(),
            unchecked: Vec::new(),
            quiet_until: TimestampMs(i64::MIN),
            scratch: Scratch::default(),
        }
    }

    /// Takes note of campaigns that are new, and of names, by which policies are told apart.
    pub(super) fn meet(&mut self, facts: &Facts) {
        let known = self.judged.len();
        self.meet_new(facts);
        for touched in facts.journal.campaigns.iter().filter(|touched| touched.about.is_some()) {
            if (touched.position as usize) < known {
                self.renamed.push(touched.position);
                self.rename(touched.position, facts);
            }
        }
    }

    fn meet_new(&mut self, facts: &Facts) {
        let new = facts.campaigns.iter().skip(self.judged.len());
        grow(&mut self.judged, new.len());
        self.judged.extend(new.map(|campaign| Judged::new(campaign, &self.policy)));
    }

    /// The campaign's profile was replaced.
    pub(super) fn rename(&mut self, position: u32, facts: &Facts) {
        if let Some(judged) = self.judged.get_mut(position as usize) {
            let policy = in_force(&facts.campaigns[position as usize], &self.policy);
            judged.policy = Arc::clone(policy);
            judged.stored.forget();
        }
    }

    pub(super) fn commit(&mut self) {
        empty(&mut self.undo);
        empty(&mut self.renamed);
    }

    /// Goes back to the last commit, to which the facts have gone back before.
    pub(super) fn abort(&mut self, facts: &Facts) {
        for (position, published) in self.undo.drain(..).rev() {
            self.judged[position as usize].published = published;
        }
        self.judged.truncate(facts.campaigns.len());
        // They are those of the flush that does not count.
        self.judged.iter_mut().for_each(|judged| judged.stored.forget());
        for position in std::mem::take(&mut self.renamed) {
            self.rename(position, facts);
        }
        // Makes the next tick look at every campaign.
        self.unchecked.clear();
        self.quiet_until = TimestampMs(i64::MIN);
    }

    /// Takes back what was published of a campaign.
    pub(super) fn restore(&mut self, position: u32, published: Option<Published>, facts: &Facts) {
        self.meet_new(facts);
        self.judged[position as usize].published = published;
    }

    /// What an event was to this policy.
    pub(super) fn outcome(&mut self, key: Option<&str>, taken: &Taken, facts: &Facts) -> Outcome {
        let position = key.filter(|_| taken.regards < ALL_REGARD).and_then(|key| facts.position(key));
        let is_stale = position.is_some_and(|position| {
            self.meet_new(facts);
            taken.regards < self.judged[position as usize].spend_min
        });
        if is_stale { Outcome::Stale } else { taken.applied.outcome }
    }

    /// The campaigns for which time alone may change the score, in the order of their keys, if a tick came. Looks only
    /// at those that were scored since the last one, until the moment comes at which another may be due. Those that the
    /// transaction touched are scored anyway, and looked at on the next tick.
    pub(super) fn due(&mut self, facts: &Facts, moments: &mut Moments) -> Vec<u32> {
        let mut due = Vec::new();
        if facts.tick.is_none() {
            return due;
        }
        let mut looked_at = std::mem::take(&mut self.unchecked);
        if moments.at >= self.quiet_until {
            self.quiet_until = TimestampMs(i64::MAX);
            looked_at = (0..).take(facts.campaigns.len()).collect();
        }
        looked_at.sort_unstable();
        looked_at.dedup();
        for position in looked_at {
            let Some(campaign) = facts.campaigns.get(position as usize) else { continue };
            let judged = &self.judged[position as usize];
            let moment = moments.in_zone(campaign.about.zone);
            if self.is_touched(position, facts) {
                continue;
            }
            if judged.is_due(campaign, &moment, moments.at) {
                due.push(position);
            } else {
                self.quiet_until = self.quiet_until.min(judged.due_at(campaign, &moment, moments.at));
            }
        }
        facts.sort_by_key(&mut due);
        due
    }

    /// Whether the open transaction touched the campaign with something that this policy regards.
    pub(super) fn is_touched(&self, position: u32, facts: &Facts) -> bool {
        let entry = facts.journal.entry(facts.campaigns[position as usize].touch);
        entry.is_some_and(|at| self.regards(position, facts.journal.campaigns[at].regards))
    }

    fn regards(&self, position: u32, regards: Micros) -> bool {
        regards >= self.judged[position as usize].spend_min
    }

    /// A campaign before this policy.
    pub(super) fn case<'a>(&'a self, position: u32, facts: &'a Facts) -> Case<'a> {
        let Judged { policy, spend_min, .. } = &self.judged[position as usize];
        Case { campaign: &facts.campaigns[position as usize], policy, spend_min: *spend_min }
    }

    /// What was last published of a campaign.
    pub(super) fn published(&self, position: u32) -> Option<&Published> {
        self.judged[position as usize].published.as_ref()
    }

    pub(super) fn publish(&mut self, position: u32, published: Published) {
        let place = &mut self.judged[position as usize].published;
        self.undo.push((position, place.replace(published)));
    }

    /// The sums of the campaign's window as they are kept.
    pub(super) fn stored(&mut self, position: u32) -> &mut Stored {
        &mut self.judged[position as usize].stored
    }

    /// The campaign has been scored, so that the next tick must look at it.
    pub(super) fn note_scored(&mut self, position: u32) {
        // Without ticks nobody takes them out.
        if self.unchecked.len() >= 2 * self.judged.len() {
            self.unchecked.sort_unstable();
            self.unchecked.dedup();
        }
        self.unchecked.push(position);
    }

    /// Bytes that the judgement takes.
    pub(super) fn bytes(&self) -> usize {
        self.judged.iter().map(|judged| size_of::<Judged>() + judged.stored.heap_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_tick_comes_for_is_noted_no_more_than_twice_for_each_campaign_however_often_it_is_scored() {
        let policy = Arc::new(Policy::default());
        let mut facts = Facts::new([Arc::clone(&policy)].into(), 0);
        for key in ["facebook:1:10", "facebook:1:11", "facebook:1:12"] {
            facts.position_or_new(key, TimestampMs(0)).unwrap();
        }
        let mut judgement = Judgement::new(policy);
        judgement.meet(&facts);
        for number in 0..1_000 {
            judgement.note_scored(number % 3);
            assert!(judgement.unchecked.len() <= 6);
        }
        judgement.unchecked.sort_unstable();
        judgement.unchecked.dedup();
        assert_eq!(judgement.unchecked, [0, 1, 2]);
    }
}
