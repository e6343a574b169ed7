//! The columns of the tables, held against the rows before anything is written.
//!
//! A table's columns are asked for once, and again after any failure. They must be the row's, each of a type that holds its
//! field. An insert then begins with their names and types as the server said them, and the server refuses it if they have
//! changed since: a value never lands in a column that reads it otherwise.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::clickhouse::error::{Error, Result};
use ::clickhouse::{Client, Row};
use serde::Deserialize;

use super::rowbinary::{Column, put_bytes, put_length};

/// What every insert into a table begins with.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) statement: String,
    /// Names and types of the columns, before the rows.
    pub(super) header: Vec<u8>,
}

/// The tables whose columns are known.
#[derive(Default)]
pub(super) struct Columns(HashMap<&'static str, Arc<Head>>);

#[derive(Row, Deserialize)]
struct ColumnRow {
    name: String,
    r#type: String,
    default_kind: String,
}

impl Columns {
    /// How an insert into the table begins.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the table does not hold the row; whatever keeps the server from answering in time.
    pub(super) async fn head(
        &mut self,
        client: &Client,
        limit: Duration,
        table: &'static str,
        columns: &[Column],
    ) -> Result<Arc<Head>> {
        if let Some(head) = self.0.get(table) {
            return Ok(Arc::clone(head));
        }
        // Columns may have a default and no field; those that are computed take none.
        let select = "SELECT name, type, default_kind FROM system.columns
            WHERE database = currentDatabase() AND table = ? ORDER BY position";
        let answer = client.query(select).bind(table).fetch_all::<ColumnRow>();
        let found = tokio::time::timeout(limit, answer).await.map_err(|_| Error::TimedOut)??;
        let head = Arc::new(head(table, columns, &found).map_err(Error::SchemaMismatch)?);
        self.0.insert(table, Arc::clone(&head));
        Ok(head)
    }

    /// Somebody may be changing the table: the next insert asks again.
    pub(super) fn forget(&mut self, table: &str) {
        self.0.remove(table);
    }
}

/// Holds the columns found against those of the row.
fn head(table: &str, columns: &[Column], found: &[ColumnRow]) -> Result<Head, String> {
    if found.is_empty() {
        return Err(format!("there is no table {table}; run `adpulse migrate`"));
    }
    let mut types = Vec::with_capacity(columns.len());
    for column in columns {
        let name = column.name;
        let Some(there) = found.iter().find(|there| there.name == name) else {
            return Err(format!("the table {table} has no column {name}; run `adpulse migrate`"));
        };
        if matches!(&*there.default_kind, "MATERIALIZED" | "ALIAS") {
            return Err(format!("the column {name} of the table {table} is computed and takes no values"));
        }
        if !(column.fits)(&there.r#type) {
            return Err(format!(
                "the column {name} of the table {table} is {}, which does not hold {}; compare the schema with the \
                 migrations",
                there.r#type, column.kind
            ));
        }
        types.push(there.r#type.as_bytes());
    }
    let is_unknown = |there: &&ColumnRow| !columns.iter().any(|column| column.name == there.name);
    let needs_value = |there: &&ColumnRow| matches!(&*there.default_kind, "" | "EPHEMERAL");
    if let Some(there) = found.iter().filter(is_unknown).find(needs_value) {
        return Err(format!(
            "the table {table} has a column {} that this version does not know and that has no default",
            there.name
        ));
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let mut header = Vec::new();
    put_length(columns.len(), &mut header);
    let names_and_types = names.iter().map(|name| name.as_bytes()).chain(types);
    names_and_types.for_each(|text| put_bytes(text, &mut header));
    let statement =
        format!("INSERT INTO `{table}`(`{}`) FORMAT RowBinaryWithNamesAndTypes", names.join("`, `"));
    Ok(Head { statement, header })
}
