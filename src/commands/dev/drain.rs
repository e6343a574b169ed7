//! Whether everything sent has reached both stores.
//!
//! A group has nothing left when no record lies between its committed offsets and the ends of its topics. Offsets alone
//! cannot tell, because transactions leave markers behind the last record; so the rest is read, and must be empty.

use std::time::{Duration, Instant};

use anyhow::bail;
use kafka::{Admin, nothing_left};
use schemas::Topic;

use crate::roles::{Context, Role, Store, group_name};

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until every stage has nothing left to read, in the order data moves.
pub async fn drained(context: &Context, limit: Duration) -> anyhow::Result<()> {
    let admin = Admin::new(&context.kafka)?;
    let deadline = Instant::now() + limit;
    let stages: [(Role, &[Topic]); 4] = [
        (Role::Normalize, &[Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock]),
        (Role::Score, &[Topic::Events]),
        (Role::Sink(Store::ClickHouse), Store::ClickHouse.topics()),
        (Role::Sink(Store::Postgres), Store::Postgres.topics()),
    ];
    for (role, topics) in stages {
        let group = group_name(&context.config, role.name());
        let names = context.topics.names(topics);
        loop {
            // What a transaction still hides is on its way as well.
            let decided = admin.is_decided(&names).await?;
            let lag = admin.lag(&group, &names).await?;
            let settings = context.kafka.clone();
            let of = group.clone();
            if decided && tokio::task::spawn_blocking(move || nothing_left(&settings, &of, lag)).await?? {
                break;
            }
            if context.shutdown.is_requested() {
                bail!("stopped before everything had reached the stores");
            }
            if Instant::now() >= deadline {
                bail!("{} still has records to read after {} s", role.name(), limit.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}
