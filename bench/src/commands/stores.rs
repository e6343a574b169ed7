//! What a client that has nothing else to do gets into the stores: rows already in memory as RowBinary for ClickHouse, upserts by
//! arrays for Postgres. Nothing is decoded, sorted, checked or guarded; a sink does all of that.

use std::time::Instant;

use anyhow::Context as _;
use devstack::Engine;

use super::float;
use crate::Options;
use crate::process::{cpu_of, own_cpu_seconds};
use crate::report::{Figures, Report};
use crate::site::Site;

/// Rows of an insert, as the sinks have them.
const INSERT_ROWS: u64 = 50_000;
const UPSERT_ROWS: u64 = 5_000;
/// Numbers in a row beside its key and its day: 15 columns, some 115 bytes.
const NUMBERS: u64 = 13;

/// Measures both.
pub async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let rows = options.size(1_000_000, 5_000);
    let site = Site::start(&[Engine::Kafka, Engine::ClickHouse, Engine::Postgres], options).await?;
    for run in 0..options.run_count() {
        report.add("raw RowBinary", clickhouse(&site, rows, run).await?);
        report.add("raw upserts", postgres(&site, rows.min(500_000), run).await?);
    }
    site.stop().await
}

async fn clickhouse(site: &Site, rows: u64, run: usize) -> anyhow::Result<Figures> {
    let (url, server) = site.clickhouse()?;
    let names: Vec<String> = (0..NUMBERS).map(|number| format!("n{number} Int64")).collect();
    let ddl = format!(
        "CREATE TABLE raw{run} (campaign String, day Date, {}) ENGINE = MergeTree ORDER BY (campaign, day)",
        names.join(", ")
    );
    let parts: Vec<Vec<u8>> = (0..rows.div_ceil(INSERT_ROWS)).map(|part| row_binary(part, rows)).collect();
    let work = tokio::task::spawn_blocking(move || {
        ureq::post(&url).send(ddl).context("creating a table")?;
        let insert = format!("{url}/?async_insert=0&query=INSERT%20INTO%20raw{run}%20FORMAT%20RowBinary");
        let before = (Instant::now(), own_cpu_seconds()?, cpu_of(server)?);
        for part in &parts {
            ureq::post(&insert).send(&part[..]).context("inserting")?;
        }
        let count =
            ureq::post(&url).send(format!("SELECT count() FROM raw{run}"))?.body_mut().read_to_string()?;
        anyhow::ensure!(count.trim() == rows.to_string(), "{rows} rows became {}", count.trim());
        anyhow::Ok((
            before.0.elapsed().as_secs_f64(),
            own_cpu_seconds()? - before.1,
            cpu_of(server)? - before.2,
        ))
    });
    let (wall, own, servers) = work.await??;
    Ok(figures(rows, wall, own, Some(servers)))
}

/// The rows of an insert, with the campaigns in order, which spares the server a sort.
fn row_binary(part: u64, rows: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in part * INSERT_ROWS..rows.min((part + 1) * INSERT_ROWS) {
        let campaign = format!("facebook:100000000001:12021{:012}", row / 30);
        bytes.push(u8::try_from(campaign.len()).unwrap_or(u8::MAX));
        bytes.extend(campaign.as_bytes());
        bytes.extend((20_000 + u16::try_from(row % 30).unwrap_or(0)).to_le_bytes());
        for number in 0..NUMBERS {
            bytes.extend((row * number).to_le_bytes());
        }
    }
    bytes
}

async fn postgres(site: &Site, rows: u64, run: usize) -> anyhow::Result<Figures> {
    let (mut client, connection) = tokio_postgres::connect(&site.postgres()?, tokio_postgres::NoTls)
        .await
        .context("connecting to Postgres")?;
    let connection = tokio::spawn(connection);
    let ddl = format!(
        "CREATE TABLE raw{run} (campaign text, day int, spend bigint, impressions bigint, clicks bigint, leads bigint,
             qualified bigint, won bigint, revenue bigint, version bigint, PRIMARY KEY (campaign, day));
         CREATE TABLE raw_offset{run} (partition int PRIMARY KEY, next_offset bigint);"
    );
    client.batch_execute(&ddl).await?;
    let upsert = format!(
        "INSERT INTO raw{run} SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $3::bigint[], $3::bigint[],
             $3::bigint[], $3::bigint[], $3::bigint[], $3::bigint[], $3::bigint[])
         ON CONFLICT (campaign, day) DO UPDATE SET spend = excluded.spend, impressions = excluded.impressions,
             clicks = excluded.clicks, leads = excluded.leads, qualified = excluded.qualified, won = excluded.won,
             revenue = excluded.revenue, version = excluded.version"
    );
    let upsert = client.prepare(&upsert).await?;
    let offset = format!(
        "INSERT INTO raw_offset{run} VALUES (0, $1) ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset"
    );
    let offset = client.prepare(&offset).await?;
    let (started, before) = (Instant::now(), own_cpu_seconds()?);
    for part in 0..rows.div_ceil(UPSERT_ROWS) {
        let range = part * UPSERT_ROWS..rows.min((part + 1) * UPSERT_ROWS);
        let campaigns: Vec<String> =
            range.clone().map(|row| format!("facebook:100000000001:12021{:012}", row / 30)).collect();
        let days: Vec<i32> = range.clone().map(|row| i32::try_from(row % 30)).collect::<Result<_, _>>()?;
        let numbers: Vec<i64> = range.clone().map(i64::try_from).collect::<Result<_, _>>()?;
        let transaction = client.transaction().await?;
        transaction.execute(&upsert, &[&campaigns, &days, &numbers]).await?;
        transaction.execute(&offset, &[&i64::try_from(range.end)?]).await?;
        transaction.commit().await?;
    }
    let figures = figures(rows, started.elapsed().as_secs_f64(), own_cpu_seconds()? - before, None);
    drop(client);
    connection.await??;
    Ok(figures)
}

/// What the rows of a sink take on disk.
pub async fn clickhouse_bytes(site: &Site) -> anyhow::Result<f64> {
    let (url, _) = site.clickhouse()?;
    let asked = tokio::task::spawn_blocking(move || {
        let query = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'adpulse'";
        anyhow::Ok(ureq::post(&url).send(query)?.body_mut().read_to_string()?)
    });
    asked.await??.trim().parse().context("the size of the parts")
}

/// The same of Postgres, indexes included.
pub async fn postgres_bytes(site: &Site) -> anyhow::Result<f64> {
    let (client, connection) = tokio_postgres::connect(&site.postgres()?, tokio_postgres::NoTls)
        .await
        .context("connecting to Postgres")?;
    let connection = tokio::spawn(connection);
    let query = "SELECT sum(pg_total_relation_size(relid))::float8 FROM pg_stat_user_tables";
    let bytes: f64 = client.query_one(query, &[]).await?.try_get(0)?;
    drop(client);
    connection.await??;
    Ok(bytes)
}

fn figures(rows: u64, wall: f64, own: f64, server: Option<f64>) -> Figures {
    let count = float(rows);
    let mut figures: Figures =
        [("rows_per_second_wall", count / wall), ("rows_per_own_cpu_second", count / own.max(0.01))]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
    if let Some(server) = server {
        figures.insert("rows_per_server_cpu_second".to_owned(), count / server.max(0.01));
    }
    figures
}
