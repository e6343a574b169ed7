//! A day as bytes. A campaign holds up to a few hundred days, most of them looked at only when the score sums them up, so
//! they lie packed one after another and what the score reads comes first.
//!
//! Leads; then the shape; then, for the ordinary day of one source without a batch under way, the standing batch with
//! its figures first; what is older or unusual follows. Stored nowhere but in memory: a restart reads records.

use schemas::record::{Cohort, Source};
use schemas::{Micros, TimestampMs};

use super::batches::{Batches, Complete, Pending, Stamp};
use super::day::{DayState, slot};
use super::figures::{Currency, FIGURES, Marks, Packed};
use super::names::NameId;
use super::pack::{Reader, fold, put_byte, put_bytes, put_group};

/// Bits of the shape.
const FACEBOOK: u8 = 1;
const CSV: u8 = 1 << 1;
/// One source, with a standing batch and nothing under way.
const ORDINARY: u8 = 1 << 2;
/// The batch before the standing one is kept.
const PREVIOUS: u8 = 1 << 3;
/// It said the same.
const CONFIRMED: u8 = 1 << 4;
const FIRST_SEEN: u8 = 1 << 5;
const FIRST_FIGURES: u8 = 1 << 6;

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

/// Appends the day.
pub(super) fn put(day: &DayState, out: &mut Vec<u8>) {
    let Cohort { leads, qualified, won, revenue_micros } = day.cohort;
    put_group(out, [leads, qualified, won, revenue_micros.0].map(fold));
    let ordinary = match &day.sources {
        [Some(only), None] | [None, Some(only)] if only.pending.is_empty() => {
            only.newest.map(|it| (only, it))
        }
        _ => None,
    };
    put_byte(out, shape(day, ordinary.is_some()));
    let base = ordinary.map_or(Packed::default(), |(_, newest)| newest.figures);
    if let Some((only, newest)) = ordinary {
        put_complete(&newest, &Packed::default(), out);
        if let Some(previous) = &only.previous {
            put_complete(previous, &base, out);
        }
    } else {
        day.sources.iter().flatten().for_each(|batches| put_batches(batches, out));
    }
    let near = ordinary.map_or(0, |(_, newest)| newest.stamp.observed_at.0);
    let ago = day.first_seen.map_or(0, |first_seen| near.wrapping_sub(first_seen.0));
    put_group(out, [i64::from(day.revision), ago].map(fold));
    if let Some(first) = &day.first_figures {
        put_figures(first, &base, out);
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
}

fn put_complete(batch: &Complete, base: &Packed, out: &mut Vec<u8>) {
    put_bytes(out, &batch.marks.0.to_le_bytes());
    put_bytes(out, &batch.currency.map_or(0, Currency::number).to_le_bytes());
    put_figures(&batch.figures, base, out);
    put_stamp(&batch.stamp, out);
}

/// Figures as their distance from others, which for those of one day is short.
fn put_figures(figures: &Packed, base: &Packed, out: &mut Vec<u8>) {
    put_byte(out, figures.present);
    let mut distance = figures.values;
    for (value, base) in distance.iter_mut().zip(base.values) {
        *value = value.wrapping_sub(base);
    }
    put_group(out, distance.map(fold));
}

fn put_stamp(stamp: &Stamp, out: &mut Vec<u8>) {
    put_group(out, [fold(stamp.observed_at.0), u64::from(stamp.batch.0)]);
}

fn put_batches(batches: &Batches, out: &mut Vec<u8>) {
    put_byte(out, u8::from(batches.newest.is_some()) | u8::from(batches.previous.is_some()) << 1);
    for batch in [&batches.newest, &batches.previous].into_iter().flatten() {
        put_complete(batch, &Packed::default(), out);
    }
    put_group(out, [batches.pending.len() as u64]);
    for pending in &batches.pending {
        let Pending { stamp, figures, marks, currency, .. } = *pending;
        put_complete(&Complete { stamp, figures, marks, currency }, &Packed::default(), out);
        put_group(out, [fold(i64::from(pending.row_count)), pending.rows.len() as u64]);
        put_bytes(out, &pending.rows);
    }
}

/// Reads a day that [`put`] wrote, with [`super::pack::PADDING`] bytes after it.
pub(super) fn get(bytes: &[u8]) -> DayState {
    let mut reader = Reader::new(bytes);
    let mut day = DayState::new();
    day.cohort = cohort(&mut reader);
    let shape = reader.byte();
    let mut base = Packed::default();
    let mut near = 0;
    for source in sources(shape) {
        let mut batches = Batches::new(source);
        if shape & ORDINARY == 0 {
            get_batches(&mut batches, &mut reader);
        } else {
            let newest = complete(&mut reader, &Packed::default());
            (base, near) = (newest.figures, newest.stamp.observed_at.0);
            batches.newest = Some(newest);
            batches.previous = (shape & PREVIOUS != 0).then(|| complete(&mut reader, &base));
        }
        if let Some(slot) = slot(source) {
            day.sources[slot] = Some(batches);
        }
    }
    let [revision, ago] = reader.signed::<2>();
    day.revision = i32::try_from(revision).unwrap_or(i32::MAX);
    day.first_seen = (shape & FIRST_SEEN != 0).then(|| TimestampMs(near.wrapping_sub(ago)));
    day.first_figures = (shape & FIRST_FIGURES != 0).then(|| figures(&mut reader, &base));
    day
}

/// What the score reads of an ordinary day; `None` for one that must be read whole.
pub(super) fn counted(bytes: &[u8]) -> Option<Counted> {
    let mut reader = Reader::new(bytes);
    let cohort = cohort(&mut reader);
    let shape = reader.byte();
    if shape & (FACEBOOK | CSV) == 0 {
        return Some(Counted { cohort, figures: None });
    }
    if shape & ORDINARY == 0 {
        return None;
    }
    let confirmed = shape & CONFIRMED != 0;
    let (marks, currency) = marks(&mut reader);
    let marks = if confirmed { marks.confirmed() } else { marks };
    let figures = figures(&mut reader, &Packed::default());
    Some(Counted { cohort, figures: Some(CountedFigures { figures, marks, currency, confirmed }) })
}

fn sources(shape: u8) -> impl Iterator<Item = Source> {
    [(FACEBOOK, Source::Facebook), (CSV, Source::Csv)]
        .into_iter()
        .filter(move |(bit, _)| shape & bit != 0)
        .map(|(_, source)| source)
}

fn cohort(reader: &mut Reader<'_>) -> Cohort {
    let [leads, qualified, won, revenue] = reader.signed();
    Cohort { leads, qualified, won, revenue_micros: Micros(revenue) }
}

fn marks(reader: &mut Reader<'_>) -> (Marks, Option<Currency>) {
    let two = |reader: &mut Reader<'_>| u16::from_le_bytes([reader.byte(), reader.byte()]);
    let marks = Marks(two(reader));
    (marks, Currency::from_number(two(reader)))
}

fn figures(reader: &mut Reader<'_>, base: &Packed) -> Packed {
    let present = reader.byte();
    let mut values = reader.signed::<FIGURES>();
    for (value, base) in values.iter_mut().zip(base.values) {
        *value = value.wrapping_add(base);
    }
    Packed { values, present }
}

fn complete(reader: &mut Reader<'_>, base: &Packed) -> Complete {
    let (marks, currency) = marks(reader);
    let figures = figures(reader, base);
    Complete { stamp: stamp(reader), figures, marks, currency }
}

fn stamp(reader: &mut Reader<'_>) -> Stamp {
    let [observed_at, batch] = reader.group();
    let batch = u32::try_from(batch).expect("a name's number was put");
    Stamp { observed_at: TimestampMs(super::pack::unfold(observed_at)), batch: NameId(batch) }
}

fn get_batches(batches: &mut Batches, reader: &mut Reader<'_>) {
    let standing = reader.byte();
    let zero = Packed::default();
    batches.newest = (standing & 1 != 0).then(|| complete(reader, &zero));
    batches.previous = (standing & 2 != 0).then(|| complete(reader, &zero));
    let [pending] = reader.group();
    for _ in 0..pending {
        let Complete { stamp, figures, marks, currency } = complete(reader, &zero);
        let [row_count, len] = reader.group();
        let row_count = i32::try_from(super::pack::unfold(row_count)).unwrap_or(i32::MAX);
        let rows = reader.bytes(usize::try_from(len).unwrap_or(0)).into();
        batches.pending.push(Pending { stamp, row_count, rows, figures, marks, currency });
    }
}
