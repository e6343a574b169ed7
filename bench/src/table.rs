//! The gate: the table of scores with which an engine ends, one row for each campaign, and whether two are the same.
//!
//! A row is what is published of a campaign in the newest committed record of its key: the day scored, the five parts, total, band,
//! confidence, guard, whether to act, the sums over the window and when the newest figures were observed. Leads add up, so a fact
//! that was applied twice or not at all shows in them. What only adpulse writes (reasons, alerts, announcements) is left out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use schemas::record::{CampaignScore, Parts, WindowTotals};
use schemas::{Schemas, Topic};

use crate::site::Site;

/// A finished table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: BTreeMap<String, Row>,
    /// Records that it was made of.
    pub records: u64,
}

type Row = [i64; 22];

impl Table {
    /// Reads the table that lies on the scores topic under a prefix.
    pub async fn read(site: &Site, prefix: &str) -> anyhow::Result<Self> {
        let found: Arc<Mutex<(Self, Option<anyhow::Error>)>> = Arc::default();
        let noted = Arc::clone(&found);
        let mut decoder = Schemas::compiled().decoder();
        let visit = move |key: Option<&[u8]>, value: Option<&[u8]>| {
            let (table, broken) = &mut *noted.lock().unwrap_or_else(PoisonError::into_inner);
            let read = || {
                let key = std::str::from_utf8(key.context("it has no key")?)?.to_owned();
                anyhow::Ok((key, row(&decoder.decode::<CampaignScore<'_>>(value)?)))
            };
            match { read }() {
                Ok((key, row)) => {
                    table.records += 1;
                    table.rows.insert(key, row);
                }
                Err(error) => *broken = Some(error),
            }
        };
        site.read_from(&format!("{prefix}{}", Topic::Scores.name()), visit).await?;
        let (table, broken) = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        match broken {
            Some(error) => Err(error.context(format!("a score under {prefix} cannot be read"))),
            None => Ok(table),
        }
    }

    /// How many campaigns there are.
    pub fn campaigns(&self) -> u64 {
        self.rows.len() as u64
    }

    /// A hash over all rows.
    pub fn hash(&self) -> String {
        // FNV-1a: any hash does between tables that are compared row by row as well.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (key, row) in &self.rows {
            for byte in key.bytes().chain(row.iter().flat_map(|figure| figure.to_le_bytes())) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        format!("{hash:016x}")
    }

    /// Fails unless the other table is the same, and says where it first is not.
    pub fn verify_same(&self, other: &Self, name: &str) -> anyhow::Result<()> {
        for (key, row) in &self.rows {
            match other.rows.get(key) {
                None => bail!("{name} has no score of {key}: its run does not count"),
                Some(found) if found != row => {
                    bail!("{name} scores {key} as {found:?} instead of {row:?}: its run does not count")
                }
                Some(_) => {}
            }
        }
        let (own, others) = (self.campaigns(), other.campaigns());
        ensure!(own == others, "{name} scores {others} campaigns instead of {own}: its run does not count");
        ensure!(self.hash() == other.hash(), "{name} ends with another table: its run does not count");
        Ok(())
    }
}

fn row(score: &CampaignScore<'_>) -> Row {
    let Parts { cost_efficiency, lead_quality, volume, trend, engagement } = score.parts;
    let WindowTotals {
        spend_micros,
        impressions,
        link_clicks,
        leads,
        crm_leads,
        qualified,
        won,
        revenue_micros,
        purchases,
        active_days,
    } = score.window;
    [
        i64::from(score.as_of.0),
        hundredths(cost_efficiency),
        hundredths(lead_quality),
        hundredths(volume),
        hundredths(trend),
        hundredths(engagement),
        hundredths(score.total),
        score.recommendation as i64,
        hundredths(score.confidence),
        i64::from(score.actionable),
        score.guard.map_or(-1, |guard| guard as i64),
        spend_micros.0,
        impressions,
        link_clicks,
        leads,
        crm_leads,
        qualified,
        won,
        revenue_micros.0,
        purchases,
        i64::from(active_days),
        score.metrics_observed_at.map_or(-1, |at| at.0),
    ]
}

/// A figure as it is published, with 2 decimals.
#[expect(clippy::cast_possible_truncation, reason = "no published figure is above 100")]
fn hundredths(figure: f64) -> i64 {
    (figure * 100.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_differs_in_its_second_decimal_makes_another_table() {
        let table = |total: i64| Table { rows: [("key".to_owned(), [total; 22])].into(), records: 1 };
        table(4_711).verify_same(&table(4_711), "a peer").unwrap();
        assert!(table(4_711).verify_same(&table(4_712), "a peer").is_err());
        assert!(table(4_711).verify_same(&Table::default(), "a peer").is_err());
        assert!(Table::default().verify_same(&table(4_711), "a peer").is_err());
    }
}
