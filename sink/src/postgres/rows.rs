//! The rows of a batch, by statement: newest of each key, upserts apart from deletions, always in the same order.

use schemas::Day;
use schemas::record::{Account, Alert, Campaign, CampaignDay, CampaignScore, Lead, Recommendation};

use crate::batch::{AccountParts, At, CampaignParts, Facts, Keyed, by_alert, by_recommendation, keep_newest};

/// What a batch does to the tables.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) campaigns: Vec<At<(CampaignParts<'a>, Campaign<'a>)>>,
    pub(super) campaigns_gone: Vec<At<CampaignParts<'a>>>,
    pub(super) days: Vec<At<((CampaignParts<'a>, Day), CampaignDay<'a>)>>,
    pub(super) days_gone: Vec<At<(CampaignParts<'a>, Day)>>,
    pub(super) scores: Vec<At<(CampaignParts<'a>, CampaignScore<'a>)>>,
    pub(super) scores_gone: Vec<At<CampaignParts<'a>>>,
    pub(super) leads: Vec<At<(&'a str, Lead<'a>)>>,
    pub(super) leads_gone: Vec<At<&'a str>>,
    pub(super) accounts: Vec<At<(AccountParts<'a>, Account<'a>)>>,
    pub(super) accounts_gone: Vec<At<AccountParts<'a>>>,
    pub(super) recommendations: Vec<At<Recommendation<'a>>>,
    pub(super) alerts: Vec<At<Alert<'a>>>,
}

/// Sorts out a batch, and counts the records that a later one of it replaces.
pub(super) fn rows(mut facts: Facts<'_>) -> (Rows<'_>, u64) {
    let superseded = keep_newest(&mut facts.campaigns, |a, b| a.key.cmp(&b.key))
        + keep_newest(&mut facts.days, |a, b| a.key.cmp(&b.key))
        + keep_newest(&mut facts.scores, |a, b| a.key.cmp(&b.key))
        + keep_newest(&mut facts.leads, |a, b| a.key.cmp(b.key))
        + keep_newest(&mut facts.accounts, |a, b| a.key.cmp(&b.key))
        + keep_newest(&mut facts.recommendations, by_recommendation)
        + keep_newest(&mut facts.alerts, by_alert);
    let (campaigns, campaigns_gone) = split(facts.campaigns);
    let (days, days_gone) = split(facts.days);
    let (scores, scores_gone) = split(facts.scores);
    let (leads, leads_gone) = split(facts.leads);
    let (accounts, accounts_gone) = split(facts.accounts);
    let rows = Rows {
        campaigns,
        campaigns_gone,
        days,
        days_gone,
        scores,
        scores_gone,
        leads,
        leads_gone,
        accounts,
        accounts_gone,
        recommendations: facts.recommendations,
        alerts: facts.alerts,
    };
    (rows, superseded)
}

/// Rows that are there, and keys that are gone.
type Split<K, V> = (Vec<At<(K, V)>>, Vec<At<K>>);

fn split<K, V>(rows: Vec<At<Keyed<K, V>>>) -> Split<K, V> {
    let (mut there, mut gone) = (Vec::with_capacity(rows.len()), Vec::new());
    for At { index, partition, offset, value: Keyed { key, value } } in rows {
        match value {
            Some(value) => there.push(At { index, partition, offset, value: (key, value) }),
            None => gone.push(At { index, partition, offset, value: key }),
        }
    }
    (there, gone)
}
