//! A day as bytes. A campaign holds up to a few hundred days, most of them looked at only when the score sums them up, so
//! they lie packed one after another and what the score reads comes first.
//!
//! The shape; for the ordinary day of one source without a batch under way, the standing batch; the leads, if there were any; then
//! what is older or unusual. Everything is its own measure, so that a part can be copied while another changes
//! (`restate.rs`), and equal figures are equal bytes. Stored nowhere but in memory: a restart reads records.

use schemas::record::{Cohort, Source};
use schemas::{Micros, TimestampMs};

use super::batches::{Batches, Complete, Pending, Stamp, Stood};
use super::day::{DayState, slot};
use super::figures::{Currency, FIGURES, Marks, Packed};
use super::names::NameId;
use super::pack::{PADDING, Packer, Reader};
use crate::policy::FactsPolicy;

/// Bits of the shape.
pub(super) const FACEBOOK: u8 = 1;
pub(super) const CSV: u8 = 1 << 1;
/// One source, with a standing batch and nothing under way.
pub(super) const ORDINARY: u8 = 1 << 2;
/// The batch before the standing one is kept.
pub(super) const PREVIOUS: u8 = 1 << 3;
/// It said the same.
pub(super) const CONFIRMED: u8 = 1 << 4;
pub(super) const FIRST_SEEN: u8 = 1 << 5;
pub(super) const FIRST_FIGURES: u8 = 1 << 6;
/// Leads were created on it.
pub(super) const COHORT: u8 = 1 << 7;

/// What the score reads of a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) cohort: Cohort,
    /// The standing batch's figures; absent while there are only leads.
    pub(super) figures: Option<CountedFigures>,
}

/// The figures that count, as far as the score reads them.
#[derive(Clone, Copy, Debug)]
pub(super) struct CountedFigures {
    pub(super) figures: Packed,
    pub(super) marks: Marks,
    pub(super) currency: Option<Currency>,
    pub(super) confirmed: bool,
}

/// A day of which nothing is known, as [`put`] writes it, with what must follow.
pub(super) const EMPTY: [u8; EMPTY_BYTES + PADDING] = [0; EMPTY_BYTES + PADDING];
pub(super) const EMPTY_BYTES: usize = 2;

/// A batch without its figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) stamp: Stamp,
    pub(super) marks: Marks,
    pub(super) currency: Option<Currency>,
}

impl Head {
    pub(super) fn stood(&self) -> Stood {
        Stood { observed_at: self.stamp.observed_at, currency: self.currency }
    }
}

/// Moments are counted from the year 2020, so that those of this and the next generation take five bytes.
const EPOCH: TimestampMs = TimestampMs(1_577_836_800_000);

/// A moment as it is packed.
pub(super) fn since(at: TimestampMs) -> u64 {
    at.0.wrapping_sub(EPOCH.0).cast_unsigned()
}

/// What [`since`] gave.
pub(super) fn moment(since: u64) -> TimestampMs {
    TimestampMs(since.cast_signed().wrapping_add(EPOCH.0))
}

/// Appends the day.
pub(super) fn put(day: &DayState, out: &mut Packer) {
    let ordinary = match &day.sources {
        [Some(only), None] | [None, Some(only)] if only.pending.is_empty() => {
            only.newest.map(|it| (only, it))
        }
        _ => None,
    };
    out.byte(shape(day, ordinary.is_some()));
    if let Some((_, newest)) = &ordinary {
        put_complete(newest, out);
    }
    put_cohort(&day.cohort, out);
    match ordinary {
        Some((only, _)) => only.previous.iter().for_each(|previous| put_complete(previous, out)),
        None => day.sources.iter().flatten().for_each(|batches| put_batches(batches, out)),
    }
    let near = ordinary.map_or(0, |(_, newest)| newest.stamp.observed_at.0);
    let ago = day.first_seen.map_or(0, |first_seen| near.wrapping_sub(first_seen.0));
    put_history(day.revision, ago, out);
    if let Some(first) = &day.first_figures {
        put_figures(first, out);
    }
}

