//! What one source says of one day: the newest complete batch, and batches still arriving.
//!
//! A batch is named by its stamp, the moment it was observed and then its id; the largest complete stamp stands. Rows
//! of a batch add up, and it counts once all of them have arrived. Batches newer than the standing one are collected
//! side by side, so the order in which their rows interleave does not matter. An outlier is confirmed when the
//! complete batch right before it has the same figures, so while the standing batch may be one ([`Judge`]) that one is
//! kept too. Everything else older is stale.
//!
//! The bound: of more than `pending_max` incomplete batches the oldest is forgotten and its rows become stale; only
//! then can the order of arrival show, until a newer batch completes. A row is known by its stamp and index: a second
//! one under the same name is taken for a repetition, whatever it says.

use std::cmp::Ordering;

use schemas::record::{Doubt, PendingBatch, Source, SourceDay};
use schemas::{Micros, TimestampMs};

use super::figures::{Currency, Marks, Packed};
use super::names::{NameId, Names, Spelled};

/// The batches of one source and day.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Batches {
    pub(super) source: Source,
    pub(super) newest: Option<Complete>,
    /// The complete batch before the newest; kept while the newest may be an outlier.
    pub(super) previous: Option<Complete>,
    /// Newest first.
    pub(super) pending: Vec<Pending>,
}

/// A complete batch.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Complete {
    pub(super) stamp: Stamp,
    pub(super) figures: Packed,
    pub(super) marks: Marks,
    pub(super) currency: Option<Currency>,
}

/// Names a batch: the moment of observation, then its id. Ordered by [`Stamp::order`], which knows that one id may have several
/// numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    pub(super) observed_at: TimestampMs,
    pub(super) batch: NameId,
}

#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Pending {
    pub(super) stamp: Stamp,
    pub(super) row_count: i32,
    /// Bit i of byte i/8, lowest bit first.
    pub(super) rows: Box<[u8]>,
    pub(super) figures: Packed,
    pub(super) marks: Marks,
    pub(super) currency: Option<Currency>,
}

/// One row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) stamp: Stamp,
    pub(super) index: i32,
    pub(super) count: i32,
    pub(super) figures: Packed,
    pub(super) marks: Marks,
    pub(super) currency: Option<Currency>,
}

/// What is fixed while batches are compared and taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'a> {
    pub(super) names: &'a Names,
    pub(super) pending_max: usize,
    /// A day that spent as much may yet be found an outlier.
    pub(super) spend_min: Micros,
}

/// What a campaign keeps in mind of a standing batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stood {
    pub(super) observed_at: TimestampMs,
    pub(super) currency: Option<Currency>,
}

/// Why a row changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was there.
    Repeated,
    /// It is older than what counts.
    Stale,
    /// It says another number of rows than its batch did.
    Contradictory,
    /// The batch's sum is more than a day may have.
    TooLarge,
}

impl Stamp {
    pub(super) fn order(&self, other: &Self, names: &Names) -> Ordering {
        let names = || names.order([self.batch, other.batch], self.observed_at);
        self.observed_at.cmp(&other.observed_at).then_with(names)
    }
}

impl Row {
    pub(super) fn stood(&self) -> Stood {
        Stood { observed_at: self.stamp.observed_at, currency: self.currency }
    }
}

impl Judge<'_> {
    /// Whether the batch before one must be known to tell if it is to be trusted.
    pub(super) fn may_be_outlier(&self, marks: Marks, spend: i64) -> bool {
        marks.is_outlier() || spend >= self.spend_min.0
    }
}

impl Complete {
    pub(super) fn spends_at_least(&self, min: Micros) -> bool {
        self.figures.spend() >= min.0
    }

    pub(super) fn stood(&self) -> Stood {
        Stood { observed_at: self.stamp.observed_at, currency: self.currency }
    }

    fn may_be_outlier(&self, judge: &Judge<'_>) -> bool {
        judge.may_be_outlier(self.marks, self.figures.spend())
    }
}

