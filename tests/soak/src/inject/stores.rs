//! Stores that answer and refuse: the real engines, brought into the state in which they say no.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio_postgres::{Client, NoTls};

use super::{LOOK_EVERY, wait};
use crate::block_on;
use crate::fault::{Contention, Link, Refusal};
use crate::oracle::stores::{clickhouse_do, clickhouse_rows};
use crate::role::Role;
use crate::site::Site;

/// Traffic brings the sink to the table within this.
const MET_WITHIN: Duration = Duration::from_secs(60);
/// Races that are provoked, in the hope that the sink loses each.
const RACES: usize = 3;
const TRIES_MAX: usize = 12;

/// What brings a table into a state, what takes it out again, and by which code the refusal is known.
struct Way {
    tables: &'static str,
    spoil: &'static str,
    mend: &'static str,
    code: &'static str,
}

const fn way(refusal: Refusal) -> Way {
    const ALL: &str = "engine LIKE '%MergeTree' AND name != 'schema_migrations'";
    let (tables, spoil, mend, code) = match refusal {
        Refusal::ReadOnly => {
            (ALL, "MODIFY SETTING table_readonly = 1", "MODIFY SETTING table_readonly = 0", "Code: 774")
        }
        Refusal::LowDisk => (
            ALL,
            "MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1152921504606846976",
            "RESET SETTING min_free_disk_bytes_to_perform_insert",
            "Code: 243",
        ),
        Refusal::TooManyParts => (
            ALL,
            "MODIFY SETTING parts_to_throw_insert = 1",
            "RESET SETTING parts_to_throw_insert",
            "Code: 252",
        ),
        Refusal::SchemaDrift => (
            "name = 'leads'",
            "RENAME COLUMN currency TO currency_away",
            "RENAME COLUMN currency_away TO currency",
            "adpulse migrate",
        ),
    };
    Way { tables, spoil, mend, code }
}

/// ClickHouse refuses inserts for a while, and the sink must have met that.
pub(super) fn refuse(site: &Site, refusal: Refusal, time: Duration) -> anyhow::Result<()> {
    let way = way(refusal);
    let sql = format!(
        "SELECT name, engine FROM system.tables WHERE database = currentDatabase() AND {}",
        way.tables
    );
    let tables: Vec<String> = clickhouse_rows(site, &sql)?.into_iter().map(|(table, _)| table).collect();
    let sink = site.fleet().member(Role::SinkClickhouse, 0);
    let since = sink.said();
    let alter = |how: &str| {
        tables.iter().try_for_each(|table| clickhouse_do(site, &format!("ALTER TABLE `{table}` {how}")))
    };
    let spoiled = alter(way.spoil);
    let met = spoiled.is_ok() && wait(MET_WITHIN, || sink.has_said(way.code, since).then_some(())).is_some();
    if met {
        std::thread::sleep(time);
    }
    alter(way.mend).and(spoiled)?;
    if !met {
        bail!("the sink did not meet {}\n{}", way.code, sink.last_words());
    }
    Ok(())
}

/// The disk under ClickHouse's data is full for a while, and the sink must have been told.
pub(super) fn full_disk(site: &Site, time: Duration) -> anyhow::Result<()> {
    let sink = site.fleet().member(Role::SinkClickhouse, 0);
    let since = sink.said();
    site.engines.disk()?.fill(time)?;
    if !sink.has_said("No space left", since) && !sink.has_said("NOT_ENOUGH_SPACE", since) {
        bail!("the sink did not meet a full disk\n{}", sink.last_words());
    }
    Ok(())
}

/// Another session gets in the way of the Postgres sink, until the sink has lost a few races.
pub(super) fn contend(site: &Site, how: Contention) -> anyhow::Result<()> {
    let sink = site.fleet().member(Role::SinkPostgres, 0);
    let lost = || sink.metric("adpulse_sink_retries_total", "class=\"lost_race\"");
    let races = |attempt: fn(&Client, &Client) -> anyhow::Result<()>| {
        let (rival, judge) = (connect(site)?, connect(site)?);
        let before = lost();
        for _ in 0..TRIES_MAX {
            attempt(&rival, &judge)?;
            if lost() >= before + RACES as u64 {
                return Ok(());
            }
        }
        bail!("the sink lost {} races of {TRIES_MAX}\n{}", lost().saturating_sub(before), sink.last_words())
    };
    match how {
        Contention::Deadlock => {
            let before = deadlocks(&connect(site)?)?;
            races(deadlock)?;
            let judge = connect(site)?;
            let found = wait(MET_WITHIN, || deadlocks(&judge).ok().filter(|now| *now > before));
            found.map(drop).context("Postgres has counted no deadlock")
        }
        Contention::Serialization => {
            isolation(site, "SET default_transaction_isolation = 'repeatable read'")?;
            let raced = races(update);
            isolation(site, "RESET default_transaction_isolation")?;
            raced
        }
    }
}

