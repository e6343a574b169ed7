//! The second pass over a file: hands every row to the sink, as an event or as a dead letter.

use std::fmt::Write as _;

use schemas::Micros;
use schemas::record::{BatchRow, DeadLetter, MetricsReading, RawEvent, RawKind, Reading, Source};

use metrics::counter;

use super::keys::Walk;
use super::pass::{self, PassRow};
use super::plan::CsvPlan;
use super::row::RowRefusal;
use super::summary::CsvSummary;
use crate::{CsvError, SendError, metrics as names};

/// What a row became.
#[derive(Clone, Copy, Debug)]
pub enum CsvItem<'a> {
    /// A raw event for `raw.csv`.
    Event {
        /// The campaign's key, which is the record key.
        key: &'a str,
        /// The value.
        event: &'a RawEvent<'a>,
    },
    /// A dead letter. It has no key: what is refused has no campaign that could be relied on.
    Refused {
        /// The value.
        letter: &'a DeadLetter<'a>,
    },
}

impl<E> From<CsvError> for SendError<E> {
    fn from(error: CsvError) -> Self {
        Self::Csv(error)
    }
}

/// What one pass carries from row to row.
struct Sending<'p> {
    plan: &'p CsvPlan,
    file_name: String,
    walk: Walk,
    /// Rows of each pair seen so far.
    seen: Vec<u32>,
    summary: CsvSummary,
    message_id: String,
    payload: Vec<u8>,
}

impl CsvPlan {
    /// Reads the file a second time and hands every row to `sink`, in the file's order. `progress` gets the bytes
    /// done, from time to time.
    ///
    /// # Errors
    /// When the sink refuses an item, or the file is no longer what was planned. Then the caller must not commit what
    /// was sent before.
    pub fn send<E>(
        &self,
        mut sink: impl FnMut(CsvItem<'_>) -> Result<(), E>,
        progress: impl FnMut(u64),
    ) -> Result<CsvSummary, SendError<E>> {
        let mut sending = Sending {
            plan: self,
            file_name: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            walk: Walk::default(),
            seen: vec![0; self.keys.len()],
            summary: CsvSummary::default(),
            message_id: String::new(),
            payload: Vec::new(),
        };
        let on_row = |row: PassRow<'_>| sending.row(&row, &mut sink);
        let end = pass::run(&self.path, &self.layout, &self.options, None, on_row, progress)?;
        if end.digest != self.digest {
            return Err(self.changed().into());
        }
        let mut summary = sending.summary;
        summary.rows = end.rows;
        summary.campaigns = self.keys.campaigns() as u64;
        summary.keys = self.keys.len() as u64;
        summary.repeated_keys = self.keys.repeated() as u64;
        (summary.first_day, summary.last_day) = self.keys.days().unzip();
        counter!(names::CSV_ROWS, "outcome" => "accepted", "reason" => "").increment(summary.accepted);
        for (&reason, &count) in &summary.refused {
            counter!(names::CSV_ROWS, "outcome" => "refused", "reason" => reason).increment(count);
        }
        Ok(summary)
    }

    fn changed(&self) -> CsvError {
        CsvError::Changed { path: self.path.clone() }
    }
}

impl Sending<'_> {
    fn row<E>(
        &mut self,
        row: &PassRow<'_>,
        sink: &mut impl FnMut(CsvItem<'_>) -> Result<(), E>,
    ) -> Result<(), SendError<E>> {
        self.message_id.clear();
        self.message_id.push_str(&self.file_name);
        self.message_id.push(':');
        write!(self.message_id, "{}", row.line).expect("writing to a String cannot fail");
        match &row.outcome {
            Ok((key, read)) => {
                let seat = self.seat(key, &read.reading)?;
                let plan = self.plan;
                let event = RawEvent {
                    source: Source::Csv,
                    kind: RawKind::Metrics,
                    platform: &plan.layout.platform,
                    account_id: read.account,
                    time_zone: plan.options.time_zone.as_deref(),
                    currency: read.reading.currency,
                    message_id: &self.message_id,
                    batch: Some(BatchRow {
                        batch_id: &plan.report.batch_id,
                        row_index: seat.0,
                        row_count: seat.1,
                    }),
                    observed_at: plan.report.observed_at,
                    payload: plan.layout.dialect.encoding.original(row.bytes, &mut self.payload),
                    reading: Some(Reading::MetricsReading(read.reading)),
                };
                sink(CsvItem::Event { key, event: &event }).map_err(SendError::Sink)?;
                self.summary.accept(&read.reading);
                self.summary.results_not_mapped += u64::from(read.results_left_out);
                Ok(())
            }
            Err(refusal) => {
                self.refuse(*refusal, row, sink).map_err(SendError::Sink)?;
                *self.summary.refused.entry(refusal.code()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Which row of its campaign and day this is, and of how many. A row that the first pass did not count means
    /// that the file has changed since.
    fn seat(&mut self, key: &str, reading: &MetricsReading<'_>) -> Result<(i32, i32), CsvError> {
        let keys = &self.plan.keys;
        let slot = keys.slot(&mut self.walk, key, reading.day).ok_or_else(|| self.plan.changed())?;
        let (index, count) = (self.seen[slot], keys.rows(slot));
        self.seen[slot] += 1;
        match (i32::try_from(index), i32::try_from(count)) {
            (Ok(index), Ok(count)) if index < count => Ok((index, count)),
            _ => Err(self.plan.changed()),
        }
    }

    fn refuse<E>(
        &mut self,
        refusal: RowRefusal,
        row: &PassRow<'_>,
        sink: &mut impl FnMut(CsvItem<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let layout = &self.plan.layout;
        let letter = DeadLetter {
            stage: "csv",
            reason_code: refusal.code(),
            sentence: &refusal.sentence(row.line, layout, row.text, row.fields),
            origin: None,
            locator: &self.message_id,
            refused_at: self.plan.report.observed_at,
            key: None,
            payload: layout.dialect.encoding.original(row.bytes, &mut self.payload),
            headers: Vec::new(),
        };
        sink(CsvItem::Refused { letter: &letter })
    }
}

impl CsvSummary {
    /// Adds an accepted row. Sums stop at the largest 64-bit number instead of wrapping.
    fn accept(&mut self, reading: &MetricsReading<'_>) {
        let figures = &reading.figures;
        self.accepted += 1;
        for (sum, figure) in [
            (&mut self.impressions, figures.impressions),
            (&mut self.clicks, figures.clicks),
            (&mut self.link_clicks, figures.link_clicks),
            (&mut self.leads, figures.leads),
            (&mut self.purchases, figures.purchases),
        ] {
            *sum = sum.saturating_add(figure.unwrap_or(0));
        }
        let amounts = [
            (&mut self.spend, figures.spend_micros),
            (&mut self.purchase_value, figures.purchase_value_micros),
        ];
        for (sums, amount) in amounts {
            let Some(amount) = amount else { continue };
            let currency = reading.currency.unwrap_or("");
            match sums.get_mut(currency) {
                Some(sum) => *sum = Micros(sum.0.saturating_add(amount.0)),
                None => {
                    sums.insert(currency.to_owned(), amount);
                }
            }
        }
    }
}