impl Batches {
    pub(super) fn new(source: Source) -> Self {
        Self { source, newest: None, previous: None, pending: Vec::new() }
    }

    /// Whether the batch before the standing one said the same.
    pub(super) fn is_confirmed(&self) -> bool {
        self.previous.zip(self.newest).is_some_and(|(previous, newest)| {
            previous.figures == newest.figures && previous.currency == newest.currency
        })
    }

    /// The doubts that remain about the standing batch.
    pub(super) fn marks(&self) -> Marks {
        let marks = self.newest.map(|newest| newest.marks).unwrap_or_default();
        if self.is_confirmed() { marks.confirmed() } else { marks }
    }

    /// Whether the row would change something, found without changing anything.
    pub(super) fn weigh(&self, row: &Row, judge: &Judge<'_>) -> Result<(), Refused> {
        let same = |as_it: &Stamp| row.stamp.order(as_it, judge.names).is_eq();
        if [self.newest, self.previous].into_iter().flatten().any(|batch| same(&batch.stamp)) {
            return Err(Refused::Repeated);
        }
        let newer = |than: &Stamp| row.stamp.order(than, judge.names).is_gt();
        if self.floor(judge).is_some_and(|floor| !newer(&floor)) {
            return Err(Refused::Stale);
        }
        match self.pending.iter().find(|pending| same(&pending.stamp)) {
            None if row.count > 1
                && self.pending.iter().filter(|p| !newer(&p.stamp)).count() >= judge.pending_max =>
            {
                Err(Refused::Stale)
            }
            Some(pending) if pending.row_count != row.count => Err(Refused::Contradictory),
            Some(pending) if pending.has(row.index) => Err(Refused::Repeated),
            Some(pending) if pending.figures.plus(row.figures).is_none() => Err(Refused::TooLarge),
            None | Some(_) => Ok(()),
        }
    }

    /// Takes a row that [`Self::weigh`] said would change something.
    pub(super) fn take(&mut self, row: &Row, judge: &Judge<'_>) {
        let Row { stamp, figures, marks, currency, .. } = *row;
        if row.count == 1 {
            self.install(Complete { stamp, figures, marks, currency }, judge);
            return;
        }
        let at = self.pending.partition_point(|pending| pending.stamp.order(&stamp, judge.names).is_gt());
        if self.pending.get(at).is_none_or(|pending| !pending.stamp.order(&stamp, judge.names).is_eq()) {
            self.pending.insert(at, Pending::new(row));
            self.pending.truncate(judge.pending_max);
        } else {
            self.pending[at].add(row);
        }
        if self.pending[at].is_complete() {
            let Pending { stamp, figures, marks, currency, .. } = self.pending.remove(at);
            self.install(Complete { stamp, figures, marks, currency }, judge);
        }
    }

    fn install(&mut self, batch: Complete, judge: &Judge<'_>) {
        match self.newest.map(|newest| batch.stamp.order(&newest.stamp, judge.names)) {
            None => self.newest = Some(batch),
            Some(Ordering::Greater) => {
                let before = self.newest.replace(batch);
                self.previous = before.filter(|_| batch.may_be_outlier(judge));
            }
            Some(_) => self.previous = Some(batch),
        }
        let floor = self.floor(judge);
        self.pending
            .retain(|pending| floor.is_none_or(|floor| pending.stamp.order(&floor, judge.names).is_gt()));
    }

    /// The stamp that a batch must exceed to matter.
    fn floor(&self, judge: &Judge<'_>) -> Option<Stamp> {
        let newest = self.newest?;
        if newest.may_be_outlier(judge) { self.previous.map(|batch| batch.stamp) } else { Some(newest.stamp) }
    }

