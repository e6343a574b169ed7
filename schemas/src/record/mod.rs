//! A Rust type for every record of `avro/`, field by field. They borrow from the bytes they were decoded from, and
//! encode from whatever the caller holds; whoever keeps one longer makes its own copy.

mod account;
mod alert;
mod campaign;
mod campaign_day;
mod campaign_score;
mod common;
mod dead_letter;
mod event;
mod lead;
mod raw_event;
mod recommendation;
mod watermark;

pub use account::{Account, QualityHour};
pub use alert::{Alert, AlertState, Severity};
pub use campaign::{Campaign, FatigueLevel};
pub use campaign_day::{CampaignDay, Cohort, PendingBatch, SourceDay};
pub use campaign_score::{Announcement, CampaignScore, WindowTotals};
pub use common::{Action, BatchRow, Doubt, Figures, Guard, Origin, Parts, QualityFlag, Reason, Source};
pub use dead_letter::{DeadLetter, Header};
pub use event::{
    AccountObserved, CampaignObserved, Contribution, Event, EventBody, FatigueSignal, LeadChanged,
    MetricsObserved, QualityCounted, Tick,
};
pub use lead::{Lead, LeadStage};
pub use raw_event::{LeadReading, MetricsReading, RawEvent, RawKind, Reading};
pub use recommendation::Recommendation;
pub use watermark::Watermark;
