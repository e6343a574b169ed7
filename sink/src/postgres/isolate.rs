//! Runs a statement over rows, and finds the rows whose values the server refuses: halves until single rows are left, in
//! a transaction that is undone.

use super::failure::{Class, class, failed, words};
use super::param::Param;
use super::rows::Rows;
use super::stage::Open;
use super::{STORE, tables};
use crate::batch::At;
use crate::{Rejected, SinkError, metrics};
use tables::Statement;
use tokio_postgres::types::ToSql;

const ACTION: &str = "find the rows that were refused";
/// More than this in one batch is not bad data but a schema that does not fit.
const REFUSED_MAX: usize = 256;

/// Runs the statement over the rows, if there are any.
pub(super) async fn run<R>(
    open: &Open,
    statement: &Statement<R>,
    rows: &[At<R>],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let client = open.client();
    let prepared = client.prepare_cached(statement.sql).await?;
    let columns: Vec<Param<'_>> = (statement.columns)(rows);
    let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as _).collect();
    client.execute(&prepared, &params).await?;
    Ok(())
}

/// The rows whose values are refused, each with the server's words.
pub(super) async fn refused_rows(open: &Open, rows: &Rows<'_>) -> Result<Vec<Rejected>, SinkError> {
    let mut refused = Vec::new();
    isolate(open, &tables::upsert_campaigns(), &rows.campaigns, &mut refused).await?;
    isolate(open, &tables::delete_campaigns(), &rows.campaigns_gone, &mut refused).await?;
    isolate(open, &tables::upsert_days(), &rows.days, &mut refused).await?;
    isolate(open, &tables::delete_days(), &rows.days_gone, &mut refused).await?;
    isolate(open, &tables::upsert_scores(), &rows.scores, &mut refused).await?;
    isolate(open, &tables::delete_scores(), &rows.scores_gone, &mut refused).await?;
    isolate(open, &tables::upsert_leads(), &rows.leads, &mut refused).await?;
    isolate(open, &tables::delete_leads(), &rows.leads_gone, &mut refused).await?;
    isolate(open, &tables::upsert_accounts(), &rows.accounts, &mut refused).await?;
    isolate(open, &tables::delete_accounts(), &rows.accounts_gone, &mut refused).await?;
    isolate(open, &tables::upsert_recommendations(), &rows.recommendations, &mut refused).await?;
    // What `current_alerts` would refuse, `alerts` refuses: its columns are the same.
    isolate(open, &tables::upsert_alerts(), &rows.alerts, &mut refused).await?;
    Ok(refused)
}

async fn isolate<R>(
    open: &Open,
    statement: &Statement<R>,
    rows: &[At<R>],
    refused: &mut Vec<Rejected>,
) -> Result<(), SinkError> {
    let failed = |error: tokio_postgres::Error| failed(ACTION, &error);
    let mut ranges = vec![rows];
    while let Some(range) = ranges.pop() {
        open.client().batch_execute("SAVEPOINT isolating").await.map_err(failed)?;
        let error = match run(open, statement, range).await {
            Ok(()) => continue,
            Err(error) if class(&error) == Class::Data => error,
            Err(error) => return Err(failed(error)),
        };
        open.client().batch_execute("ROLLBACK TO SAVEPOINT isolating").await.map_err(failed)?;
        match range {
            [row] => refused.push(Rejected {
                index: row.index,
                code: "refused_by_postgres",
                sentence: format!("the table {} does not take it: {}", statement.table, words(&error)),
            }),
            _ => {
                metrics::bisection(STORE, statement.table);
                let (left, right) = range.split_at(range.len() / 2);
                ranges.extend([right, left]);
            }
        }
        if refused.len() > REFUSED_MAX {
            return Err(SinkError::Fatal {
                store: STORE,
                action: ACTION,
                reason: format!(
                    "the table {} refuses more than {REFUSED_MAX} rows of one batch, the last with: {}; that is not \
                     bad data: compare the schema with the migrations",
                    statement.table,
                    words(&error)
                ),
            });
        }
    }
    Ok(())
}
