//! The facts of a log as the recomputation reads them, and the events that the scorer reads.

use schemas::record::{
    BatchRow, CampaignObserved, Contribution, Doubt, Event, EventBody, FatigueLevel, FatigueSignal, Figures,
    LeadChanged, MetricsObserved, Origin, QualityFlag, Source, Tick,
};
use schemas::{Day, Micros, TimestampMs};

/// A log, with the policy it is read under.
pub(crate) struct Log {
    pub(crate) policy: String,
    /// Campaign keys by number.
    pub(crate) keys: Vec<String>,
    pub(crate) facts: Vec<Fact>,
    /// Places, from the first fact to a tick, that scores every campaign if they are one transaction.
    pub(crate) checkpoints: Vec<(usize, usize)>,
}

/// One record of `events`; its offset is its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// Number of the campaign; ticks have none.
    pub(crate) campaign: Option<usize>,
    pub(crate) at: i64,
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Row(Row),
    Seen(Seen),
    Lead(Lead),
    Fatigue(FatigueLevel),
    Tick,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) source: Source,
    pub(crate) day: i32,
    pub(crate) batch_id: String,
    pub(crate) index: i32,
    pub(crate) count: i32,
    pub(crate) figures: Figures,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) name: Option<&'static str>,
    pub(crate) status: Option<&'static str>,
    pub(crate) zone: Option<&'static str>,
    pub(crate) budget: Option<i64>,
    pub(crate) frequency: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Lead {
    pub(crate) key: String,
    pub(crate) before: Option<Contribution>,
    pub(crate) after: Option<Contribution>,
}

impl Fact {
    pub(crate) fn event(&self) -> Event<'_> {
        let body = match &self.body {
            Body::Row(row) => EventBody::MetricsObserved(MetricsObserved {
                source: row.source,
                day: Day(row.day),
                batch: BatchRow { batch_id: &row.batch_id, row_index: row.index, row_count: row.count },
                currency: Some("USD"),
                figures: row.figures,
            }),
            Body::Seen(seen) => EventBody::CampaignObserved(CampaignObserved {
                name: seen.name,
                status: seen.status,
                time_zone: seen.zone,
                daily_budget_micros: seen.budget.map(Micros),
                frequency_7d: seen.frequency,
                ..CampaignObserved::default()
            }),
            Body::Lead(lead) => EventBody::LeadChanged(LeadChanged {
                lead_key: &lead.key,
                before: lead.before,
                after: lead.after,
            }),
            Body::Fatigue(level) => EventBody::FatigueSignal(FatigueSignal { level: *level, message: None }),
            Body::Tick => EventBody::Tick(Tick {}),
        };
        Event {
            observed_at: TimestampMs(self.at),
            origin: Origin { topic: "raw", partition: 3, offset: 0 },
            flags: flags_of(&self.doubts),
            doubts: self.doubts.clone(),
            body,
        }
    }

    /// Whether the fact says the same when it is said again.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self.body, Body::Lead(_))
    }
}

/// The flags that follow from doubts, each once.
pub(crate) fn flags_of(doubts: &[Doubt]) -> Vec<QualityFlag> {
    let mut flags: Vec<_> = doubts.iter().map(|doubt| doubt.flag()).collect();
    flags.sort_unstable();
    flags.dedup();
    flags
}
