//! Figures, doubts and currencies as the state keeps them: plain bits, added row by row.

use schemas::Micros;
use schemas::record::{Doubt, Figures, QualityFlag};

use crate::event::{COUNT_MAX, MONEY_MAX};

/// Figures with a bit for each that is present; those absent are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) values: [i64; FIGURES],
    pub(super) present: u8,
}

pub(super) const FIGURES: usize = 8;
pub(super) const SPEND: usize = 0;
pub(super) const IMPRESSIONS: usize = 1;
pub(super) const CLICKS: usize = 3;
pub(super) const LINK_CLICKS: usize = 4;
pub(super) const LEADS: usize = 5;
pub(super) const PURCHASES: usize = 6;
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

    pub(super) fn spend(&self) -> i64 {
        self.values[SPEND]
    }

    pub(super) fn has(&self, figure: usize) -> bool {
        self.present >> figure & 1 == 1
    }
}

impl From<&Figures> for Packed {
    #[inline]
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
        let value = |at: usize| packed.has(at).then_some(packed.values[at]);
        Self {
            spend_micros: value(SPEND).map(Micros),
            impressions: value(IMPRESSIONS),
            reach: value(2),
            clicks: value(CLICKS),
            link_clicks: value(LINK_CLICKS),
            leads: value(LEADS),
            purchases: value(PURCHASES),
            purchase_value_micros: value(PURCHASE_VALUE).map(Micros),
        }
    }
}

/// A set of [`Doubt`], and the [`QualityFlag`]s of facts that were flagged before doubts had names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(pub(super) u16);

const FLAG_SHIFT: u16 = 14;
const OUTLIER_BITS: u16 = bits_of(QualityFlag::Outlier);
const INCOMPLETE_BITS: u16 = bits_of(QualityFlag::Incomplete);

/// The doubts that a flag stands for, and its own bit.
const fn bits_of(flag: QualityFlag) -> u16 {
    let mut bits = 1 << (FLAG_SHIFT + flag as u16);
    let mut at = 0;
    while at < Doubt::ALL.len() {
        if Doubt::ALL[at].flag() as u16 == flag as u16 {
            bits |= 1 << Doubt::ALL[at] as u16;
        }
        at += 1;
    }
    bits
}

impl Marks {
    /// The marks of a fact: its doubts, and each flag that none of them explains.
    pub(super) fn new(flags: &[QualityFlag], doubts: &[Doubt]) -> Self {
        let mut marks = Self::default();
        for doubt in doubts {
            marks = marks.with(Self(1 << *doubt as u16));
        }
        for flag in flags {
            if marks.0 & bits_of(*flag) == 0 {
                marks.0 |= 1 << (FLAG_SHIFT + *flag as u16);
            }
        }
        marks
    }

    pub(super) fn of(doubt: Doubt) -> Self {
        Self(1 << doubt as u16)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What remains after a later batch has said the same: a currency that the account does not count in stays one.
    pub(super) fn confirmed(self) -> Self {
        Self(self.0 & (!OUTLIER_BITS | Self::of(Doubt::CurrencyUnlikeAccount).0))
    }

    pub(super) fn is_outlier(self) -> bool {
        self.0 & OUTLIER_BITS != 0
    }

    pub(super) fn flags(self) -> Vec<QualityFlag> {
        if self == Self::default() {
            return Vec::new();
        }
        let all = [(QualityFlag::Incomplete, INCOMPLETE_BITS), (QualityFlag::Outlier, OUTLIER_BITS)];
        all.into_iter().filter(|(_, bits)| self.0 & bits != 0).map(|(flag, _)| flag).collect()
    }

    pub(super) fn doubts(self) -> Vec<Doubt> {
        if self == Self::default() {
            return Vec::new();
        }
        Doubt::ALL.into_iter().filter(|doubt| self.has(*doubt)).collect()
    }

    pub(super) fn has(self, doubt: Doubt) -> bool {
        self.0 & Self::of(doubt).0 != 0
    }
}

/// An ISO 4217 code, three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Currency([u8; 3]);

/// The bits of a capital letter that tell it from the others, and the one that all have.
const LETTER: u8 = 0x1f;
const CAPITAL: u8 = 0x40;

impl Currency {
    /// `None` when the text is not a code.
    #[inline]
    pub(super) fn new(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    pub(super) fn text(&self) -> &str {
        schemas::text(&self.0).expect("capital letters are text")
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.0[..] == *code.as_bytes()
    }

    /// The letters, five bits each; 0 for none.
    #[inline]
    pub(super) fn number(currency: Option<Self>) -> u16 {
        let [a, b, c] =
            currency.map_or([0; 3], |currency| currency.0.map(|letter| u16::from(letter & LETTER)));
        a | b << 5 | c << 10
    }

    /// What [`Self::number`] gave.
    #[inline]
    pub(super) fn from_number(number: u16) -> Option<Self> {
        let [low, high] = number.to_le_bytes();
        let letters = [low, low >> 5 | high << 3, high >> 2].map(|letter| letter & LETTER | CAPITAL);
        (number != 0).then_some(Self(letters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_from_its_number_and_none_from_zero() {
        let letters = || b'A'..=b'Z';
        for code in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c]))) {
            let currency = Currency::new(str::from_utf8(&code).unwrap());
            assert!(currency.is_some());
            assert_eq!(Currency::from_number(Currency::number(currency)), currency);
        }
        assert_eq!((Currency::number(None), Currency::from_number(0)), (0, None));
    }
}
