//! Values of `campaign-days`.

use serde::{Deserialize, Serialize};

use super::{Doubt, Figures, Origin, QualityFlag, Source};
use crate::{Day, Micros, TimestampMs};

/// The merged figures of a campaign's day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignDay<'a> {
    /// Ad platform, first part of the campaign key.
    #[serde(borrow)]
    pub platform: &'a str,
    /// Ad account, second part of the campaign key.
    #[serde(borrow)]
    pub account_id: &'a str,
    /// Campaign, third part of the campaign key.
    #[serde(borrow)]
    pub campaign_id: &'a str,
    /// Day in the account's time zone.
    pub day: Day,
    /// ISO 4217 currency.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// The figures that count, by source precedence.
    pub figures: Figures,
    /// Doubts about them.
    #[serde(default)]
    pub flags: Vec<QualityFlag>,
    /// What exactly is doubtful about the figures that count.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
    /// Leads created on that day.
    pub cohort: Cohort,
    /// How often the figures that count have changed, from 1; 0 while there are only leads.
    pub revision: i32,
    /// When figures of the day were first observed.
    #[serde(default)]
    pub first_seen: Option<TimestampMs>,
    /// The figures as they were first observed; absent while they have not changed since.
    #[serde(default)]
    pub first_figures: Option<Figures>,
    /// When they were last observed.
    #[serde(default)]
    pub last_seen: Option<TimestampMs>,
    /// What each source says.
    #[serde(borrow, default)]
    pub sources: Vec<SourceDay<'a>>,
    /// The record that caused this state.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// What one source says of a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceDay<'a> {
    /// The source.
    pub source: Source,
    /// The batch whose figures count.
    #[serde(borrow)]
    pub batch_id: &'a str,
    /// When that batch was observed; 0 while no batch is complete.
    pub observed_at: TimestampMs,
    /// ISO 4217 currency of the batch, where it named one.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Sum of its rows.
    pub figures: Figures,
    /// Doubts about them.
    #[serde(default)]
    pub flags: Vec<QualityFlag>,
    /// What exactly is doubtful about them.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
    /// A newer batch under way.
    #[serde(borrow, default)]
    pub pending: Option<PendingBatch<'a>>,
}

/// Rows of a newer batch that is not complete yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingBatch<'a> {
    /// Identity of the batch.
    #[serde(borrow)]
    pub batch_id: &'a str,
    /// When it was observed.
    pub observed_at: TimestampMs,
    /// Rows it will have.
    pub row_count: i32,
    /// Rows seen: bit i of byte i/8, lowest bit first.
    #[serde(with = "serde_bytes", borrow)]
    pub rows: &'a [u8],
    /// ISO 4217 currency of the batch, where it named one.
    #[serde(borrow, default)]
    pub currency: Option<&'a str>,
    /// Sum of the rows seen.
    pub figures: Figures,
    /// Doubts about them.
    #[serde(default)]
    pub flags: Vec<QualityFlag>,
    /// What exactly is doubtful about them.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
}

/// Leads created on a day, as far as they have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cohort {
    /// Created.
    pub leads: i64,
    /// Of them qualified so far.
    pub qualified: i64,
    /// Of them won so far.
    pub won: i64,
    /// Revenue of the won, micros.
    pub revenue_micros: Micros,
}
