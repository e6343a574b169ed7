//! What one source says of one day: the newest complete batch, and batches still arriving.
//!
//! A batch is named by its stamp, the moment it was observed and then its id; the largest complete stamp stands. Rows
//! of a batch add up, and it counts once all of them have arrived. Batches newer than the standing one are collected
//! side by side, so the order in which their rows interleave does not matter. An outlier is confirmed when the
//! complete batch right before it has the same figures, so while the standing batch is an outlier that one is kept
//! too. Everything else older is stale.
//!
//! The bound: of more than `pending_max` incomplete batches the oldest is forgotten and its rows become stale; only
//! then can the order of arrival show, until a newer batch completes. A row is known by its stamp and index: a second
//! one under the same name is taken for a repetition, whatever it says.

use std::cmp::Ordering;
use std::sync::Arc;

use schemas::TimestampMs;
use schemas::record::{PendingBatch, QualityFlag, Source, SourceDay};

use super::figures::{Flags, Packed};

/// The batches of one source and day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batches {
    pub(super) source: Source,
    newest: Option<Complete>,
    /// What is there only while something unusual is going on.
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Rest {
    /// The complete batch before the newest; kept while the newest is an outlier.
    previous: Option<Complete>,
    /// Newest first.
    pending: Vec<Pending>,
}

/// A complete batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Complete {
    pub(super) stamp: Stamp,
    pub(super) figures: Packed,
    pub(super) flags: Flags,
}

/// Orders batches: by the moment of observation, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) observed_at: TimestampMs,
    pub(super) batch_id: Arc<str>,
}

#[derive(Clone, Debug, PartialEq)]
struct Pending {
    stamp: Stamp,
    row_count: i32,
    /// Bit i of byte i/8, lowest bit first.
    rows: Box<[u8]>,
    figures: Packed,
    flags: Flags,
}

/// One row of a batch.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) stamp: Stamp,
    pub(super) index: i32,
    pub(super) count: i32,
    pub(super) figures: Packed,
    pub(super) flags: Flags,
}

/// What a row did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The state changed.
    Changed,
    /// It was there.
    Repeated,
    /// It is older than what counts.
    Stale,
    /// It says another number of rows than its batch did.
    Contradictory,
    /// The batch's sum is more than a day may have.
    TooLarge,
}

impl Batches {
    pub(super) fn new(source: Source) -> Self {
        Self { source, newest: None, rest: None }
    }

    /// The batch that stands.
    pub(super) fn newest(&self) -> Option<&Complete> {
        self.newest.as_ref()
    }

    /// The doubts that remain about the standing batch.
    pub(super) fn doubts(&self) -> Flags {
        let Some(newest) = &self.newest else { return Flags::default() };
        let previous = self.rest.as_ref().and_then(|rest| rest.previous.as_ref());
        if previous.is_some_and(|previous| previous.figures == newest.figures) {
            newest.flags.without(QualityFlag::Outlier)
        } else {
            newest.flags
        }
    }

    /// What the row would do, found without changing anything. [`Taken::Changed`] stands for all that would change.
    pub(super) fn weigh(&self, row: &Row, pending_max: usize) -> Taken {
        let previous = self.rest.as_ref().and_then(|rest| rest.previous.as_ref());
        if [self.newest.as_ref(), previous].into_iter().flatten().any(|batch| batch.stamp == row.stamp) {
            return Taken::Repeated;
        }
        if !self.is_wanted(&row.stamp) {
            return Taken::Stale;
        }
        match self.pending().iter().find(|pending| pending.stamp == row.stamp) {
            None if row.count > 1
                && self.pending().iter().filter(|p| p.stamp > row.stamp).count() >= pending_max =>
            {
                Taken::Stale
            }
            None => Taken::Changed,
            Some(pending) if pending.row_count != row.count => Taken::Contradictory,
            Some(pending) if pending.has(row.index) => Taken::Repeated,
            Some(pending) if pending.figures.plus(row.figures).is_none() => Taken::TooLarge,
            Some(_) => Taken::Changed,
        }
    }

    /// Takes a row that [`Self::weigh`] said would change something.
    pub(super) fn take(&mut self, row: Row, pending_max: usize) {
        if row.count == 1 {
            self.install(Complete { stamp: row.stamp, figures: row.figures, flags: row.flags });
            return;
        }
        let rest = self.rest.get_or_insert_default();
        let at = rest.pending.partition_point(|pending| pending.stamp > row.stamp);
        if rest.pending.get(at).is_none_or(|pending| pending.stamp != row.stamp) {
            rest.pending.insert(at, Pending::new(&row));
            rest.pending.truncate(pending_max);
        } else {
            rest.pending[at].add(&row);
        }
        if rest.pending[at].is_complete() {
            let Pending { stamp, figures, flags, .. } = rest.pending.remove(at);
            self.install(Complete { stamp, figures, flags });
        }
    }

