//! The rows of a batch, by statement: newest of each key, upserts apart from deletions, always in the same order.

use schemas::Day;
use schemas::record::{Account, Alert, Campaign, CampaignDay, CampaignScore, Lead, Recommendation};

use crate::batch::{
    AccountParts, At, CampaignParts, Facts, Keyed, alert_key, keep_newest, recommendation_key, views,
};

/// What a batch does to the tables.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) campaigns: Upserts<'a, CampaignParts<'a>, Campaign<'a>>,
    pub(super) campaigns_gone: Deletions<'a, CampaignParts<'a>>,
    pub(super) days: Upserts<'a, (CampaignParts<'a>, Day), CampaignDay<'a>>,
    pub(super) days_gone: Deletions<'a, (CampaignParts<'a>, Day)>,
    pub(super) scores: Upserts<'a, CampaignParts<'a>, CampaignScore<'a>>,
    pub(super) scores_gone: Deletions<'a, CampaignParts<'a>>,
    pub(super) leads: Upserts<'a, &'a str, Lead<'a>>,
    pub(super) leads_gone: Deletions<'a, &'a str>,
    pub(super) accounts: Upserts<'a, AccountParts<'a>, Account<'a>>,
    pub(super) accounts_gone: Deletions<'a, AccountParts<'a>>,
    pub(super) recommendations: Vec<At<&'a Recommendation<'a>>>,
    pub(super) alerts: Vec<At<&'a Alert<'a>>>,
}

/// Rows that are there: their keys and values.
type Upserts<'a, K, V> = Vec<At<(&'a K, &'a V)>>;
/// Keys that are gone.
type Deletions<'a, K> = Vec<At<&'a K>>;

/// Sorts out a batch, and counts the records that a later one of it replaces.
pub(super) fn rows<'a>(facts: &'a Facts<'a>) -> (Rows<'a>, u64) {
    let (mut campaigns, mut days, mut scores) =
        (views(&facts.campaigns), views(&facts.days), views(&facts.scores));
    let (mut leads, mut accounts) = (views(&facts.leads), views(&facts.accounts));
    let (mut recommendations, mut alerts) = (views(&facts.recommendations), views(&facts.alerts));
    let superseded = keep_newest(&mut campaigns, |it| (&it.key, ()))
        + keep_newest(&mut days, |it| (&it.key.0, it.key.1))
        + keep_newest(&mut scores, |it| (&it.key, ()))
        + keep_newest(&mut leads, |it| (it.key, ()))
        + keep_newest(&mut accounts, |it| (&it.key, ()))
        + keep_newest(&mut recommendations, |it| recommendation_key(it))
        + keep_newest(&mut alerts, |it| alert_key(it));
    let (campaigns, campaigns_gone) = split(campaigns);
    let (days, days_gone) = split(days);
    let (scores, scores_gone) = split(scores);
    let (leads, leads_gone) = split(leads);
    let (accounts, accounts_gone) = split(accounts);
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
        recommendations,
        alerts,
    };
    (rows, superseded)
}

fn split<K, V>(rows: Vec<At<&Keyed<K, V>>>) -> (Upserts<'_, K, V>, Deletions<'_, K>) {
    let (mut there, mut gone) = (Vec::with_capacity(rows.len()), Vec::new());
    for at in rows {
        let Keyed { key, value } = at.value;
        match value {
            Some(value) => there.push(at.with((key, value))),
            None => gone.push(at.with(key)),
        }
    }
    (there, gone)
}
