//! Reads a log as the role does: in transactions of chance length, some of which abort and are read again, with
//! restarts from the records written.

use std::collections::BTreeMap;
use std::sync::Arc;

use processor::{Outcome, Policy, Scorer};
use schemas::record::Origin;

use crate::chance::Chance;
use crate::fact::Log;
use crate::recorder::Recorder;

pub(crate) struct Run<'a> {
    log: &'a Log,
    policy: Arc<Policy>,
    scorer: Scorer,
    pub(crate) out: Recorder,
    /// Offset of the next event.
    pub(crate) next: usize,
    /// Outcomes of committed events, by name.
    pub(crate) outcomes: BTreeMap<String, usize>,
}

/// What disturbs a run, in percent of its transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbed {
    pub(crate) aborts: u64,
    pub(crate) restarts: u64,
}

pub(crate) const UNDISTURBED: Disturbed = Disturbed { aborts: 0, restarts: 0 };

impl<'a> Run<'a> {
    pub(crate) fn new(log: &'a Log) -> Self {
        let policy = Arc::new(Policy::from_toml(&log.policy).unwrap());
        let scorer = Scorer::new(Arc::clone(&policy), 3);
        Self { log, policy, scorer, out: Recorder::new(), next: 0, outcomes: BTreeMap::new() }
    }

    /// Reads on to `end`. The lengths of transactions come from one chance, the disturbances from another, so that
    /// two runs can have the same transactions and different fates.
    pub(crate) fn read_to(
        &mut self,
        end: usize,
        lengths: &mut Chance,
        fates: &mut Chance,
        disturbed: Disturbed,
    ) {
        while self.next < end {
            let longest = lengths.one_of(&[1, 5, 50, 400]);
            let length = usize::try_from(lengths.between(1, longest)).unwrap().min(end - self.next);
            while fates.percent(disturbed.aborts) {
                self.abort(length, fates);
            }
            self.commit(length);
            if fates.percent(disturbed.restarts) {
                self.restart(fates.percent(50));
            }
        }
    }

    /// The partition as another process finds it.
    pub(crate) fn restart(&mut self, backwards: bool) {
        self.scorer = self.out.restored(&self.policy, backwards);
    }

    /// One transaction of so many events.
    pub(crate) fn commit(&mut self, length: usize) {
        for offset in self.next..self.next + length {
            let outcome = self.apply(offset);
            *self.outcomes.entry(format!("{outcome:?}")).or_default() += 1;
        }
        self.scorer.flush(&mut self.out).unwrap();
        self.scorer.commit();
        self.next += length;
    }

    fn abort(&mut self, length: usize, fates: &mut Chance) {
        let whole = fates.percent(50);
        let length = if whole { length } else { fates.below(length) };
        for offset in self.next..self.next + length {
            self.apply(offset);
        }
        if whole {
            self.scorer.flush(&mut Recorder::new()).unwrap();
        }
        self.scorer.abort();
    }

    fn apply(&mut self, offset: usize) -> Outcome {
        let fact = &self.log.facts[offset];
        let key = fact.campaign.map(|campaign| self.log.keys[campaign].as_str());
        let at = Origin { topic: "events", partition: 3, offset: i64::try_from(offset).unwrap() };
        let applied = self.scorer.apply(key, &fact.event(), &at);
        assert_eq!(applied.rejection.is_some(), applied.outcome == Outcome::Rejected);
        applied.outcome
    }
}
