//! How many rows each campaign and day of a file has. Filled by the first pass, looked up by the second.
//!
//! Exports have an order: by campaign and then by day, or by day with the campaigns in turn. So a pass walks along: it
//! expects the campaign that came after this one before, and of a campaign the day that came after its last one.
//! An expectation is one comparison of what lies nearby; a table of all pairs is far larger than a processor's caches,
//! and is made only for a pass that meets a day out of turn.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use schemas::Day;

/// Rows of every (campaign, day) pair.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: HashMap<Arc<str>, u32, RandomState>,
    /// In the order of their first rows.
    campaigns: Vec<Campaign>,
    /// In the order of their first rows.
    pairs: Vec<Pair>,
}

/// A campaign's key, and its pairs in the order of their first rows.
#[derive(Debug)]
struct Campaign {
    key: Arc<str>,
    first_pair: u32,
    last_pair: u32,
    first_day: Day,
    last_day: Day,
}

#[derive(Debug)]
struct Pair {
    campaign: u32,
    day: Day,
    rows: u32,
    /// The campaign's next pair; after the last one its first.
    next: u32,
}

/// What a pass has met last, and so what it expects.
#[derive(Debug, Default)]
pub(super) struct Walk {
    campaign: u32,
    /// By the number of the campaign.
    places: Vec<Place>,
    /// The pairs up to `listed`, for those that come out of turn.
    list: HashMap<(u32, Day), u32, RandomState>,
    listed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The campaign that came after this one.
    follower: u32,
    /// The last pair of this campaign, once one was met.
    pair: Option<u32>,
}

/// There are more pairs than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Keys {
    /// Counts a row.
    pub(super) fn count(
        &mut self,
        walk: &mut Walk,
        campaign_key: &str,
        day: Day,
        keys_max: usize,
    ) -> Result<(), TooMany> {
        let next = u32::try_from(self.pairs.len()).map_err(|_| TooMany)?;
        let known = walk.campaign(self, campaign_key);
        let pair = match known.and_then(|campaign| walk.pair(self, campaign, day)) {
            Some(pair) => pair,
            None if self.pairs.len() >= keys_max => return Err(TooMany),
            None => {
                let campaign = match known {
                    Some(campaign) => self.extend(campaign, day, next),
                    None => self.add(campaign_key, day, next)?,
                };
                self.pairs.push(Pair {
                    campaign,
                    day,
                    rows: 0,
                    next: self.campaigns[campaign as usize].first_pair,
                });
                next
            }
        };
        let counted = &mut self.pairs[pair as usize];
        counted.rows += 1;
        walk.met(counted.campaign, pair);
        Ok(())
    }

    /// A new campaign, with the pair that comes next.
    fn add(&mut self, key: &str, day: Day, pair: u32) -> Result<u32, TooMany> {
        let (number, key) =
            (u32::try_from(self.campaigns.len()).map_err(|_| TooMany)?, Arc::<str>::from(key));
        self.numbers.insert(Arc::clone(&key), number);
        let (first_pair, last_pair) = (pair, pair);
        self.campaigns.push(Campaign { key, first_pair, last_pair, first_day: day, last_day: day });
        Ok(number)
    }

    /// The pair that comes next belongs to a campaign that has others.
    fn extend(&mut self, number: u32, day: Day, pair: u32) -> u32 {
        let campaign = &mut self.campaigns[number as usize];
        self.pairs[campaign.last_pair as usize].next = pair;
        campaign.last_pair = pair;
        campaign.first_day = campaign.first_day.min(day);
        campaign.last_day = campaign.last_day.max(day);
        number
    }

    /// The number of a pair, if it was counted.
    pub(super) fn slot(&self, walk: &mut Walk, campaign_key: &str, day: Day) -> Option<usize> {
        let campaign = walk.campaign(self, campaign_key)?;
        let pair = walk.pair(self, campaign, day)?;
        walk.met(campaign, pair);
        Some(pair as usize)
    }

    /// Rows of a pair.
    pub(super) fn rows(&self, slot: usize) -> u32 {
        self.pairs[slot].rows
    }

    /// Rows of all pairs.
    pub(super) fn accepted(&self) -> u64 {
        self.pairs.iter().map(|pair| u64::from(pair.rows)).sum()
    }

    /// Different pairs.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Different campaigns.
    pub(super) fn campaigns(&self) -> usize {
        self.campaigns.len()
    }

    /// Pairs with more than one row.
    pub(super) fn repeated(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.rows > 1).count()
    }

    /// First and last day.
    pub(super) fn days(&self) -> Option<(Day, Day)> {
        let campaigns = || self.campaigns.iter();
        campaigns().map(|one| one.first_day).min().zip(campaigns().map(|one| one.last_day).max())
    }
}

impl Walk {
    /// The number of a campaign: the last one again, or the one that is expected, or whichever it is.
    fn campaign(&self, keys: &Keys, key: &str) -> Option<u32> {
        let follower = self.places.get(self.campaign as usize).map_or(0, |place| place.follower);
        let is = |number: &u32| keys.campaigns.get(*number as usize).is_some_and(|known| *known.key == *key);
        [follower, self.campaign].into_iter().find(is).or_else(|| keys.numbers.get(key).copied())
    }

