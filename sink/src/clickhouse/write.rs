//! One batch: decode, keep the newest of each key, insert table by table. Rows that the server refuses are left out and
//! the batch is gone through again, because an older record of the same key then counts; what landed before is found by
//! its positions.

use std::collections::BTreeSet;
use std::time::Instant;

use super::insert::{Source, insert};
use super::token::Ranges;
use super::{ClickHouseSink, STORE, TOPICS, tables};
use crate::batch::{
    At, Facts, Keyed, Selection, alert_key, decode, keep_newest, keep_newest_by, places, recommendation_key,
    views,
};
use crate::{Rejected, SinkError, SinkRecord, Written, metrics};

/// Rounds that find further refused rows, before the batch is taken for a defect of the schema.
const ROUNDS_MAX: usize = 8;

/// `again`: some of the rows may be stored already.
pub(super) async fn write(
    sink: &mut ClickHouseSink,
    batch: &[SinkRecord<'_>],
    again: bool,
) -> Result<Written, SinkError> {
    let started = Instant::now();
    let ranges = Ranges::of(batch);
    let mut written = Written::default();
    let mut left_out = BTreeSet::new();
    for round in 0..ROUNDS_MAX {
        let selection = Selection { topics: &TOPICS, left_out: &left_out };
        let (facts, undecodable) = decode(STORE, &mut sink.decoder, batch, &selection)?;
        let mut refused = Vec::new();
        // What landed in the rounds before is there.
        let source = Source { batch, ranges: &ranges, again: again || round > 0 };
        let landed = insert_all(sink, source, &facts, &mut refused).await?;
        if refused.is_empty() {
            written.rows = landed.rows;
            written.superseded = landed.superseded;
            written.skipped = landed.skipped;
            written.rejected.extend(undecodable);
            written.rejected.sort_by_key(|rejected| rejected.index);
            let set_aside = written.skipped + written.superseded + written.rejected.len() as u64;
            written.stored = batch.len() as u64 - set_aside;
            metrics::batch(STORE, &written, started.elapsed());
            return Ok(written);
        }
        for rejected in refused {
            // A day is a row of two tables, and both may refuse it.
            if left_out.insert(rejected.index) {
                written.rejected.push(rejected);
            }
        }
    }
    Err(SinkError::Fatal {
        store: STORE,
        action: "write a batch",
        reason: format!(
            "{} rows were refused and still more are; compare the schema",
            written.rejected.len()
        ),
    })
}

struct Landed {
    rows: u64,
    superseded: u64,
    skipped: u64,
}

async fn insert_all(
    sink: &mut ClickHouseSink,
    source: Source<'_>,
    facts: &Facts<'_>,
    refused: &mut Vec<Rejected>,
) -> Result<Landed, SinkError> {
    // Days are rows of two tables, in the order of the same texts.
    let campaigns_of_days = places(facts.days.iter().map(|at| &at.value.key.0));
    let mut rows = insert_revisions(sink, source, facts, &campaigns_of_days, refused).await?;
    rows += insert_hours(sink, source, facts, refused).await?;
    let (mut scores, skipped) = history_of_scores(&facts.scores);
    let (mut campaigns, mut days) = (views(&facts.campaigns), views(&facts.days));
    let (mut leads, mut accounts) = (views(&facts.leads), views(&facts.accounts));
    let (mut recommendations, mut alerts) = (views(&facts.recommendations), views(&facts.alerts));
    let superseded = keep_newest(&mut campaigns, |it| (&it.key, ()))
        + keep_newest_by(&mut days, campaigns_of_days, |it| it.key.1)
        + keep_newest(&mut scores, |it| ([it.platform, it.account_id, it.campaign_id], it.as_of))
        + keep_newest(&mut leads, |it| (it.key, ()))
        + keep_newest(&mut accounts, |it| (&it.key, ()))
        + keep_newest(&mut recommendations, |it| recommendation_key(it))
        + keep_newest(&mut alerts, |it| alert_key(it));
    // Each dead letter is a row of its own; this only puts them in order.
    let mut dead_letters = views(&facts.dead_letters);
    dead_letters.sort_unstable_by_key(|letter| (letter.partition, letter.offset));

    rows += insert(sink, source, &tables::campaigns(), &campaigns, refused).await?;
    rows += insert(sink, source, &tables::days(), &days, refused).await?;
    rows += insert(sink, source, &tables::scores(), &scores, refused).await?;
    rows += insert(sink, source, &tables::leads(), &leads, refused).await?;
    rows += insert(sink, source, &tables::accounts(), &accounts, refused).await?;
    rows += insert(sink, source, &tables::recommendations(), &recommendations, refused).await?;
    rows += insert(sink, source, &tables::alerts(), &alerts, refused).await?;
    rows += insert(sink, source, &tables::dead_letters(), &dead_letters, refused).await?;
    Ok(Landed { rows, superseded, skipped })
}

/// Every revision of a day's figures that the batch brings, before the days themselves are thinned out. `campaigns` are the
/// places of the days' campaigns.
async fn insert_revisions(
    sink: &mut ClickHouseSink,
    source: Source<'_>,
    facts: &Facts<'_>,
    campaigns: &[usize],
    refused: &mut Vec<Rejected>,
) -> Result<u64, SinkError> {
    let figures = facts.days.iter().zip(campaigns).filter_map(|(at, campaign)| {
        // Revision 0 has only leads and no figures yet.
        let day = at.value.value.as_ref().filter(|day| day.revision > 0)?;
        Some((at.with(day), *campaign))
    });
    let (mut revisions, campaigns): (Vec<_>, Vec<_>) = figures.unzip();
    keep_newest_by(&mut revisions, campaigns, |it| (it.day, it.revision));
    insert(sink, source, &tables::revisions(), &revisions, refused).await
}

/// Every hour of an account that the batch brings, before the accounts themselves are thinned out: an account's record
/// carries its newest hours only.
async fn insert_hours(
    sink: &mut ClickHouseSink,
    source: Source<'_>,
    facts: &Facts<'_>,
    refused: &mut Vec<Rejected>,
) -> Result<u64, SinkError> {
    let mut hours = Vec::new();
    for at in &facts.accounts {
        let Some(account) = &at.value.value else { continue };
        hours.extend(account.hours.iter().map(|hour| at.with((account, *hour))));
    }
    keep_newest(&mut hours, |(account, hour)| ([account.platform, account.account_id], hour.hour_start));
    insert(sink, source, &tables::hours(), &hours, refused).await
}

/// Scores without their tombstones: a campaign that is gone keeps its history.
fn history_of_scores<K, V>(scores: &[At<Keyed<K, V>>]) -> (Vec<At<&V>>, u64) {
    let kept: Vec<At<&V>> = scores.iter().filter_map(|at| Some(at.with(at.value.value.as_ref()?))).collect();
    let skipped = (scores.len() - kept.len()) as u64;
    (kept, skipped)
}
