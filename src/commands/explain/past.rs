//! A campaign as it was: its partition of `events` replayed until log time passes a moment, with the policy in force now.
//!
//! Only the campaign's own events, ticks, and what is said of no single campaign are given to the rules, so memory does
//! not grow with the partition. Boundaries are those of every replay.

use std::sync::Arc;

use processor::{Policy, Scorer};
use schemas::record::{Event, EventBody, LeadChanged, Origin, Tick};
use schemas::{CampaignKey, CodecError, TimestampMs};

use super::evidence::{Collector, Evidence, LeadLine};
use crate::commands::replay::{Log, Player, Replayed};

/// What a replay to a moment found.
pub struct Past {
    pub evidence: Evidence,
    pub scorer: Scorer,
    pub replayed: Replayed,
}

/// Replays a campaign's partition up to a moment. Blocks.
pub fn replay(
    log: &Log,
    policy: Arc<Policy>,
    key: &str,
    partition: i32,
    until: TimestampMs,
) -> anyhow::Result<Past> {
    let collector = Collector::new(&log.schemas, key);
    let scorer = Scorer::new(policy, partition);
    let mut player =
        One { key: key.to_owned(), until, scorer, collector, log_time: None, last: None, failure: None };
    let replayed = log.replay(Some(vec![partition]), &mut player)?;
    player.end(&log.names.name(schemas::Topic::Events), partition);
    if let Some(error) = player.failure {
        return Err(error.into());
    }
    Ok(Past { evidence: player.collector.evidence, scorer: player.scorer, replayed })
}

struct One {
    key: String,
    until: TimestampMs,
    scorer: Scorer,
    collector: Collector,
    /// Largest moment of observation in the partition, of all campaigns.
    log_time: Option<TimestampMs>,
    /// Offset of the last event taken in.
    last: Option<i64>,
    failure: Option<CodecError>,
}

impl Player for One {
    fn event(&mut self, key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> bool {
        if event.observed_at > self.until || self.failure.is_some() {
            return false;
        }
        self.log_time = self.log_time.max(Some(event.observed_at));
        self.last = Some(at.offset);
        let is_of_another = key.is_some_and(|key| key != self.key && CampaignKey::split(key).is_some());
        if is_of_another && !matches!(event.body, EventBody::Tick(_)) {
            return true;
        }
        // What became of it was told when it was first processed.
        let _ = self.scorer.apply(key, event, at);
        if let EventBody::LeadChanged(lead) = &event.body {
            self.lead(lead, event.observed_at);
        }
        true
    }

    fn boundary(&mut self, _: i32) {
        match self.scorer.flush(&mut self.collector) {
            Ok(()) => self.scorer.commit(),
            Err(error) => self.failure = Some(error),
        }
    }

    fn ended(&mut self, _: i32) {}
}

impl One {
    /// Time may have passed since the campaign's own last event: a tick at the partition's log time says so.
    fn end(&mut self, topic: &str, partition: i32) {
        let (Some(log_time), Some(offset)) = (self.log_time, self.last) else { return };
        let origin = Origin { topic, partition, offset };
        let body = EventBody::Tick(Tick {});
        let tick = Event { observed_at: log_time, origin, flags: Vec::new(), doubts: Vec::new(), body };
        let _ = self.scorer.apply(None, &tick, &origin);
        self.boundary(partition);
        self.collector.evidence.log_time = Some(log_time);
    }

    fn lead(&mut self, lead: &LeadChanged<'_>, observed_at: TimestampMs) {
        let leads = &mut self.collector.evidence.leads;
        let Some(after) = lead.after else {
            leads.remove(lead.lead_key);
            return;
        };
        // An event says what a lead counts as; whether it was disqualified or lost stands in the leads topic only.
        let stage = match (after.won, after.qualified) {
            (true, _) => "WON",
            (false, true) => "QUALIFIED",
            (false, false) => "CREATED",
        };
        let line = LeadLine { stage, dates: vec![("changed", observed_at)], counted: Some(after) };
        leads.insert(lead.lead_key.to_owned(), line);
    }
}