    /// The number of a campaign's pair.
    fn pair(&mut self, keys: &Keys, number: u32, day: Day) -> Option<u32> {
        let campaign = &keys.campaigns[number as usize];
        let last = self.places.get(number as usize).and_then(|place| place.pair);
        let next = last.map_or(campaign.first_pair, |last| keys.pairs[last as usize].next);
        let is = |pair: &u32| keys.pairs[*pair as usize].day == day;
        if let Some(expected) = [Some(next), last].into_iter().flatten().find(is) {
            return Some(expected);
        }
        if !(campaign.first_day..=campaign.last_day).contains(&day) {
            return None;
        }
        let unlisted = keys.pairs.iter().zip(0..).skip(self.listed);
        self.list.extend(unlisted.map(|(pair, at)| ((pair.campaign, pair.day), at)));
        self.listed = keys.pairs.len();
        self.list.get(&(number, day)).copied()
    }

    fn met(&mut self, campaign: u32, pair: u32) {
        if let Some(last) = self.places.get_mut(self.campaign as usize)
            && campaign != self.campaign
        {
            last.follower = campaign;
        }
        self.campaign = campaign;
        // A campaign that has not been met yet comes in the order of the numbers, unless the file has changed since.
        while self.places.len() <= campaign as usize {
            let follower = u32::try_from(self.places.len() + 1).unwrap_or(u32::MAX);
            self.places.push(Place { follower, pair: None });
        }
        self.places[campaign as usize].pair = Some(pair);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts the rows and finds them again, both as a plain table would.
    fn as_a_table(rows: &[(u8, i32)]) {
        let (mut keys, mut walk) = (Keys::default(), Walk::default());
        let mut table: HashMap<(u8, i32), (usize, u32)> = HashMap::new();
        for row in rows {
            keys.count(&mut walk, &row.0.to_string(), Day(row.1), usize::MAX).unwrap();
            let next = table.len();
            table.entry(*row).or_insert((next, 0)).1 += 1;
        }
        let mut walk = Walk::default();
        for row in rows {
            let slot = keys.slot(&mut walk, &row.0.to_string(), Day(row.1)).unwrap();
            assert_eq!((slot, keys.rows(slot)), table[row], "{row:?}");
        }
        // A file that has changed since may have them in any order.
        let mut walk = Walk::default();
        for row in rows.iter().rev() {
            let slot = keys.slot(&mut walk, &row.0.to_string(), Day(row.1)).unwrap();
            assert_eq!((slot, keys.rows(slot)), table[row], "{row:?}");
        }
        assert_eq!((keys.len(), keys.accepted()), (table.len(), rows.len() as u64));
        let days = || table.keys().map(|(_, day)| Day(*day));
        assert_eq!(keys.days(), days().min().zip(days().max()));
        let mut campaigns: Vec<u8> = table.keys().map(|(campaign, _)| *campaign).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        assert_eq!(keys.campaigns(), campaigns.len());
        assert_eq!(keys.repeated(), table.values().filter(|(_, rows)| *rows > 1).count());
        assert_eq!(keys.slot(&mut walk, "nobody", Day(0)), None);
        assert_eq!(keys.slot(&mut walk, "0", Day(100)), None);
    }

    #[test]
    fn files_in_order_need_no_table_of_their_pairs() {
        let by_campaign = || (0..9).flat_map(|campaign| (0..5).map(move |day| (campaign, day)));
        let by_day = || (0..5).rev().flat_map(|day| (0..9).map(move |campaign| (campaign, day)));
        let by_ad = || by_campaign().flat_map(|row| [row; 3]);
        let twice: Vec<_> = by_day().chain(by_day()).collect();
        for rows in [by_campaign().collect::<Vec<_>>(), by_day().collect(), by_ad().collect(), twice] {
            as_a_table(&rows);
            let (mut keys, mut walk, mut second) = (Keys::default(), Walk::default(), Walk::default());
            for (campaign, day) in &rows {
                keys.count(&mut walk, &campaign.to_string(), Day(*day), 45).unwrap();
            }
            for (campaign, day) in &rows {
                keys.slot(&mut second, &campaign.to_string(), Day(*day)).unwrap();
            }
            assert_eq!((walk.listed, second.listed), (0, 0), "{rows:?}");
        }
    }

    #[test]
    fn more_pairs_than_the_limit_are_refused_and_more_rows_are_not() {
        let (mut keys, mut walk) = (Keys::default(), Walk::default());
        for _ in 0..3 {
            assert_eq!(keys.count(&mut walk, "a", Day(1), 2), Ok(()));
            assert_eq!(keys.count(&mut walk, "b", Day(1), 2), Ok(()));
        }
        assert_eq!(keys.count(&mut walk, "a", Day(2), 2), Err(TooMany));
        assert_eq!(keys.count(&mut walk, "c", Day(1), 2), Err(TooMany));
        assert_eq!(keys.count(&mut walk, "b", Day(1), 2), Ok(()));
    }

    proptest! {
        #[test]
        fn rows_in_any_order_are_counted_and_found_as_in_a_table(
            rows in proptest::collection::vec((0..6_u8, 0..8_i32), 0..200)
        ) {
            as_a_table(&rows);
        }
    }
}
