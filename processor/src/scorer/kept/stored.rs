//! Kept sums as bytes: many of the numbers are small, and the leads of most days are none.

use schemas::{Day, Micros};

use super::super::figures::Currency;
use super::super::pack::{PADDING, Packer, Reader};
use super::super::view::Summed;
use super::{Kept, Spends};
use crate::score::DoubtfulDays;
use crate::score::window::{Numbers, Window};

/// The sums of one campaign; none while they must be summed anew.
#[derive(Debug, Default)]
pub(in super::super) struct Stored(Box<[u8]>);

/// Room is made in steps of so many bytes, and kept for sums that take up to a step less.
const STEP: usize = 16;

impl Stored {
    /// Takes the sums out. `None` while there are none.
    pub(in super::super) fn load(&self) -> Option<Kept> {
        (!self.0.is_empty()).then(|| get(&mut Reader::new(&self.0)))
    }

    /// Keeps sums in place of those before. The buffer is used again and again.
    pub(in super::super) fn keep(&mut self, kept: &Kept, buffer: &mut Packer) {
        buffer.clear();
        put(kept, buffer);
        let packed = buffer.since(0);
        let room = (packed.len() + PADDING).next_multiple_of(STEP);
        if self.0.len() != room && self.0.len() != room + STEP {
            self.0 = vec![0; room].into();
        }
        self.0[..packed.len()].copy_from_slice(packed);
    }

    pub(in super::super) fn forget(&mut self) {
        self.0 = Box::default();
    }

    /// Bytes on the heap.
    pub(in super::super) fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

fn put(kept: &Kept, out: &mut Packer) {
    let Kept { as_of, currency, summed: Summed { window, doubtful }, spends } = kept;
    let Spends { least, most, is_open } = *spends;
    out.byte(u8::from(is_open));
    out.group([Currency::number(*currency).into()]);
    let numbers = window.numbers();
    out.signed([i64::from(as_of.0), least.0, most.0]);
    out.signed(numbers.totals);
    out.signed(numbers.spends);
    out.signed(numbers.leads);
    out.group([numbers.active.into()]);
    put_sparse(numbers.crm_leads, out);
    put_sparse(doubtful.0, out);
}

fn get(reader: &mut Reader<'_>) -> Kept {
    let is_open = reader.byte() != 0;
    let [currency] = reader.group::<1>();
    let [as_of, least, most] = reader.signed();
    let (totals, spends, leads) = (reader.signed(), reader.signed(), reader.signed());
    let [active] = reader.group();
    let numbers = Numbers { totals, spends, leads, active: short(active), crm_leads: get_sparse(reader) };
    Kept {
        as_of: Day(i32::try_from(as_of).unwrap_or_default()),
        currency: Currency::from_number(short(currency)),
        summed: Summed { window: Window::of_numbers(&numbers), doubtful: DoubtfulDays(get_sparse(reader)) },
        spends: Spends { least: Micros(least), most: Micros(most), is_open },
    }
}

/// Which of the numbers are not 0, and those.
fn put_sparse<T: Copy + Into<u64>, const N: usize>(numbers: [T; N], out: &mut Packer) {
    const { assert!(N <= 64, "there is a bit for each") }
    let numbers = numbers.map(Into::into);
    let bits = (0..N).fold(0, |bits, at| bits | u64::from(numbers[at] != 0) << at);
    out.group([bits]);
    numbers.into_iter().filter(|number| *number != 0).for_each(|number| out.group([number]));
}

fn get_sparse<T: Copy + Default + TryFrom<u64>, const N: usize>(reader: &mut Reader<'_>) -> [T; N] {
    let mut numbers = [T::default(); N];
    let [mut bits] = reader.group();
    while bits != 0 {
        let [number] = reader.group();
        let at = bits.trailing_zeros() as usize;
        if let (Some(place), Ok(number)) = (numbers.get_mut(at), T::try_from(number)) {
            *place = number;
        }
        bits &= bits - 1;
    }
    numbers
}

fn short<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::record::Doubt;

    use super::*;
    use crate::score::ScoreDay;

    fn days() -> impl Strategy<Value = Vec<(usize, ScoreDay)>> {
        let amount = || prop_oneof![Just(0), -3..90_i64, any::<i64>().prop_map(|wide| wide >> 8)];
        let figures = proptest::array::uniform8(amount());
        let day = (0..=30_usize, figures).prop_map(|(age, figures)| {
            let [spend, impressions, link_clicks, platform_leads, crm_leads, qualified, won, revenue] =
                figures;
            let (spend, revenue) = (Micros(spend), Micros(revenue));
            let day = ScoreDay {
                spend,
                impressions,
                link_clicks,
                platform_leads,
                crm_leads,
                ..ScoreDay::default()
            };
            (age, ScoreDay { qualified, won, revenue, purchases: won, ..day })
        });
        proptest::collection::vec(day, 0..40)
    }

    proptest! {
        #[test]
        fn sums_come_back_as_they_were_kept_whatever_was_kept_before(
            of_days in proptest::collection::vec((days(), any::<i32>(), any::<bool>()), 1..6),
            (least, most) in (any::<i64>(), any::<i64>()),
        ) {
            let (mut stored, mut buffer) = (Stored::default(), Packer::default());
            prop_assert!(stored.load().is_none());
            for (days, as_of, is_open) in of_days {
                let mut kept = Kept { as_of: Day(as_of), ..Kept::default() };
                kept.currency = is_open.then(|| Currency::new("EUR")).flatten();
                kept.spends = Spends { least: Micros(least), most: Micros(most), is_open };
                for (age, day) in &days {
                    kept.summed.window.add(*age, day);
                    kept.summed.doubtful.add(Doubt::ALL[age % Doubt::ALL.len()]);
                }
                prop_assume!(kept.summed.window.is_exact());
                stored.keep(&kept, &mut buffer);
                prop_assert_eq!(stored.load(), Some(kept));
            }
            stored.forget();
            prop_assert!(stored.load().is_none());
        }
    }
}
