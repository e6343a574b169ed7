//! The decoded records of a batch, one list for each table, and the rule that the newest of a key is the one that counts.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use schemas::record::{
    Account, Action, Alert, AlertState, Campaign, CampaignDay, CampaignScore, DeadLetter, Lead,
    Recommendation,
};
use schemas::{AccountKey, CampaignKey, Day, TimestampMs, Topic};

use super::SinkRecord;

/// Platform, account and campaign: borrowed from the value, or from the key of a tombstone.
pub(crate) type CampaignParts<'a> = [Cow<'a, str>; 3];

/// Platform and account, likewise.
pub(crate) type AccountParts<'a> = [Cow<'a, str>; 2];

/// A value and the record it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    /// Its place in the batch.
    pub(crate) index: usize,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) value: T,
}

impl<T> At<T> {
    /// What has come of the value, at the same place.
    pub(crate) fn with<U>(&self, value: U) -> At<U> {
        At { index: self.index, partition: self.partition, offset: self.offset, value }
    }
}

/// A value of a compacted topic under its key; without one the key is gone.
#[derive(Debug)]
pub(crate) struct Keyed<K, V> {
    pub(crate) key: K,
    pub(crate) value: Option<V>,
}

/// A batch by table.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) campaigns: Vec<At<Keyed<CampaignParts<'a>, Campaign<'a>>>>,
    pub(crate) days: Vec<At<Keyed<(CampaignParts<'a>, Day), CampaignDay<'a>>>>,
    pub(crate) scores: Vec<At<Keyed<CampaignParts<'a>, CampaignScore<'a>>>>,
    pub(crate) leads: Vec<At<Keyed<&'a str, Lead<'a>>>>,
    pub(crate) accounts: Vec<At<Keyed<AccountParts<'a>, Account<'a>>>>,
    pub(crate) recommendations: Vec<At<Recommendation<'a>>>,
    pub(crate) alerts: Vec<At<Alert<'a>>>,
    pub(crate) dead_letters: Vec<At<DeadLetter<'a>>>,
}

impl Facts<'_> {
    /// None yet, with room for those of a batch: they are large, and lists that grow copy them.
    pub(crate) fn room_for(batch: &[SinkRecord<'_>]) -> Self {
        let of = |topic| batch.iter().filter(|record| record.topic == topic).count();
        Self {
            campaigns: Vec::with_capacity(of(Topic::Campaigns)),
            days: Vec::with_capacity(of(Topic::CampaignDays)),
            scores: Vec::with_capacity(of(Topic::Scores)),
            leads: Vec::with_capacity(of(Topic::Leads)),
            accounts: Vec::with_capacity(of(Topic::Accounts)),
            recommendations: Vec::with_capacity(of(Topic::Recommendations)),
            alerts: Vec::with_capacity(of(Topic::Alerts)),
            dead_letters: Vec::with_capacity(of(Topic::DeadLetters)),
        }
    }
}

/// Facts by their places: they are large, so it is these that are sorted.
pub(crate) fn views<T>(facts: &[At<T>]) -> Vec<At<&T>> {
    facts.iter().map(|at| at.with(&at.value)).collect()
}

/// Sorts by key and keeps the newest of each, so that a statement touches a row once and the order of rows depends on
/// nothing but the records. A key is texts, then numbers. Texts are compared once for each that is different, not once for
/// each pair of rows; rows are sorted by the places of their texts. Returns how many older rows were left out.
pub(crate) fn keep_newest<T: Copy, G: Copy + Ord + Hash, N: Copy + Ord>(
    rows: &mut Vec<At<T>>,
    key: impl Fn(T) -> (G, N),
) -> u64 {
    let places = places(rows.iter().map(|row| key(row.value).0));
    keep_newest_by(rows, places, |value| key(value).1)
}

