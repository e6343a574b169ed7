//! Facts and leads into a packed day.
//!
//! Nearly all facts are batches of one row about a day of one source with no other batch under way. Such a day is not
//! unpacked, because that takes longer than to change it: its parts are copied around what is new. Promises for them the
//! answer of [`DayState::weigh`] and the bytes that [`DayState::take`] and [`layout::put`] would leave, which a test holds
//! it to; every other day and row goes that general way. `apply.rs` calls it.

use std::cmp::Ordering;

use schemas::Micros;
use schemas::record::{Cohort, Source};

use super::batches::{Judge, Refused, Row, Stamp, Stood};
use super::day::{DayState, slot};
use super::facts::ALL_REGARD;
use super::figures::{FIGURES, Marks};
use super::layout::{self, Head};
use super::pack::{Packer, Reader};
use crate::policy::FactsPolicy;

/// The source's standing batch before and after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) before: Option<Stood>,
    pub(super) standing: Option<Stood>,
}

/// A day of at most one source and nothing under way, in its packed parts.
struct Parts<'a> {
    shape: u8,
    newest: Option<Standing<'a>>,
    cohort: &'a [u8],
    previous: Option<Standing<'a>>,
    revision: i32,
    /// How long before the standing batch the day was first seen.
    ago: i64,
    first: &'a [u8],
}

/// A complete batch in its packed parts.
struct Standing<'a> {
    head: Head,
    spend: i64,
    figures: &'a [u8],
    bytes: &'a [u8],
}

/// What a row did, and which policies regard it; see [`super::facts::Taken`].
pub(super) type Restated = (Result<Change, Refused>, Micros);

