//! Both policies of a backtest: their rules for each partition, and what they said of each campaign.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use processor::{Outcome, Panel, Policy, ScoreOutput};
use schemas::record::{
    Account, Action, Alert, Campaign, CampaignDay, CampaignScore, Event, Origin, Recommendation, Watermark,
};
use schemas::{Day, TimestampMs};

use crate::commands::replay::Player;

/// Policies that are held against each other.
pub const SIDES: usize = 2;

/// The rules of both policies.
pub struct Sides {
    policies: [Arc<Policy>; SIDES],
    /// The partition that is being read.
    state: Option<(i32, Panel)>,
    said: [Said; SIDES],
    outcomes: [Outcomes; SIDES],
}

/// Events by outcome.
pub type Outcomes = [u64; Outcome::ALL.len()];

/// What the rules said.
#[derive(Default)]
struct Said(HashMap<Box<str>, Verdict>);

/// What was said of a campaign.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    pub name: Option<Box<str>>,
    /// The last score.
    pub score: Option<ScoreLine>,
    /// Announcements in the order of the log.
    pub announced: Vec<Announced>,
}

/// A score as a comparison reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreLine {
    pub as_of: Day,
    pub total: f64,
    pub band: Action,
    pub confidence: f64,
    pub actionable: bool,
}

/// An announcement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Announced {
    pub day: Day,
    pub at: TimestampMs,
    pub action: Action,
    pub total: f64,
}

impl Sides {
    pub fn new(policies: [Arc<Policy>; SIDES]) -> Self {
        Self { policies, state: None, said: Default::default(), outcomes: Default::default() }
    }

    /// What each side said, by campaign key, with its events by outcome.
    pub fn finish(self) -> [(BTreeMap<Box<str>, Verdict>, Outcomes); SIDES] {
        let mut outcomes = self.outcomes.into_iter();
        self.said.map(|Said(said)| (said.into_iter().collect(), outcomes.next().unwrap_or_default()))
    }
}

impl Player for Sides {
    fn event(&mut self, key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> bool {
        let new = || (at.partition, Panel::new(&self.policies, at.partition));
        let (_, panel) = self.state.get_or_insert_with(new);
        panel.apply(key, event, at, |side, outcome| self.outcomes[side][outcome as usize] += 1);
        true
    }

    fn boundary(&mut self, partition: i32) {
        let Some((_, panel)) = self.state.as_mut().filter(|(own, _)| *own == partition) else { return };
        let Ok(()) = panel.end_transaction(&mut self.said);
    }

    /// Drops the state of the partition; what was said of its campaigns stays.
    fn ended(&mut self, partition: i32) {
        self.state.take_if(|(own, _)| *own == partition);
    }
}

impl Said {
    fn of(&mut self, key: &str) -> &mut Verdict {
        // Looked up twice for a new campaign, so that a known one costs no copy of its key.
        if !self.0.contains_key(key) {
            self.0.insert(key.into(), Verdict::default());
        }
        self.0.get_mut(key).expect("it was put there")
    }
}

impl ScoreOutput for Said {
    type Error = Infallible;
    const WANTS_DAYS: bool = false;
    const WANTS_REASONS: bool = false;

    fn campaign(&mut self, key: &str, record: &Campaign<'_>) -> Result<(), Infallible> {
        self.of(key).name = record.name.map(Into::into);
        Ok(())
    }

    fn score(&mut self, key: &str, record: &CampaignScore<'_>) -> Result<(), Infallible> {
        self.of(key).score = Some(ScoreLine {
            as_of: record.as_of,
            total: record.total,
            band: record.recommendation,
            confidence: record.confidence,
            actionable: record.actionable,
        });
        Ok(())
    }

    fn recommendation(&mut self, key: &str, record: &Recommendation<'_>) -> Result<(), Infallible> {
        let announced = Announced {
            day: record.as_of,
            at: record.announced_at,
            action: record.action,
            total: record.total,
        };
        self.of(key).announced.push(announced);
        Ok(())
    }

    fn day(&mut self, _: &str, _: &CampaignDay<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn day_forgotten(&mut self, _: &str) -> Result<(), Infallible> {
        Ok(())
    }

    fn account(&mut self, _: &str, _: &Account<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn alert(&mut self, _: &str, _: &Alert<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn watermark(&mut self, _: &str, _: &Watermark<'_>) -> Result<(), Infallible> {
        Ok(())
    }
}
