//! How many rows each campaign and day of a file has. Filled by the first pass, looked up by the second.

use std::collections::HashMap;

use schemas::Day;

/// Rows of every (campaign, day) pair.
#[derive(Debug, Default)]
pub(super) struct Keys {
    campaigns: HashMap<Box<str>, u32>,
    slots: HashMap<(u32, Day), u32>,
    rows: Vec<u32>,
    /// Files are often sorted by campaign: the last one is at hand.
    last: Option<(Box<str>, u32)>,
}

/// There are more pairs than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Keys {
    /// Counts a row.
    pub(super) fn count(&mut self, campaign_key: &str, day: Day, keys_max: usize) -> Result<(), TooMany> {
        let campaign = match &self.last {
            Some((key, campaign)) if **key == *campaign_key => *campaign,
            _ => {
                let campaign = match self.campaigns.get(campaign_key) {
                    Some(&campaign) => campaign,
                    None => {
                        let next = u32::try_from(self.campaigns.len()).map_err(|_| TooMany)?;
                        self.campaigns.insert(campaign_key.into(), next);
                        next
                    }
                };
                self.last = Some((campaign_key.into(), campaign));
                campaign
            }
        };
        let next = u32::try_from(self.rows.len()).map_err(|_| TooMany)?;
        let slot = *self.slots.entry((campaign, day)).or_insert(next);
        if slot == next {
            if self.rows.len() >= keys_max {
                return Err(TooMany);
            }
            self.rows.push(0);
        }
        self.rows[slot as usize] += 1;
        Ok(())
    }

    /// The number of a pair, if it was counted.
    pub(super) fn slot(&self, campaign_key: &str, day: Day) -> Option<usize> {
        let campaign = *self.campaigns.get(campaign_key)?;
        self.slots.get(&(campaign, day)).map(|&slot| slot as usize)
    }

    /// Rows of a pair.
    pub(super) fn rows(&self, slot: usize) -> u32 {
        self.rows[slot]
    }

    /// Rows of all pairs.
    pub(super) fn accepted(&self) -> u64 {
        self.rows.iter().map(|&rows| u64::from(rows)).sum()
    }

    /// Different pairs.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Different campaigns.
    pub(super) fn campaigns(&self) -> usize {
        self.campaigns.len()
    }

    /// Pairs with more than one row.
    pub(super) fn repeated(&self) -> usize {
        self.rows.iter().filter(|&&rows| rows > 1).count()
    }

    /// First and last day.
    pub(super) fn days(&self) -> Option<(Day, Day)> {
        let days = || self.slots.keys().map(|(_, day)| *day);
        days().min().zip(days().max())
    }
}
