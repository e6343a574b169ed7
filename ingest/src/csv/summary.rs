//! What a sent file came to.

use std::collections::BTreeMap;

use schemas::{Day, Micros};

/// The outcome of every row, and the sums of what was accepted. `accepted` and the values of `refused` add up to
/// `rows`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvSummary {
    /// Records after the header; blank lines are not rows.
    pub rows: u64,
    /// Rows that became raw events.
    pub accepted: u64,
    /// Rows that became dead letters, by reason code.
    pub refused: BTreeMap<&'static str, u64>,
    /// Different campaigns among the accepted rows.
    pub campaigns: u64,
    /// Different (campaign, day) pairs.
    pub keys: u64,
    /// Pairs with more than one row, whose figures add up.
    pub repeated_keys: u64,
    /// First day.
    pub first_day: Option<Day>,
    /// Last day.
    pub last_day: Option<Day>,
    /// Spend, by currency.
    pub spend: BTreeMap<String, Micros>,
    /// Impressions.
    pub impressions: i64,
    /// All clicks.
    pub clicks: i64,
    /// Clicks on links.
    pub link_clicks: i64,
    /// Leads.
    pub leads: i64,
    /// Purchases.
    pub purchases: i64,
    /// Value of the purchases, by currency.
    pub purchase_value: BTreeMap<String, Micros>,
    /// Accepted rows whose results are neither leads nor purchases; their other figures count.
    pub results_not_mapped: u64,
}

impl CsvSummary {
    /// The reason code of subtotal and total rows.
    pub const TOTAL_ROW: &'static str = "TOTAL_ROW";

    /// Total rows left out. They are dead letters too, but not broken.
    #[must_use]
    pub fn totals_skipped(&self) -> u64 {
        self.refused.get(Self::TOTAL_ROW).copied().unwrap_or(0)
    }

    /// Rows refused because something is wrong with them.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.refused.values().sum::<u64>() - self.totals_skipped()
    }
}
