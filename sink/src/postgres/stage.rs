//! One batch, one transaction: move the positions, write the rows, commit.
//!
//! The positions come first, because their row locks make two members of the group wait for each other before either
//! has written anything. A value that the server refuses undoes the attempt; the rows it came from are found
//! (`isolate`), left out, and the batch is attempted again.

use std::pin::Pin;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use rand::RngExt as _;
use tokio_postgres::error::SqlState;

use super::failure::{Class, class, failed, unavailable};
use super::isolate::{refused_rows, run};
use super::offsets::{Advance, Refusal, advance, holds, plan};
use super::rows::{Rows, rows};
use super::{Positions, PostgresSink, STORE, TOPICS, tables, within};
use crate::batch::{At, Selection, decode};
use crate::{Rejected, SinkError, SinkRecord, Written, metrics};

const WRITING: &str = "write a batch";
const COMMITTING: &str = "commit a batch";
/// Attempts that lose a race against another transaction, before the caller is told.
const RACES_MAX: u32 = 5;
/// Before the first repetition; doubled for each further one, and spread over its half.
const RACE_PAUSE: Duration = Duration::from_millis(10);
/// Attempts that find further refused rows, before the batch is taken for a defect of the schema.
const ISOLATIONS_MAX: usize = 8;

/// A batch that is written and not committed. Dropping it undoes the batch.
pub struct Staged<'s> {
    transaction: Option<Open>,
    positions: &'s mut Option<Positions>,
    acknowledged: &'s mut Positions,
    in_doubt: &'s mut bool,
    limit: Duration,
    advances: Vec<Advance>,
    written: Written,
    /// Rows by table, which count once they are durable.
    rows: Vec<(&'static str, usize)>,
    started: Instant,
}

impl Staged<'_> {
    /// What becomes of the records when it is committed.
    #[must_use]
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Makes rows and positions durable together.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when the connection is lost: the batch may then be stored or not. Writing it again finds
    /// out, and skips it if it was.
    pub async fn commit(mut self) -> Result<Written, SinkError> {
        if let Some(transaction) = self.transaction.take() {
            // Until the answer is here it is not known where the positions stand.
            let Some(mut positions) = self.positions.take() else {
                return Err(unknown_positions());
            };
            *self.in_doubt = true;
            within(self.limit, COMMITTING, transaction.commit()).await?;
            *self.in_doubt = false;
            for advance in &self.advances {
                positions.insert((advance.topic, advance.partition), advance.next);
                self.acknowledged.insert((advance.topic, advance.partition), advance.next);
            }
            *self.positions = Some(positions);
        }
        for (table, rows) in &self.rows {
            metrics::rows(STORE, table, *rows);
        }
        metrics::batch(STORE, &self.written, self.started.elapsed());
        Ok(std::mem::take(&mut self.written))
    }
}

fn unknown_positions() -> SinkError {
    SinkError::Fatal {
        store: STORE,
        action: WRITING,
        reason: "the stored positions were forgotten while a batch was staged, which is a defect".to_owned(),
    }
}

/// A transaction on a connection that is closed, not given back, unless it ends here.
pub(super) struct Open(Option<Object>);

impl Open {
    async fn begin(pool: &Pool) -> Result<Self, SinkError> {
        let client = pool.get().await.map_err(|error| unavailable(WRITING, error))?;
        let open = Self(Some(client));
        open.client().batch_execute("BEGIN").await.map_err(|error| failed(WRITING, &error))?;
        Ok(open)
    }

    pub(super) fn client(&self) -> &Object {
        self.0.as_ref().expect("the connection is taken only when the transaction ends")
    }

    async fn commit(mut self) -> Result<(), SinkError> {
        fail::fail_point!("postgres.before_commit");
        self.client().batch_execute("COMMIT").await.map_err(|error| failed(COMMITTING, &error))?;
        fail::fail_point!("postgres.after_commit");
        drop(self.0.take());
        Ok(())
    }