/// As [`keep_newest`], for rows the places of whose texts are known.
pub(crate) fn keep_newest_by<T: Copy, N: Copy + Ord>(
    rows: &mut Vec<At<T>>,
    places: impl IntoIterator<Item = usize>,
    key: impl Fn(T) -> N,
) -> u64 {
    let before = rows.len();
    let keyed = rows.iter().zip(places).map(|(row, place)| ((place, key(row.value)), row));
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable_by_key(|(key, row)| (*key, Reverse(row.offset)));
    keyed.dedup_by_key(|(key, _)| *key);
    *rows = keyed.into_iter().map(|(_, row)| *row).collect();
    (before - rows.len()) as u64
}

/// The place of each text in the order of those that are different.
pub(crate) fn places<G: Copy + Ord + Hash>(texts: impl Iterator<Item = G>) -> Vec<usize> {
    let mut numbers: HashMap<G, usize, RandomState> = HashMap::default();
    let mut different = Vec::new();
    let mut number = |text| {
        *numbers.entry(text).or_insert_with(|| {
            different.push((text, different.len()));
            different.len() - 1
        })
    };
    let mut all: Vec<usize> = texts.map(&mut number).collect();
    different.sort_unstable();
    let mut places = vec![0; different.len()];
    for (place, (_, number)) in different.into_iter().enumerate() {
        places[number] = place;
    }
    all.iter_mut().for_each(|number| *number = places[*number]);
    all
}

/// The campaign key as text.
pub(crate) fn campaign_key([platform, account_id, campaign_id]: [&str; 3]) -> String {
    CampaignKey { platform, account_id, campaign_id }.to_string()
}

/// The account key as text.
pub(crate) fn account_key([platform, account_id]: [&str; 2]) -> String {
    AccountKey { platform, account_id }.to_string()
}

/// What an alert is about: a campaign, or an account.
pub(crate) fn alert_subject(alert: &Alert<'_>) -> String {
    match alert.campaign_id {
        Some(campaign_id) => campaign_key([alert.platform, alert.account_id, campaign_id]),
        None => account_key([alert.platform, alert.account_id]),
    }
}

/// One announcement is told from another by its campaign, day, time and action.
pub(crate) fn recommendation_key<'r>(
    it: &'r Recommendation<'_>,
) -> ([&'r str; 3], (Day, TimestampMs, Action)) {
    ([it.platform, it.account_id, it.campaign_id], (it.as_of, it.announced_at, it.action))
}

/// What tells one alert from another in texts: its subject and code.
type AlertTexts<'r> = (&'r str, &'r str, Option<&'r str>, &'r str);

/// One alert of a subject is told from another by its code, its time and whether it fired or resolved.
pub(crate) fn alert_key<'r>(it: &'r Alert<'_>) -> (AlertTexts<'r>, (TimestampMs, AlertState)) {
    ((it.platform, it.account_id, it.campaign_id, it.code), (it.raised_at, it.state))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule itself, by comparing rows with rows.
    fn plainly(rows: &[At<(&'static str, u8)>]) -> Vec<i64> {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| (row.value, Reverse(row.offset)));
        rows.dedup_by_key(|row| row.value);
        rows.iter().map(|row| row.offset).collect()
    }

    proptest! {
        #[test]
        fn rows_lie_in_the_order_of_their_keys_and_only_the_newest_of_each_is_kept(
            keys in proptest::collection::vec((proptest::sample::select(vec!["", "a", "ab", "b", "ä"]), 0..3_u8), 0..40),
        ) {
            let at = |(offset, value)| At { index: 0, partition: 0, offset, value };
            let mut rows: Vec<_> = (0..).zip(keys).map(at).collect();
            let expected = plainly(&rows);
            let left_out = rows.len() - expected.len();
            prop_assert_eq!(keep_newest(&mut rows, |key| key), left_out as u64);
            prop_assert_eq!(rows.iter().map(|row| row.offset).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_newest_record_of_a_key_is_kept_in_the_order_of_keys() {
        let at = |offset, value| At { index: 0, partition: 0, offset, value };
        let mut rows =
            vec![at(4, ("b", 4)), at(1, ("a", 1)), at(9, ("a", 9)), at(2, ("b", 2)), at(3, ("a", 3))];
        assert_eq!(keep_newest(&mut rows, |(key, _)| (key, ())), 3);
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<_>>(), [("a", 9), ("b", 4)]);
    }
}