fn shape(day: &DayState, ordinary: bool) -> u8 {
    let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
    let only = day.sources.iter().flatten().next().filter(|_| ordinary);
    bit(day.sources[0].is_some(), FACEBOOK)
        | bit(day.sources[1].is_some(), CSV)
        | bit(ordinary, ORDINARY)
        | bit(only.is_some_and(|only| only.previous.is_some()), PREVIOUS)
        | bit(only.is_some_and(Batches::is_confirmed), CONFIRMED)
        | bit(day.first_seen.is_some(), FIRST_SEEN)
        | bit(day.first_figures.is_some(), FIRST_FIGURES)
        | bit(day.cohort != Cohort::default(), COHORT)
}

/// Appends leads, if there are any, and returns their bit of the shape.
pub(super) fn put_cohort(cohort: &Cohort, out: &mut Packer) -> u8 {
    let Cohort { leads, qualified, won, revenue_micros } = *cohort;
    let numbers = [leads, qualified, won, revenue_micros.0];
    if numbers == [0; 4] {
        return 0;
    }
    out.signed(numbers);
    COHORT
}

pub(super) fn put_history(revision: i32, ago: i64, out: &mut Packer) {
    out.signed([i64::from(revision), ago]);
}

fn put_complete(batch: &Complete, out: &mut Packer) {
    put_head(&batch.stamp, batch.marks, batch.currency, out);
    put_figures(&batch.figures, out);
}

/// A batch without its figures.
pub(super) fn put_head(stamp: &Stamp, marks: Marks, currency: Option<Currency>, out: &mut Packer) {
    out.group([
        since(stamp.observed_at),
        stamp.batch.0.into(),
        marks.0.into(),
        Currency::number(currency).into(),
    ]);
}

pub(super) fn put_figures(figures: &Packed, out: &mut Packer) {
    out.byte(figures.present);
    out.signed(figures.values);
}

fn put_batches(batches: &Batches, out: &mut Packer) {
    out.byte(u8::from(batches.newest.is_some()) | u8::from(batches.previous.is_some()) << 1);
    for batch in [&batches.newest, &batches.previous].into_iter().flatten() {
        put_complete(batch, out);
    }
    out.group([batches.pending.len() as u64]);
    for pending in &batches.pending {
        let Pending { stamp, figures, marks, currency, .. } = *pending;
        put_complete(&Complete { stamp, figures, marks, currency }, out);
        out.group([pending.row_count.cast_unsigned().into(), pending.rows.len() as u64]);
        out.bytes(&pending.rows);
    }
}

/// Reads a day that [`put`] wrote, with [`super::pack::PADDING`] bytes after it.
pub(super) fn get(bytes: &[u8]) -> DayState {
    let mut day = DayState::new();
    get_into(bytes, &mut day);
    day
}

/// The same in place of another day, because a day is large to move.
pub(super) fn get_into(bytes: &[u8], day: &mut DayState) {
    let mut reader = Reader::new(bytes);
    let shape = reader.byte();
    day.sources = [None, None];
    let mut near = 0;
    if shape & ORDINARY != 0 {
        let (slot, source) = if shape & FACEBOOK != 0 { (0, Source::Facebook) } else { (1, Source::Csv) };
        let batches = day.sources[slot].insert(Batches::new(source));
        near = batches.newest.insert(complete(&mut reader)).stamp.observed_at.0;
        day.cohort = cohort(shape, &mut reader);
        if shape & PREVIOUS != 0 {
            batches.previous = Some(complete(&mut reader));
        }
    } else {
        day.cohort = cohort(shape, &mut reader);
        for (slot, source) in sources(shape) {
            get_batches(day.sources[slot].insert(Batches::new(source)), &mut reader);
        }
    }
    let (revision, ago) = history(&mut reader);
    day.revision = revision;
    day.first_seen = (shape & FIRST_SEEN != 0).then(|| TimestampMs(near.wrapping_sub(ago)));
    day.first_figures = (shape & FIRST_FIGURES != 0).then(|| figures(&mut reader));
}

/// Tells which batch names a day holds: of an ordinary one without unpacking its figures.
pub(super) fn names(bytes: &[u8], held: &mut dyn FnMut(NameId)) {
    let mut reader = Reader::new(bytes);
    let shape = reader.byte();
    if shape & ORDINARY == 0 {
        return get(bytes).stamps(&mut |stamp| held(stamp.batch));
    }
    held(head(&mut reader).stamp.batch);
    if shape & PREVIOUS != 0 {
        reader.byte();
        reader.first_signed::<FIGURES>();
        pass_cohort(shape, &mut reader);
        held(head(&mut reader).stamp.batch);
    }
}