    /// Gives a sound connection back; a broken one is closed with the transaction.
    async fn roll_back(mut self) {
        if self.client().batch_execute("ROLLBACK").await.is_ok() {
            drop(self.0.take());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// What the attempt at a batch came to, when it did not fail.
enum Attempt {
    Written(Open),
    /// A value was refused; these are the rows.
    Refused(Vec<Rejected>),
    LostRace(SinkError),
}

impl PostgresSink {
    fn staged(
        &mut self,
        transaction: Option<Open>,
        advances: Vec<Advance>,
        written: Written,
        rows: Vec<(&'static str, usize)>,
        started: Instant,
    ) -> Staged<'_> {
        Staged {
            transaction,
            positions: &mut self.positions,
            acknowledged: &mut self.acknowledged,
            in_doubt: &mut self.in_doubt,
            limit: self.attempt_timeout,
            advances,
            written,
            rows,
            started,
        }
    }

    /// A commit whose answer was lost may still have been under way when the positions were read. Then it was this member
    /// that moved them, and reading them once more tells.
    fn in_doubt_or(&mut self, error: SinkError) -> SinkError {
        if !self.in_doubt || !matches!(error, SinkError::Fenced { .. }) {
            return error;
        }
        self.positions = None;
        SinkError::Transient { store: STORE, class: "in_doubt", action: WRITING, reason: error.to_string() }
    }
}

pub(super) async fn stage<'s>(
    sink: &'s mut PostgresSink,
    batch: &[SinkRecord<'_>],
) -> Result<Staged<'s>, SinkError> {
    let started = Instant::now();
    if sink.positions.is_none() {
        let found = sink.read().await?;
        holds(&found, &sink.acknowledged)?;
        sink.positions = Some(found);
    }
    let known = sink.positions.as_ref().ok_or_else(unknown_positions)?;
    let (advances, mut left_out) = plan(batch, known);
    let mut written = Written { skipped: left_out.len() as u64, ..Written::default() };
    if advances.is_empty() {
        sink.in_doubt = false;
        return Ok(sink.staged(None, advances, written, Vec::new(), started));
    }
    let mut races = 0;
    for _ in 0..ISOLATIONS_MAX {
        let selection = Selection { topics: &TOPICS, left_out: &left_out };
        let (facts, undecodable) = decode(STORE, &mut sink.decoder, batch, &selection)?;
        let (rows, superseded) = rows(&facts);
        let attempt = loop {
            let attempt = attempt(&sink.pool, &sink.group, &advances, &rows);
            match within(sink.attempt_timeout, WRITING, attempt).await {
                Ok(Attempt::LostRace(_)) if races < RACES_MAX => {
                    races += 1;
                    ::metrics::counter!(metrics::RETRIES_TOTAL, "sink" => STORE, "class" => "lost_race")
                        .increment(1);
                    tokio::time::sleep(race_pause(races)).await;
                }
                Ok(Attempt::LostRace(error)) => return Err(error),
                Ok(settled) => break settled,
                Err(error) => return Err(sink.in_doubt_or(error)),
            }
        };
        match attempt {
            Attempt::Written(transaction) => {
                let rows = count(&rows);
                written.rows = rows.iter().map(|(_, rows)| *rows as u64).sum();
                written.superseded = superseded;
                written.rejected.extend(undecodable);
                written.rejected.sort_by_key(|rejected| rejected.index);
                let set_aside = written.skipped + written.superseded + written.rejected.len() as u64;
                written.stored = batch.len() as u64 - set_aside;
                return Ok(sink.staged(Some(transaction), advances, written, rows, started));
            }
            Attempt::Refused(refused) => {
                left_out.extend(refused.iter().map(|rejected| rejected.index));
                written.rejected.extend(refused);
            }
            Attempt::LostRace(error) => return Err(error),
        }
    }
    Err(SinkError::Fatal {
        store: STORE,
        action: WRITING,
        reason: format!(
            "{} rows were refused and still more are; compare the schema",
            written.rejected.len()
        ),
    })
}

fn race_pause(races: u32) -> Duration {
    (RACE_PAUSE * 2_u32.pow(races)).mul_f64(rand::rng().random_range(0.5..=1.0))
}

async fn attempt(
    pool: &Pool,
    group: &str,
    advances: &[Advance],
    rows: &Rows<'_>,
) -> Result<Attempt, SinkError> {
    let open = Open::begin(pool).await?;
    let error = match advance(&open, group, advances).await {
        Ok(()) => match write_all(&open, rows).await {
            Ok(()) => return Ok(Attempt::Written(open)),
            Err(error) => error,
        },
        Err(Refusal::Moved(error)) => {
            open.roll_back().await;
            return Err(error);
        }
        Err(Refusal::Database(error)) => error,
    };
    open.roll_back().await;
    match class(&error) {
        Class::Data => {
            let open = Open::begin(pool).await?;
            let refused = refused_rows(&open, rows).await;
            open.roll_back().await;
            match refused? {
                // It was refused a moment ago and is not now, such as after a change of the schema: once more.
                refused if refused.is_empty() => Ok(Attempt::LostRace(failed(WRITING, &error))),
                refused => Ok(Attempt::Refused(refused)),
            }
        }
        Class::LostRace => Ok(Attempt::LostRace(failed(WRITING, &error))),
        Class::Transient(_) | Class::Fatal => Err(failed(WRITING, &error)),
    }
}

/// Sends all statements at once, one after the other, and then waits: a server that waits for each answer to be read before it gets
/// the next statement does nothing most of the time. After the first that fails the others fail for that reason.
async fn write_all(open: &Open, rows: &Rows<'_>) -> Result<(), tokio_postgres::Error> {
    let alerts = async {
        write(open, tables::upsert_alerts(), &rows.alerts).await?;
        write(open, tables::upsert_current_alerts(), &rows.alerts).await
    };
    let outcomes: [_; 12] = tokio::join!(
        // In this order, the same in every transaction, so that two of them wait for each other's rows in one order.
        biased;
        write(open, tables::upsert_campaigns(), &rows.campaigns),
        write(open, tables::delete_campaigns(), &rows.campaigns_gone),
        write(open, tables::upsert_days(), &rows.days),
        write(open, tables::delete_days(), &rows.days_gone),
        write(open, tables::upsert_scores(), &rows.scores),
        write(open, tables::delete_scores(), &rows.scores_gone),
        write(open, tables::upsert_leads(), &rows.leads),
        write(open, tables::delete_leads(), &rows.leads_gone),
        write(open, tables::upsert_accounts(), &rows.accounts),
        write(open, tables::delete_accounts(), &rows.accounts_gone),
        write(open, tables::upsert_recommendations(), &rows.recommendations),
        alerts,
    )
    .into();
    let follows = |error: &tokio_postgres::Error| error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION);
    let mut failures: Vec<tokio_postgres::Error> = outcomes.into_iter().filter_map(Result::err).collect();
    let first = failures.iter().position(|error| !follows(error)).unwrap_or_default();
    if failures.is_empty() { Ok(()) } else { Err(failures.swap_remove(first)) }
}

/// In a box: a dozen of them wait at once.
fn write<'f, R: Sync>(
    open: &'f Open,
    statement: tables::Statement<R>,
    rows: &'f [At<R>],
) -> Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send + 'f>>
where
    At<R>: Sync,
{
    Box::pin(async move { run(open, &statement, rows).await })
}

fn count(rows: &Rows<'_>) -> Vec<(&'static str, usize)> {
    vec![
        ("campaigns", rows.campaigns.len() + rows.campaigns_gone.len()),
        ("campaign_days", rows.days.len() + rows.days_gone.len()),
        ("scores", rows.scores.len() + rows.scores_gone.len()),
        ("leads", rows.leads.len() + rows.leads_gone.len()),
        ("accounts", rows.accounts.len() + rows.accounts_gone.len()),
        ("recommendations", rows.recommendations.len()),
        ("alerts", rows.alerts.len()),
    ]
}
