//! The floor of the ClickHouse sink: its rows once more as plain RowBinary.

use std::time::Instant;

use anyhow::Context as _;

use super::figures;
use crate::process::{cpu_of, own_cpu_seconds};
use crate::report::Figures;
use crate::site::Site;

/// Rows of an insert, as the sink has them.
const INSERT_ROWS: u64 = 50_000;
/// The tables with rows, and what each is sorted by.
const TABLES: &str = "SELECT name, sorting_key FROM system.tables
    WHERE database = 'adpulse' AND engine = 'ReplacingMergeTree' AND total_rows > 0 ORDER BY name FORMAT TSVRaw";

/// A block of a table in memory.
struct Block {
    table: String,
    bytes: Vec<u8>,
}

/// Writes again what the sink has left.
pub async fn raw(site: &Site) -> anyhow::Result<Figures> {
    let (url, server) = site.clickhouse()?;
    let work = tokio::task::spawn_blocking(move || {
        let (blocks, rows) = load(&url)?;
        let (started, own, servers) = (Instant::now(), own_cpu_seconds()?, cpu_of(server)?);
        for block in &blocks {
            let insert = format!(
                "{url}/?database=adpulse&async_insert=0&query=INSERT%20INTO%20raw_{}%20FORMAT%20RowBinary",
                block.table
            );
            ureq::post(&insert).send(&block.bytes[..]).context("inserting")?;
        }
        let wall = started.elapsed().as_secs_f64();
        anyhow::Ok(figures(rows, wall, own_cpu_seconds()? - own, cpu_of(server)? - servers))
    });
    work.await?
}

/// Reads the rows in the order of the log, each block in the order of its table, which spares the server a sort; makes a table of
/// the same definition for each.
fn load(url: &str) -> anyhow::Result<(Vec<Block>, u64)> {
    let mut blocks = Vec::new();
    let mut rows = 0;
    for line in String::from_utf8(ask(url, TABLES)?)?.lines() {
        let (table, order) = line.split_once('\t').context("a table without its order")?;
        ask(url, &format!("CREATE TABLE raw_{table} AS {table}"))?;
        let count = String::from_utf8(ask(url, &format!("SELECT count() FROM {table}"))?)?;
        let count: u64 = count.trim().parse().context("a number of rows")?;
        for first in (0..count).step_by(usize::try_from(INSERT_ROWS)?) {
            let query = format!(
                "SELECT * FROM (SELECT * FROM {table} ORDER BY _offset, _partition LIMIT {INSERT_ROWS} OFFSET {first})
                 ORDER BY {order} FORMAT RowBinary"
            );
            blocks.push(Block { table: table.to_owned(), bytes: ask(url, &query)? });
        }
        rows += count;
    }
    Ok((blocks, rows))
}

/// What the rows of a sink take on disk.
pub async fn bytes(site: &Site) -> anyhow::Result<f64> {
    let (url, _) = site.clickhouse()?;
    let query = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'adpulse'";
    let asked = tokio::task::spawn_blocking(move || ask(&url, query));
    String::from_utf8(asked.await??)?.trim().parse().context("the size of the parts")
}

fn ask(url: &str, query: &str) -> anyhow::Result<Vec<u8>> {
    let mut answer = ureq::post(format!("{url}/?database=adpulse")).send(query).context(query.to_owned())?;
    answer.body_mut().with_config().limit(u64::MAX).read_to_vec().context("reading an answer")
}