    /// The records of the state. A source has several while more than one batch must be kept: its first is the one
    /// whose figures stand, the others carry the batch before an outlier and further pending ones.
    pub(super) fn write_to<'a>(&'a self, names: &'a Spelled, records: &mut Vec<SourceDay<'a>>) {
        let mut complete = [self.newest.as_ref(), self.previous.as_ref()].into_iter().flatten();
        let mut pending = self.pending.iter();
        loop {
            let (batch, pending) = (complete.next(), pending.next());
            if batch.is_none() && pending.is_none() {
                return;
            }
            let marks = batch.map(|batch| batch.marks).unwrap_or_default();
            records.push(SourceDay {
                source: self.source,
                batch_id: batch.map_or("", |batch| names.of(batch.stamp)),
                observed_at: batch.map_or(TimestampMs(0), |batch| batch.stamp.observed_at),
                currency: batch.and_then(|batch| batch.currency.as_ref()).map(Currency::text),
                figures: batch.map(|batch| (&batch.figures).into()).unwrap_or_default(),
                flags: marks.flags(),
                doubts: marks.doubts(),
                pending: pending.map(|pending| pending.record(names)),
            });
        }
    }

    /// Takes back what [`Self::write_to`] wrote, one record at a time and in its order.
    pub(super) fn restore(&mut self, record: &SourceDay<'_>, names: &mut Names) {
        if !record.batch_id.is_empty() {
            let batch = Complete {
                stamp: Stamp {
                    observed_at: record.observed_at,
                    batch: names.intern(record.batch_id, record.observed_at),
                },
                figures: (&record.figures).into(),
                marks: Marks::new(&record.flags, &record.doubts),
                currency: record.currency.and_then(Currency::new),
            };
            let place = if self.newest.is_none() { &mut self.newest } else { &mut self.previous };
            *place = Some(batch);
        }
        if let Some(pending) = &record.pending {
            self.pending.push(Pending {
                stamp: Stamp {
                    observed_at: pending.observed_at,
                    batch: names.intern(pending.batch_id, pending.observed_at),
                },
                row_count: pending.row_count,
                rows: pending.rows.into(),
                figures: (&pending.figures).into(),
                marks: Marks::new(&pending.flags, &pending.doubts),
                currency: pending.currency.and_then(Currency::new),
            });
        }
    }
}

impl Pending {
    fn new(row: &Row) -> Self {
        let bytes = usize::try_from(row.count).unwrap_or(0).div_ceil(8);
        let mut pending = Self {
            stamp: row.stamp,
            row_count: row.count,
            rows: vec![0; bytes].into(),
            figures: row.figures,
            marks: row.marks,
            currency: row.currency,
        };
        pending.mark(row.index);
        pending
    }

    fn add(&mut self, row: &Row) {
        // The sum was found to fit when the row was weighed.
        self.figures = self.figures.plus(row.figures).unwrap_or(self.figures);
        self.marks = self.marks.with(row.marks);
        if self.currency != row.currency && self.currency.is_some() && row.currency.is_some() {
            // Money of two currencies is no sum; the greater code stands, so that the order of rows does not show.
            self.marks = self.marks.with(Marks::of(Doubt::CurrencyUnlikeAccount));
        }
        self.currency = self.currency.max(row.currency);
        self.mark(row.index);
    }

    fn mark(&mut self, index: i32) {
        if let Ok(index) = usize::try_from(index)
            && let Some(byte) = self.rows.get_mut(index / 8)
        {
            *byte |= 1 << (index % 8);
        }
    }

    fn has(&self, index: i32) -> bool {
        usize::try_from(index)
            .is_ok_and(|i| self.rows.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1))
    }

    fn is_complete(&self) -> bool {
        let seen: u32 = self.rows.iter().map(|byte| byte.count_ones()).sum();
        i64::from(seen) == i64::from(self.row_count)
    }

    fn record<'a>(&'a self, names: &'a Spelled) -> PendingBatch<'a> {
        PendingBatch {
            batch_id: names.of(self.stamp),
            observed_at: self.stamp.observed_at,
            row_count: self.row_count,
            rows: &self.rows,
            currency: self.currency.as_ref().map(Currency::text),
            figures: (&self.figures).into(),
            flags: self.marks.flags(),
            doubts: self.marks.doubts(),
        }
    }
}
