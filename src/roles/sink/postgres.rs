//! The Postgres sink: rows and offsets in one transaction of the store, which also says where to read from.
//!
//! The offset that the group has committed says how far the dead letters are kept: they go out with it, in one transaction, before the
//! store commits. If the store then does not, the batch comes again, and its letters are known to be there.

use std::time::Duration;

use kafka::{CommittedOffset, SinkEvent, TopicPartition};
use sink::SinkError;
use sink::postgres::PostgresSink;
use tokio::time::MissedTickBehavior;

use super::backoff::Backoff;
use super::session::{Next, Offsets, Session, all};
use super::{End, group_name};
use crate::config::ms;
use crate::connect;

/// How often the store is asked whether it has lost something: seconds matter little then, and the question is one look at a
/// few rows.
const VERIFY_EVERY: Duration = Duration::from_secs(5);

pub async fn run(session: &mut Session<'_>) -> Result<(), End> {
    let config = &session.context.config;
    let pool = ::sink::postgres::pool(&connect::postgres(&config.postgres))?;
    let group = group_name(config, session.store.stage());
    // A batch is a few statements, each of which the server ends at its own limit.
    let limit = ms(config.postgres.statement_timeout_ms) * 3;
    let mut writer = PostgresSink::new(pool, group, &session.context.schemas).with_attempt_timeout(limit);
    let mut kept = Offsets::new();
    let mut verification = tokio::time::interval(VERIFY_EVERY);
    verification.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = session.next() => event?,
            _ = verification.tick() => {
                verify(session, &writer).await?;
                continue;
            }
        };
        let Some(event) = event else { break };
        let next = match event {
            SinkEvent::Assigned { committed, .. } => {
                kept = kept_until(&committed);
                start(session, &mut writer, &committed, &mut kept).await?
            }
            SinkEvent::Batch(batch) => store(session, &mut writer, &batch, &mut kept).await?,
            SinkEvent::Revoked { .. } | SinkEvent::Lost { .. } => Next::Done,
        };
        if next == Next::Stop {
            break;
        }
    }
    Ok(())
}

fn kept_until(committed: &[CommittedOffset]) -> Offsets {
    committed.iter().filter_map(|entry| Some((entry.partition.clone(), entry.offset?))).collect()
}

/// Begins where the store says; what it does not know is read from the oldest record. The group is told of what the store has
/// and it has not heard of: a predecessor died between the two.
async fn start(
    session: &mut Session<'_>,
    writer: &mut PostgresSink,
    committed: &[CommittedOffset],
    kept: &mut Offsets,
) -> Result<Next, End> {
    let mut backoff = Backoff::new();
    let positions = loop {
        match writer.positions().await {
            Ok(positions) => break positions,
            Err(error) if error.is_transient() => match session.patience(&error, &mut backoff).await {
                Next::Done => {}
                other => return Ok(other),
            },
            Err(error) => return Err(error.into()),
        }
    };
    let topics = &session.context.topics;
    let stored: Vec<(TopicPartition, i64)> = positions
        .into_iter()
        .map(|((topic, partition), offset)| (TopicPartition::new(topics.name(topic), partition), offset))
        .collect();
    session.consumer.begin_at(stored.clone()).await?;
    session.ready();
    let mut unheard = stored;
    unheard.retain(|(partition, offset)| {
        let heard = committed.iter().find(|entry| entry.partition == *partition);
        heard.is_some_and(|heard| heard.offset.is_none_or(|heard| heard < *offset))
    });
    if unheard.is_empty() {
        return Ok(Next::Done);
    }
    let settled = session.settle(unheard.clone()).await?;
    if settled == Next::Done {
        kept.extend(unheard);
    }
    Ok(settled)
}

/// Asks whether the store still has what it has acknowledged, also while no records come: a standby that has taken over may
/// not. A store that does not answer is asked again the next time.
async fn verify(session: &mut Session<'_>, writer: &PostgresSink) -> Result<(), End> {
    if !session.is_assigned() {
        return Ok(());
    }
    match writer.verify().await {
        Ok(()) => session.ready(),
        Err(error) if error.is_transient() => session.away(&error, VERIFY_EVERY),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Offsets that lie before those the group has heard of are not told to it: after a store has lost commits records come again
/// whose dead letters are kept already.
fn forwards(mut offsets: Vec<(TopicPartition, i64)>, kept: &Offsets) -> Vec<(TopicPartition, i64)> {
    offsets.retain(|(at, offset)| kept.get(at).is_none_or(|until| offset > until));
    offsets
}

/// Makes a batch durable, however long the store takes.
async fn store(
    session: &mut Session<'_>,
    writer: &mut PostgresSink,
    batch: &kafka::Batch,
    kept: &mut Offsets,
) -> Result<Next, End> {
    let (consumed, records) = session.records(all(batch));
    let mut backoff = Backoff::new();
    loop {
        let result: Result<(), SinkError> = match writer.stage(&records).await {
            Err(error) => Err(error),
            Ok(staged) => {
                let is_new = |record: &kafka::ConsumedRecord<'_>| {
                    let at = TopicPartition::new(record.topic, record.partition);
                    kept.get(&at).is_none_or(|until| record.offset >= *until)
                };
                session.letters.add(&consumed, &staged.written().rejected, is_new).map_err(End::Failed)?;
                if !session.letters.is_empty() {
                    let ends = forwards(batch.next_offsets(), kept);
                    match session.settle(ends.clone()).await? {
                        Next::Done => kept.extend(ends),
                        // Dropping what is staged undoes it.
                        other => return Ok(other),
                    }
                }
                staged.commit().await.map(drop)
            }
        };
        match result {
            Ok(()) => break,
            Err(error) if error.is_transient() => match session.patience(&error, &mut backoff).await {
                Next::Done => {}
                other => return Ok(other),
            },
            Err(error) => return Err(error.into()),
        }
    }
    session.ready();
    let ends = forwards(batch.next_offsets(), kept);
    if ends.is_empty() {
        return Ok(Next::Done);
    }
    session.settle(ends).await
}
