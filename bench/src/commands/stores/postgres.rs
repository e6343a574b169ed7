//! The floor of the Postgres sink: its rows once more as arrays, upserted with an offset in one transaction.

use std::error::Error;
use std::time::Instant;

use anyhow::Context as _;
use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Statement};

use super::figures;
use crate::process::{cpu_of_tree, own_cpu_seconds};
use crate::report::Figures;
use crate::site::Site;

/// Rows of a transaction, as the sink has them.
const UPSERT_ROWS: i64 = 5_000;
/// Columns of a table in their order, with their types, and whether they belong to the primary key.
const COLUMNS: &str =
    "SELECT attname::text, format_type(atttypid, atttypmod), coalesce(attnum = ANY (indkey), false)
    FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

/// A value as it is on the wire.
struct Wire(Vec<u8>);

impl<'a> FromSql<'a> for Wire {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

impl ToSql for Wire {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The rows of a transaction: an array for each column.
struct Block {
    upsert: Statement,
    columns: Vec<Wire>,
    rows: i64,
}

/// Writes again what the sink has left in these tables.
pub async fn raw(site: &Site, tables: &[&str]) -> anyhow::Result<Figures> {
    let server = site.postgres_pid()?;
    let (mut client, connection) = connect(site).await?;
    client
        .batch_execute("CREATE TABLE raw_offsets (partition int PRIMARY KEY, next_offset bigint)")
        .await
        .context("creating a table")?;
    let offset = "INSERT INTO raw_offsets VALUES (0, $1) ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset";
    let offset = client.prepare(offset).await?;
    let mut blocks = Vec::new();
    for table in tables {
        load(&client, table, &mut blocks).await.with_context(|| format!("reading {table}"))?;
    }
    let (started, own, servers) = (Instant::now(), own_cpu_seconds()?, cpu_of_tree(server)?);
    let mut rows = 0;
    for block in &blocks {
        let columns: Vec<&(dyn ToSql + Sync)> =
            block.columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        rows += block.rows;
        let transaction = client.transaction().await?;
        transaction.execute(&offset, &[&rows]).await?;
        transaction.execute(&block.upsert, &columns).await?;
        transaction.commit().await?;
    }
    let wall = started.elapsed().as_secs_f64();
    let figures =
        figures(u64::try_from(rows)?, wall, own_cpu_seconds()? - own, cpu_of_tree(server)? - servers);
    drop((blocks, offset, client));
    connection.await??;
    Ok(figures)
}

/// Reads a table in the order of the log, each block in the order of the key, and makes a table of the same definition.
async fn load(client: &Client, table: &str, blocks: &mut Vec<Block>) -> anyhow::Result<()> {
    client.batch_execute(&format!("CREATE TABLE raw_{table} (LIKE {table} INCLUDING ALL)")).await?;
    let columns: Vec<Column> = client.query(COLUMNS, &[&table]).await?.iter().map(Column::of).collect();
    let list = |of: &dyn Fn(&Column) -> String| columns.iter().map(of).collect::<Vec<_>>().join(", ");
    let of_key = columns.iter().filter(|column| column.is_key).map(|column| column.name.clone());
    let key = of_key.collect::<Vec<_>>().join(", ");
    let arrays: Vec<String> =
        (1..).zip(&columns).map(|(place, column)| format!("${place}::{}[]", column.travels_as())).collect();
    let upsert = format!(
        "INSERT INTO raw_{table} ({names}) SELECT {values} FROM unnest({}) AS batch ({names})
         ON CONFLICT ({key}) DO UPDATE SET {}",
        arrays.join(", "),
        list(&|column| format!("{0} = excluded.{0}", column.name)),
        names = list(&|column| column.name.clone()),
        values = list(&Column::value),
    );
    let upsert = client.prepare(&upsert).await.with_context(|| upsert.clone())?;
    let read = format!(
        "SELECT count(*), {} FROM (SELECT * FROM {table} ORDER BY source_offset, source_partition
         LIMIT {UPSERT_ROWS} OFFSET $1) AS block",
        list(&|column| format!("array_agg({} ORDER BY {key})", column.travelling()))
    );
    let read = client.prepare(&read).await.with_context(|| read.clone())?;
    for first in (0_i64..).step_by(usize::try_from(UPSERT_ROWS)?) {
        let row = client.query_one(&read, &[&first]).await?;
        let rows: i64 = row.try_get(0)?;
        if rows == 0 {
            break;
        }
        let columns = (1..row.len()).map(|at| row.try_get(at)).collect::<Result<Vec<Wire>, _>>()?;
        blocks.push(Block { upsert: upsert.clone(), columns, rows });
    }
    Ok(())
}

/// A column of a table.
struct Column {
    name: String,
    sql_type: String,
    is_key: bool,
}

impl Column {
    fn of(row: &tokio_postgres::Row) -> Self {
        Self { name: row.get(0), sql_type: row.get(1), is_key: row.get(2) }
    }

    fn is_list(&self) -> bool {
        self.sql_type.ends_with("[]")
    }

    /// Lists travel as one text, as the sink has them: an array of arrays cannot be ragged.
    fn travels_as(&self) -> &str {
        if self.is_list() { "text" } else { &self.sql_type }
    }

    fn travelling(&self) -> String {
        if self.is_list() {
            return format!("array_to_string({}, E'\\x1f')", self.name);
        }
        self.name.clone()
    }

    fn value(&self) -> String {
        if self.is_list() {
            return format!("string_to_array({}, E'\\x1f')", self.name);
        }
        self.name.clone()
    }
}

/// What the rows of a sink take on disk, indexes included.
pub async fn bytes(site: &Site) -> anyhow::Result<f64> {
    let (client, connection) = connect(site).await?;
    let query = "SELECT sum(pg_total_relation_size(relid))::float8 FROM pg_stat_user_tables";
    let bytes: f64 = client.query_one(query, &[]).await?.try_get(0)?;
    drop(client);
    connection.await??;
    Ok(bytes)
}

type Connection = tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>;

async fn connect(site: &Site) -> anyhow::Result<(Client, Connection)> {
    let (client, connection) =
        tokio_postgres::connect(&site.postgres()?, NoTls).await.context("connecting to Postgres")?;
    Ok((client, tokio::spawn(connection)))
}