/// What the score reads of a day: the front of an ordinary one, any other is read whole.
pub(super) fn read_counted(bytes: &[u8], policy: &FactsPolicy) -> Counted {
    counted(bytes).unwrap_or_else(|| get(bytes).counted(policy))
}

/// What the score reads of an ordinary day; `None` for one that must be read whole.
fn counted(bytes: &[u8]) -> Option<Counted> {
    let mut reader = Reader::new(bytes);
    let shape = reader.byte();
    if shape & (FACEBOOK | CSV) == 0 {
        return Some(Counted { cohort: cohort(shape, &mut reader), figures: None });
    }
    if shape & ORDINARY == 0 {
        return None;
    }
    let confirmed = shape & CONFIRMED != 0;
    let Head { marks, currency, .. } = head(&mut reader);
    let marks = if confirmed { marks.confirmed() } else { marks };
    let figures = figures(&mut reader);
    let figures = Some(CountedFigures { figures, marks, currency, confirmed });
    Some(Counted { cohort: cohort(shape, &mut reader), figures })
}

/// The bit of a source that reports figures.
pub(super) fn bit(source: Source) -> u8 {
    match source {
        Source::Facebook => FACEBOOK,
        Source::Csv => CSV,
        Source::Crm | Source::Clock => 0,
    }
}

/// The sources of a shape, each with its place in a day.
fn sources(shape: u8) -> impl Iterator<Item = (usize, Source)> {
    let all = [Source::Facebook, Source::Csv].into_iter();
    all.filter(move |source| shape & bit(*source) != 0).filter_map(|source| Some((slot(source)?, source)))
}

/// The leads of a day of this shape.
pub(super) fn cohort(shape: u8, reader: &mut Reader<'_>) -> Cohort {
    if shape & COHORT == 0 {
        return Cohort::default();
    }
    let [leads, qualified, won, revenue] = reader.signed();
    Cohort { leads, qualified, won, revenue_micros: Micros(revenue) }
}

/// Passes over them.
pub(super) fn pass_cohort(shape: u8, reader: &mut Reader<'_>) {
    if shape & COHORT != 0 {
        reader.first_signed::<4>();
    }
}

/// Revision, and how long before the standing batch the day was first seen.
pub(super) fn history(reader: &mut Reader<'_>) -> (i32, i64) {
    let [revision, ago] = reader.signed();
    (i32::try_from(revision).unwrap_or(i32::MAX), ago)
}

pub(super) fn head(reader: &mut Reader<'_>) -> Head {
    let [since, batch, marks, currency] = reader.group::<4>();
    let observed_at = moment(since);
    #[expect(clippy::cast_possible_truncation, reason = "they were put as numbers of these types")]
    let (batch, marks, currency) = (batch as u32, marks as u16, currency as u16);
    let stamp = Stamp { observed_at, batch: NameId(batch) };
    Head { stamp, marks: Marks(marks), currency: Currency::from_number(currency) }
}

fn figures(reader: &mut Reader<'_>) -> Packed {
    let present = reader.byte();
    Packed { values: reader.signed::<FIGURES>(), present }
}

fn complete(reader: &mut Reader<'_>) -> Complete {
    let Head { stamp, marks, currency } = head(reader);
    Complete { stamp, figures: figures(reader), marks, currency }
}

fn get_batches(batches: &mut Batches, reader: &mut Reader<'_>) {
    let standing = reader.byte();
    batches.newest = (standing & 1 != 0).then(|| complete(reader));
    batches.previous = (standing & 2 != 0).then(|| complete(reader));
    let [pending] = reader.group();
    for _ in 0..pending {
        let Complete { stamp, figures, marks, currency } = complete(reader);
        let [row_count, len] = reader.group();
        let row_count = i32::try_from(row_count).unwrap_or(i32::MAX);
        let rows = reader.bytes(usize::try_from(len).unwrap_or(0)).into();
        batches.pending.push(Pending { stamp, row_count, rows, figures, marks, currency });
    }
}