    fn install(&mut self, batch: Complete) {
        match self.newest.as_ref().map(|newest| batch.stamp.cmp(&newest.stamp)) {
            None => self.newest = Some(batch),
            Some(Ordering::Greater) => {
                let doubtful = batch.flags.contains(QualityFlag::Outlier);
                let before = self.newest.replace(batch);
                if doubtful {
                    self.rest.get_or_insert_default().previous = before;
                } else if let Some(rest) = &mut self.rest {
                    rest.previous = None;
                }
            }
            Some(_) => self.rest.get_or_insert_default().previous = Some(batch),
        }
        self.tidy();
    }

    /// Forgets pending batches that cannot count any more, and the room for them.
    fn tidy(&mut self) {
        let Some(mut rest) = self.rest.take() else { return };
        let floor = self.floor(rest.previous.as_ref()).cloned();
        rest.pending.retain(|pending| floor.as_ref().is_none_or(|floor| pending.stamp > *floor));
        if *rest != Rest::default() {
            self.rest = Some(rest);
        }
    }

    fn is_wanted(&self, stamp: &Stamp) -> bool {
        let previous = self.rest.as_ref().and_then(|rest| rest.previous.as_ref());
        self.floor(previous).is_none_or(|floor| stamp > floor)
    }

    /// The stamp that a batch must exceed to matter.
    fn floor<'a>(&'a self, previous: Option<&'a Complete>) -> Option<&'a Stamp> {
        let newest = self.newest.as_ref()?;
        if newest.flags.contains(QualityFlag::Outlier) {
            previous.map(|batch| &batch.stamp)
        } else {
            Some(&newest.stamp)
        }
    }

    fn pending(&self) -> &[Pending] {
        self.rest.as_ref().map_or(&[], |rest| &rest.pending)
    }

    /// The records of the state. A source has several while more than one batch must be kept: its first is the one
    /// whose figures stand, the others carry the batch before an outlier and further pending ones.
    pub(super) fn write_to<'a>(&'a self, records: &mut Vec<SourceDay<'a>>) {
        let previous = self.rest.as_ref().and_then(|rest| rest.previous.as_ref());
        let mut complete = [self.newest.as_ref(), previous].into_iter().flatten();
        let mut pending = self.pending().iter();
        loop {
            let (batch, pending) = (complete.next(), pending.next());
            if batch.is_none() && pending.is_none() {
                return;
            }
            records.push(SourceDay {
                source: self.source,
                batch_id: batch.map_or("", |batch| &batch.stamp.batch_id),
                observed_at: batch.map_or(TimestampMs(0), |batch| batch.stamp.observed_at),
                figures: batch.map(|batch| (&batch.figures).into()).unwrap_or_default(),
                flags: batch.map(|batch| batch.flags.to_vec()).unwrap_or_default(),
                doubts: Vec::new(),
                currency: None,
                pending: pending.map(Pending::record),
            });
        }
    }

    /// Takes back what [`Self::write_to`] wrote, one record at a time and in its order.
    pub(super) fn restore(&mut self, record: &SourceDay<'_>, mut name: impl FnMut(&str) -> Arc<str>) {
        if !record.batch_id.is_empty() {
            let batch = Complete {
                stamp: Stamp { observed_at: record.observed_at, batch_id: name(record.batch_id) },
                figures: (&record.figures).into(),
                flags: record.flags.as_slice().into(),
            };
            if self.newest.is_none() {
                self.newest = Some(batch);
            } else {
                self.rest.get_or_insert_default().previous = Some(batch);
            }
        }
        if let Some(pending) = &record.pending {
            self.rest.get_or_insert_default().pending.push(Pending {
                stamp: Stamp { observed_at: pending.observed_at, batch_id: name(pending.batch_id) },
                row_count: pending.row_count,
                rows: pending.rows.into(),
                figures: (&pending.figures).into(),
                flags: pending.flags.as_slice().into(),
            });
        }
    }
}

impl Pending {
    fn new(row: &Row) -> Self {
        let bytes = usize::try_from(row.count).unwrap_or(0).div_ceil(8);
        let mut pending = Self {
            stamp: row.stamp.clone(),
            row_count: row.count,
            rows: vec![0; bytes].into(),
            figures: row.figures,
            flags: row.flags,
        };
        pending.mark(row.index);
        pending
    }

    fn add(&mut self, row: &Row) {
        // The sum was found to fit when the row was weighed.
        self.figures = self.figures.plus(row.figures).unwrap_or(self.figures);
        self.flags = self.flags.with(row.flags);
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

    fn record(&self) -> PendingBatch<'_> {
        PendingBatch {
            batch_id: &self.stamp.batch_id,
            observed_at: self.stamp.observed_at,
            row_count: self.row_count,
            rows: &self.rows,
            figures: (&self.figures).into(),
            flags: self.flags.to_vec(),
            doubts: Vec::new(),
            currency: None,
        }
    }
}
