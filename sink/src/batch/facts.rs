//! The decoded records of a batch, one list for each table, and the rule that the newest of a key is the one that counts.

use std::borrow::Cow;
use std::cmp::Ordering;

use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, DeadLetter, Lead, Recommendation,
};
use schemas::{AccountKey, CampaignKey, Day};

/// Platform, account and campaign: borrowed from the value, or from the key of a tombstone.
pub(crate) type CampaignParts<'a> = [Cow<'a, str>; 3];

/// Platform and account, likewise.
pub(crate) type AccountParts<'a> = [Cow<'a, str>; 2];

/// A value and the record it came in.
#[derive(Debug)]
pub(crate) struct At<T> {
    /// Its place in the batch.
    pub(crate) index: usize,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) value: T,
}

impl<T> At<T> {
    fn view(&self) -> At<&T> {
        At { index: self.index, partition: self.partition, offset: self.offset, value: &self.value }
    }
}

/// A value of a compacted topic under its key; without one the key is gone.
#[derive(Debug)]
pub(crate) struct Keyed<K, V> {
    pub(crate) key: K,
    pub(crate) value: Option<V>,
}

/// A batch by table.
#[derive(Debug, Default)]
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

/// Facts by their places: they are large, so it is these that are sorted.
pub(crate) fn views<T>(facts: &[At<T>]) -> Vec<At<&T>> {
    facts.iter().map(At::view).collect()
}

/// Sorts by key and keeps the newest of each, so that a statement touches a row once and the order of rows depends on
/// nothing but the records. Returns how many older ones were left out.
pub(crate) fn keep_newest<T>(rows: &mut Vec<At<T>>, key: impl Fn(&T, &T) -> Ordering) -> u64 {
    let before = rows.len();
    rows.sort_unstable_by(|a, b| key(&a.value, &b.value).then(b.offset.cmp(&a.offset)));
    rows.dedup_by(|later, first| key(&later.value, &first.value) == Ordering::Equal);
    (before - rows.len()) as u64
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
pub(crate) fn by_recommendation(a: &Recommendation<'_>, b: &Recommendation<'_>) -> Ordering {
    let key = |it: &Recommendation<'_>| (it.as_of, it.announced_at, it.action);
    let campaign = [a.platform, a.account_id, a.campaign_id].cmp(&[b.platform, b.account_id, b.campaign_id]);
    campaign.then_with(|| key(a).cmp(&key(b)))
}

/// One alert of a subject is told from another by its code, its time and whether it fired or resolved.
pub(crate) fn by_alert(a: &Alert<'_>, b: &Alert<'_>) -> Ordering {
    (a.platform, a.account_id, a.campaign_id, a.code, a.raised_at, a.state).cmp(&(
        b.platform,
        b.account_id,
        b.campaign_id,
        b.code,
        b.raised_at,
        b.state,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_record_of_a_key_is_kept_in_the_order_of_keys() {
        let at = |offset, value| At { index: 0, partition: 0, offset, value };
        let mut rows =
            vec![at(4, ("b", 4)), at(1, ("a", 1)), at(9, ("a", 9)), at(2, ("b", 2)), at(3, ("a", 3))];
        assert_eq!(keep_newest(&mut rows, |x, y| x.0.cmp(y.0)), 3);
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<_>>(), [("a", 9), ("b", 4)]);
    }
}
