//! The ClickHouse sink: note in the group what is about to be written, write it, commit what has come of it.
//!
//! Whatever happens between the note and the commit, the next owner of a partition finds the note, reads the very same records again,
//! and completes the block under the same name. See ARCHITECTURE.md, "Exactly once into the stores".

use kafka::{CommittedOffset, PendingBlock, SinkEvent, reread};
use sink::clickhouse::ClickHouseSink;
use sink::{SinkError, Written};

use super::backoff::Backoff;
use super::session::{Next, Session, all};
use super::{End, group_name};
use crate::connect;
use crate::crash_points::seeded;

pub async fn run(session: &mut Session<'_>) -> Result<(), End> {
    let context = session.context;
    let mut writer = ClickHouseSink::new(&connect::clickhouse(&context.config.clickhouse), &context.schemas);
    let mut verified = false;
    while let Some(event) = session.next().await? {
        let next = match event {
            SinkEvent::Assigned { committed, .. } => {
                let next = match verified {
                    true => Next::Done,
                    false => verify(session, &writer).await?,
                };
                verified = next == Next::Done;
                match next {
                    Next::Done => start(session, &mut writer, &committed).await?,
                    other => other,
                }
            }
            SinkEvent::Batch(batch) => store(session, &mut writer, &batch).await?,
            SinkEvent::Revoked { .. } | SinkEvent::Lost { .. } => Next::Done,
        };
        if next == Next::Stop {
            break;
        }
    }
    Ok(())
}

/// Nothing is written to tables that would let a repeated block in.
async fn verify(session: &mut Session<'_>, writer: &ClickHouseSink) -> Result<Next, End> {
    let mut backoff = Backoff::new();
    loop {
        match writer.verify().await {
            Ok(()) => return Ok(Next::Done),
            Err(error) if error.is_transient() => match session.patience(&error, &mut backoff).await {
                Next::Done => {}
                other => return Ok(other),
            },
            Err(error) => return Err(error.into()),
        }
    }
}

/// Completes what earlier owners of the partitions were writing, and begins behind it.
async fn start(
    session: &mut Session<'_>,
    writer: &mut ClickHouseSink,
    committed: &[CommittedOffset],
) -> Result<Next, End> {
    let mut pending = Vec::new();
    for entry in committed {
        if let Some(block) = PendingBlock::parse(&entry.partition, &entry.metadata)? {
            pending.push((block, entry.partition.clone()));
        }
    }
    pending.sort();
    while let Some((block, _)) = pending.first() {
        let block = block.clone();
        let same = pending.iter().take_while(|(other, _)| *other == block).count();
        // The block may hold partitions that others have; what becomes of those is theirs to say.
        let ours: Vec<_> = pending.drain(..same).map(|(_, partition)| partition).collect();
        let (settings, group) =
            (session.context.kafka.clone(), group_name(&session.context.config, session.store.stage()));
        let wanted = block.clone();
        let batch = tokio::task::spawn_blocking(move || reread(&settings, &group, &wanted))
            .await
            .map_err(|error| End::Failed(error.into()))??;
        tracing::info!(topic = %block.topic(), ranges = block.metadata(), records = batch.len(), "completing a block");
        let (consumed, records) = session.records(all(&batch));
        let written = match write(session, writer, &records, true).await? {
            Ok(written) => written,
            Err(next) => return Ok(next),
        };
        let is_ours = |partition: i32| ours.iter().any(|at| at.partition == partition);
        let letters = session.letters.add(&consumed, &written.rejected, |record| is_ours(record.partition));
        letters.map_err(End::Failed)?;
        let ends = block.ends().filter(|(at, _)| is_ours(at.partition)).collect();
        match session.settle(ends).await? {
            Next::Done => {}
            other => return Ok(other),
        }
        ::metrics::counter!(::sink::TAKEN_OVER_TOTAL, "sink" => session.store.name()).increment(1);
    }
    session.consumer.begin(Vec::new()).await?;
    session.ready();
    Ok(Next::Done)
}

async fn store(
    session: &mut Session<'_>,
    writer: &mut ClickHouseSink,
    batch: &kafka::Batch,
) -> Result<Next, End> {
    let blocks = PendingBlock::of(batch);
    let noted = session.consumer.commit_pending(&blocks).await;
    match session.judge(noted)? {
        Next::Done => {}
        other => return Ok(other),
    }
    fail::fail_point!("clickhouse.range_committed");
    if seeded("bug.commit_before_insert") {
        session.settle(batch.next_offsets()).await?;
    }
    for block in &blocks {
        let of_block = all(batch).filter(|record| block.holds(record.topic, record.partition));
        let (consumed, records) = session.records(of_block);
        match write(session, writer, &records, false).await? {
            Ok(written) => {
                session.letters.add(&consumed, &written.rejected, |_| true).map_err(End::Failed)?;
            }
            Err(next) => {
                session.letters.forget();
                return Ok(next);
            }
        }
    }
    session.ready();
    session.settle(batch.next_offsets()).await
}

/// Makes a block durable, however long the store takes, or says why it was not waited for.
async fn write(
    session: &mut Session<'_>,
    writer: &mut ClickHouseSink,
    records: &[sink::SinkRecord<'_>],
    mut again: bool,
) -> Result<Result<Written, Next>, End> {
    let mut backoff = Backoff::new();
    loop {
        let result: Result<Written, SinkError> = match again {
            true => writer.complete(records).await,
            false => writer.write(records).await,
        };
        match result {
            Ok(written) => return Ok(Ok(written)),
            Err(error) if error.is_transient() => match session.patience(&error, &mut backoff).await {
                // Whether the store has it is not known, and by then it may have forgotten the token.
                Next::Done => again = true,
                other => return Ok(Err(other)),
            },
            Err(error) => return Err(error.into()),
        }
    }
}