/// Takes a row into a packed day, and appends the day as it is then. Only sources that report figures have rows.
pub(super) fn restate(
    day: &[u8],
    source: Source,
    row: &Row,
    (judge, policy): (&Judge<'_>, &FactsPolicy),
    out: &mut Packer,
) -> Restated {
    ordinary(day, source, row, judge, out)
        .unwrap_or_else(|| whole(layout::get(day), source, row, (judge, policy), out))
}

/// The way of ordinary days and rows; `None` for others.
fn ordinary(day: &[u8], source: Source, row: &Row, judge: &Judge<'_>, out: &mut Packer) -> Option<Restated> {
    if row.count != 1 {
        return None;
    }
    let parts = Parts::read(day, source)?;
    if let Some(newest) = &parts.newest
        && let Err(refused) = parts.weigh(newest, row, judge)?
    {
        return Some((Err(refused), newest.regards(row, judge)));
    }
    parts.put(source, row, judge, out);
    let before = parts.newest.as_ref().map(|newest| newest.head.stood());
    // A row that is older than the standing batch goes the general way.
    Some((Ok(Change { before, standing: Some(row.stood()) }), ALL_REGARD))
}

/// The general way.
fn whole(
    mut day: DayState,
    source: Source,
    row: &Row,
    (judge, policy): (&Judge<'_>, &FactsPolicy),
    out: &mut Packer,
) -> Restated {
    let Some(slot) = slot(source) else { return (Err(Refused::Stale), ALL_REGARD) };
    let before = day.sources[slot].as_ref().and_then(|batches| batches.newest);
    let regards = before.map_or(ALL_REGARD, |newest| {
        regards(&newest.stamp, newest.marks, newest.figures.spend(), row, judge)
    });
    if let Err(refused) = day.weigh(slot, row, judge) {
        return (Err(refused), regards);
    }
    let standing = day.take((slot, source), row, judge, policy);
    layout::put(&day, out);
    let change =
        Change { before: before.map(|batch| batch.stood()), standing: standing.map(|batch| batch.stood()) };
    (Ok(change), regards)
}

/// Which policies regard a row beside the standing batch: one that is older matters only where that batch is doubted,
/// for its spend if for nothing else.
fn regards(newest: &Stamp, marks: Marks, spend: i64, row: &Row, judge: &Judge<'_>) -> Micros {
    let is_older = row.stamp.order(newest, judge.names).is_lt();
    if is_older && !marks.is_outlier() { Micros(spend) } else { ALL_REGARD }
}

/// Appends a day of so many bytes with other leads. `None` when `change` refuses.
pub(super) fn recount(
    (day, len): (&[u8], usize),
    change: impl FnOnce(&mut Cohort) -> bool,
    out: &mut Packer,
) -> Option<()> {
    let mut reader = Reader::new(day);
    let shape = reader.byte();
    if shape & layout::ORDINARY != 0 {
        Standing::read(&mut reader);
    }
    let before = reader.since(0);
    let mut cohort = layout::cohort(shape, &mut reader);
    if !change(&mut cohort) {
        return None;
    }
    let start = out.len();
    out.bytes(before);
    let bit = layout::put_cohort(&cohort, out);
    out.set(start, shape & !layout::COHORT | bit);
    out.bytes(day.get(reader.at()..len).unwrap_or_default());
    Some(())
}

impl<'a> Parts<'a> {
    fn read(day: &'a [u8], source: Source) -> Option<Self> {
        let mut reader = Reader::new(day);
        let shape = reader.byte();
        let sources = shape & (layout::FACEBOOK | layout::CSV);
        let is_ordinary = shape & layout::ORDINARY != 0;
        if sources != 0 && (sources != layout::bit(source) || !is_ordinary) {
            return None;
        }
        let newest = is_ordinary.then(|| Standing::read(&mut reader));
        let start = reader.at();
        layout::pass_cohort(shape, &mut reader);
        let cohort = reader.since(start);
        let previous = (shape & layout::PREVIOUS != 0).then(|| Standing::read(&mut reader));
        let (revision, ago) = layout::history(&mut reader);
        let has_first = shape & layout::FIRST_FIGURES != 0;
        let first = if has_first { figures(&mut reader).1 } else { &[] };
        Some(Self { shape, newest, cohort, previous, revision, ago, first })
    }

    /// What [`DayState::weigh`] says; `None` where that one must be asked.
    fn weigh(&self, newest: &Standing<'_>, row: &Row, judge: &Judge<'_>) -> Option<Result<(), Refused>> {
        let order = |stamp: &Stamp| row.stamp.order(stamp, judge.names);
        let previous = self.previous.as_ref().map(|batch| order(&batch.head.stamp));
        let beside_newest = order(&newest.head.stamp);
        if beside_newest.is_eq() || previous.is_some_and(Ordering::is_eq) {
            return Some(Err(Refused::Repeated));
        }
        let is_newer = beside_newest.is_gt();
        if !judge.may_be_outlier(newest.head.marks, newest.spend) {
            return Some(if is_newer { Ok(()) } else { Err(Refused::Stale) });
        }
        // Of a batch that may be an outlier the one before counts too.
        let is_newest = is_newer && previous.is_none_or(Ordering::is_gt);
        is_newest.then_some(Ok(()))
    }

    fn put(&self, source: Source, row: &Row, judge: &Judge<'_>, out: &mut Packer) {
        let start = out.len();
        out.byte(0);
        layout::put_head(&row.stamp, row.marks, row.currency, out);
        let figures_at = out.len();
        layout::put_figures(&row.figures, out);
        let said_same = self.newest.as_ref().filter(|newest| out.since(figures_at) == newest.figures);
        out.bytes(self.cohort);
        let mut shape = layout::bit(source) | layout::ORDINARY | layout::FIRST_SEEN;
        shape |= self.shape & layout::COHORT;
        if let Some(newest) = &self.newest
            && judge.may_be_outlier(row.marks, row.figures.spend())
        {
            let is_confirmed = said_same.is_some_and(|newest| newest.head.currency == row.currency);
            shape |= layout::PREVIOUS | if is_confirmed { layout::CONFIRMED } else { 0 };
            out.bytes(newest.bytes);
        }
        let is_changed = said_same.is_none();
        let was_seen = self.shape & layout::FIRST_SEEN != 0;
        let mut first = self.first;
        if is_changed && was_seen && first.is_empty() {
            first = self.newest.as_ref().map_or(&[], |newest| newest.figures);
        }
        let ago = if was_seen {
            let near = self.newest.as_ref().map_or(0, |newest| newest.head.stamp.observed_at.0);
            row.stamp.observed_at.0.wrapping_sub(near.wrapping_sub(self.ago))
        } else {
            if !is_changed {
                shape &= !layout::FIRST_SEEN;
            }
            0
        };
        layout::put_history(self.revision.saturating_add(i32::from(is_changed)), ago, out);
        if !first.is_empty() {
            shape |= layout::FIRST_FIGURES;
            out.bytes(first);
        }
        out.set(start, shape);
    }
}

impl<'a> Standing<'a> {
    fn read(reader: &mut Reader<'a>) -> Self {
        let start = reader.at();
        let head = layout::head(reader);
        let (spend, figures) = figures(reader);
        Self { head, spend, figures, bytes: reader.since(start) }
    }

    fn regards(&self, row: &Row, judge: &Judge<'_>) -> Micros {
        regards(&self.head.stamp, self.head.marks, self.spend, row, judge)
    }
}

/// Passes over figures: their spend, and their bytes.
fn figures<'a>(reader: &mut Reader<'a>) -> (i64, &'a [u8]) {
    let start = reader.at();
    reader.byte();
    let spend = reader.first_signed::<FIGURES>();
    (spend, reader.since(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::TimestampMs;

    use super::super::figures::{Currency, Packed, SPEND};
    use super::super::names::{NameId, Names};
    use super::super::pack::PADDING;
    use super::*;
    use crate::Policy;

    const SPEND_MIN: i64 = 1_000_000_000;
    /// Of each of the names below.
    const CELL_UNITS: u32 = 4;

    fn rows() -> impl Strategy<Value = (Source, Row)> {
        let stamp = (0..5_i64, 0..3_u32);
        let figures =
            (prop_oneof![Just(-3_i64), Just(70), Just(SPEND_MIN), 0..2 * SPEND_MIN], 0..3_i64, any::<bool>());
        let marks = prop_oneof![4 => Just(0), 1 => any::<u16>()];
        let currency = prop_oneof![Just(None), Just(Some("USD")), Just(Some("EUR"))];
        let place = prop_oneof![4 => Just((0, 1)), 1 => Just((0, 2)), 1 => Just((1, 2))];
        let source = prop_oneof![5 => Just(Source::Facebook), 1 => Just(Source::Csv)];
        (stamp, figures, marks, currency, place, source).prop_map(
            |((hour, batch), (spend, clicks, has_spend), marks, currency, (index, count), source)| {
                let mut figures = Packed { values: [0, 18_500, 0, clicks, 0, 0, 0, 0], present: 0b1010 };
                if has_spend {
                    figures.values[SPEND] = spend;
                    figures.present |= 1 << SPEND;
                }
                let observed_at = TimestampMs(1_790_000_000_000 + hour * 3_600_000);
                let stamp = Stamp { observed_at, batch: NameId(CELL_UNITS * batch) };
                let currency = currency.and_then(Currency::new);
                (source, Row { stamp, index, count, figures, marks: Marks(marks), currency })
            },
        )
    }

    /// A packed day as it lies among others, in room that is larger than it needs.
    fn lying(day: &[u8]) -> Vec<u8> {
        [day, &[0xee; PADDING + 3]].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn ordinary_days_and_rows_end_in_the_same_bytes_as_by_the_general_way(
            steps in proptest::collection::vec((rows(), 0..1_000_i64), 1..14),
        ) {
            let mut names = Names::default();
            for name in ["poll-b", "poll-a", "poll-b"] {
                names.again(name);
            }
            let policy = Policy::default().facts;
            let judge = Judge { names: &names, pending_max: 2, spend_min: Micros(SPEND_MIN) };
            let mut day = layout::EMPTY[..layout::EMPTY_BYTES].to_vec();
            let mut another = DayState::new();
            for ((source, row), leads) in steps {
                let (mut short, mut long) = (Packer::default(), Packer::default());
                let change = whole(layout::get(&lying(&day)), source, &row, (&judge, &policy), &mut long);
                if let Some(ordinary) = ordinary(&lying(&day), source, &row, &judge, &mut short) {
                    prop_assert_eq!(ordinary, change);
                    prop_assert_eq!(short.since(0), long.since(0));
                }
                if change.0.is_ok() {
                    day = long.since(0).to_vec();
                }
                let mut unpacked = layout::get(&lying(&day));
                // What another day had is gone, whichever source had it.
                another.sources.swap(0, 1);
                layout::get_into(&lying(&day), &mut another);
                prop_assert_eq!(&another, &unpacked);
                unpacked.cohort.leads += leads;
                let (mut counted, mut expected) = (Packer::default(), Packer::default());
                let more = |cohort: &mut Cohort| { cohort.leads += leads; true };
                recount((&lying(&day), day.len()), more, &mut counted);
                layout::put(&unpacked, &mut expected);
                prop_assert_eq!(counted.since(0), expected.since(0));
                day = counted.since(0).to_vec();
                let (mut held, mut expected) = (Vec::new(), Vec::new());
                layout::names(&lying(&day), &mut |name| held.push(name.0));
                unpacked.stamps(&mut |stamp| expected.push(stamp.batch.0));
                prop_assert_eq!(held, expected);
            }
        }
    }

    #[test]
    fn a_day_of_which_nothing_is_known_is_packed_as_no_bytes_but_zeros() {
        let mut packed = Packer::default();
        layout::put(&DayState::new(), &mut packed);
        assert_eq!(packed.since(0), &layout::EMPTY[..layout::EMPTY_BYTES]);
        assert_eq!(layout::get(&layout::EMPTY), DayState::new());
    }
}
