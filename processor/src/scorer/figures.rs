//! Figures and flags as the state keeps them: packed, and added row by row.

use schemas::Micros;
use schemas::record::{Figures, QualityFlag};

use crate::event::{COUNT_MAX, MONEY_MAX};

/// Figures with a bit for each that is present; those absent are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    values: [i64; 8],
    present: u8,
}

/// A set of [`QualityFlag`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

const SPEND: usize = 0;
const PURCHASE_VALUE: usize = 7;

impl Packed {
    /// The sum, in which a figure is present if either has it. `None` when one grows beyond what a day may have.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let mut sum = Self { present: self.present | other.present, ..self };
        for (at, value) in sum.values.iter_mut().enumerate() {
            let limit = if at == SPEND || at == PURCHASE_VALUE { MONEY_MAX.0 } else { COUNT_MAX };
            *value = value.checked_add(other.values[at]).filter(|sum| (-limit..=limit).contains(sum))?;
        }
        Some(sum)
    }
}

impl From<&Figures> for Packed {
    fn from(figures: &Figures) -> Self {
        let money = |amount: Option<Micros>| amount.map(|amount| amount.0);
        let all = [
            money(figures.spend_micros),
            figures.impressions,
            figures.reach,
            figures.clicks,
            figures.link_clicks,
            figures.leads,
            figures.purchases,
            money(figures.purchase_value_micros),
        ];
        let mut packed = Self::default();
        for (at, value) in all.into_iter().enumerate() {
            packed.present |= u8::from(value.is_some()) << at;
            packed.values[at] = value.unwrap_or(0);
        }
        packed
    }
}

impl From<&Packed> for Figures {
    fn from(packed: &Packed) -> Self {
        let value = |at: usize| (packed.present >> at & 1 == 1).then_some(packed.values[at]);
        Self {
            spend_micros: value(SPEND).map(Micros),
            impressions: value(1),
            reach: value(2),
            clicks: value(3),
            link_clicks: value(4),
            leads: value(5),
            purchases: value(6),
            purchase_value_micros: value(PURCHASE_VALUE).map(Micros),
        }
    }
}

impl Flags {
    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, flag: QualityFlag) -> Self {
        Self(self.0 & !(1 << flag as u8))
    }

    pub(super) fn contains(self, flag: QualityFlag) -> bool {
        self.0 >> flag as u8 & 1 == 1
    }

    pub(super) fn to_vec(self) -> Vec<QualityFlag> {
        let all = [QualityFlag::Incomplete, QualityFlag::Outlier];
        all.into_iter().filter(|flag| self.contains(*flag)).collect()
    }
}

impl From<&[QualityFlag]> for Flags {
    fn from(flags: &[QualityFlag]) -> Self {
        Self(flags.iter().fold(0, |bits, flag| bits | 1 << *flag as u8))
    }
}