/// The table first and the positions then, where the sink does it the other way round. The sink looks for a deadlock after
/// a second, the rival much later, so the sink is the victim.
fn deadlock(rival: &Client, judge: &Client) -> anyhow::Result<()> {
    execute(rival, "SET deadlock_timeout = '4s'; BEGIN; LOCK TABLE leads IN SHARE ROW EXCLUSIVE MODE")?;
    blocks(rival, judge)?;
    // If the rival is the victim after all, its transaction is over and the next attempt follows.
    let _ = execute(rival, "SELECT 1 FROM sink_offsets FOR UPDATE");
    execute(rival, "ROLLBACK")
}

/// Changes what the sink is about to change, after the sink's snapshot was taken.
fn update(rival: &Client, judge: &Client) -> anyhow::Result<()> {
    execute(rival, "BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE sink_offsets SET updated_at = now()")?;
    blocks(rival, judge)?;
    execute(rival, "COMMIT")
}

/// Waits until somebody waits for the rival.
fn blocks(rival: &Client, judge: &Client) -> anyhow::Result<()> {
    let pid: i32 = block_on(rival.query_one("SELECT pg_backend_pid()", &[]))?.get(0);
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))";
    let deadline = Instant::now() + MET_WITHIN;
    while Instant::now() < deadline {
        if block_on(judge.query_one(sql, &[&pid]))?.get(0) {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!("nobody waited for the rival's locks")
}

/// A setting of the database, which new sessions have; those that are open are ended.
fn isolation(site: &Site, setting: &str) -> anyhow::Result<()> {
    let client = connect(site)?;
    execute(&client, &format!("ALTER DATABASE \"{}\" {setting}", site.database()))?;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(&client, end)
}

fn deadlocks(client: &Client) -> anyhow::Result<i64> {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    Ok(block_on(client.query_one(sql, &[]))?.get(0))
}

fn execute(client: &Client, sql: &str) -> anyhow::Result<()> {
    block_on(client.batch_execute(sql)).with_context(|| format!("Postgres: {sql}"))
}

fn connect(site: &Site) -> anyhow::Result<Client> {
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&site.postgres(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    })
}

/// Whoever still restores after the fault before is not ready for a reason of its own.
fn wait_until_all_are_ready(site: &Site) -> anyhow::Result<()> {
    const WITHIN: Duration = Duration::from_secs(90);
    let begun = Instant::now();
    loop {
        let busy = site.fleet().members().iter().find_map(|member| {
            let (status, body) = member.get("/readyz");
            (status != 200).then(|| format!("{} {}: {status} {body}", member.role.name(), member.number))
        });
        let Some(busy) = busy else { return Ok(()) };
        anyhow::ensure!(begun.elapsed() < WITHIN, "not ready before the outage began: {busy}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A store is away for long, while more arrives for it than its sink may hold. Nobody may die or lose its partitions for that,
/// and who waits must say for what.
pub(super) fn outage(
    site: &Site,
    link: Link,
    time: Duration,
    flood: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    /// What a sink may hold more than before: its queue, one batch and what was fetched ahead, several times over.
    const GROWS_MIB_MAX: u64 = 96;
    const FILLS_WITHIN: Duration = Duration::from_secs(60);
    let role = if link == Link::Postgres { Role::SinkPostgres } else { Role::SinkClickhouse };
    let sink = site.fleet().member(role, 0);
    let group = format!("group=\"{}\"", site.group(role));
    let rebalances = || sink.metric("adpulse_kafka_rebalances_total", &group);
    wait_until_all_are_ready(site)?;
    let (starts, assigned, memory) = (sink.starts(), rebalances(), sink.memory_mib().unwrap_or(0));
    let begun = Instant::now();
    site.engines.proxy(link).set(crate::proxy::Mode::Refuse);
    let flooded = flood();
    let (mut paused, mut most, mut said, mut others) = (0, 0, String::new(), Vec::new());
    // On a busy machine it takes longer until more has arrived than may be held.
    while begun.elapsed() < time || (paused == 0 && begun.elapsed() < time + FILLS_WITHIN) {
        paused = paused.max(sink.metric("adpulse_kafka_paused_partitions", &group));
        most = most.max(sink.memory_mib().unwrap_or(0));
        for member in site.fleet().members() {
            let (status, body) = member.get("/readyz");
            if status != 503 {
                continue;
            }
            let needs_it = member.role == role || (member.role == Role::Serve && link == Link::Postgres);
            if needs_it && body.contains(link.name()) {
                said = body;
            } else {
                others.push(format!("{} {}: {body}", member.role.name(), member.number));
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let (restarted, given) = (sink.starts() - starts, rebalances().saturating_sub(assigned));
    site.engines.proxy(link).set(crate::proxy::Mode::Pass);
    flooded?;
    let name = role.name();
    anyhow::ensure!(restarted == 0, "{name} was started {restarted} times\n{}", sink.last_words());
    anyhow::ensure!(given == 0, "{name} was given partitions {given} times during the outage");
    anyhow::ensure!(paused > 0, "{name} did not stop fetching, so its limits were not tried");
    anyhow::ensure!(!said.is_empty(), "nobody's /readyz has named {}", link.name());
    anyhow::ensure!(others.is_empty(), "not ready without need: {}", others.join("; "));
    let grown = most.saturating_sub(memory);
    anyhow::ensure!(grown <= GROWS_MIB_MAX, "{name} grew by {grown} MiB, more than {GROWS_MIB_MAX} MiB");
    Ok(())
}
