//! Money: a newtype that is valid by construction, parsed once at the border.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Money in millionths of a currency's major unit. The currency travels beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMoneyError {
    /// Nothing there.
    #[error("the amount is empty")]
    Empty,
    /// Something other than a sign, digits and one decimal point.
    #[error("the amount is not a decimal number such as 1234.56")]
    NotDecimal,
    /// Beyond what 64 bits of micros hold, about nine trillion.
    #[error("the amount is larger than 9,223,372,036,854")]
    TooLarge,
}

impl Micros {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Reads a plain decimal such as `143.50` or `-0.1`; digits beyond the sixth are rounded half away from zero.
    ///
    /// # Errors
    /// When the text is empty, is not a plain decimal (exponents, separators of thousands and `NaN` are not), or
    /// does not fit.
    pub fn parse(text: &str) -> Result<Self, ParseMoneyError> {
        if let Some(micros) = Self::parse_plain(text) {
            return Ok(micros);
        }
        let (negative, digits) = match text.as_bytes() {
            [] => return Err(ParseMoneyError::Empty),
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mut micros, mut seen, mut decimals) = (0_i64, 0_u32, None::<u32>);
        for &byte in digits {
            match byte {
                b'.' if decimals.is_none() => decimals = Some(0),
                b'0'..=b'9' => {
                    seen += 1;
                    let digit = i64::from(byte - b'0');
                    match &mut decimals {
                        Some(6) => {
                            micros =
                                micros.checked_add(i64::from(digit >= 5)).ok_or(ParseMoneyError::TooLarge)?;
                            decimals = Some(7);
                        }
                        Some(places) if *places > 6 => {}
                        places => {
                            micros = micros
                                .checked_mul(10)
                                .and_then(|m| m.checked_add(digit))
                                .ok_or(ParseMoneyError::TooLarge)?;
                            if let Some(places) = places {
                                *places += 1;
                            }
                        }
                    }
                }
                _ => return Err(ParseMoneyError::NotDecimal),
            }
        }
        if seen == 0 {
            return Err(ParseMoneyError::NotDecimal);
        }
        let missing = 6_u32.saturating_sub(decimals.unwrap_or(0));
        let micros = micros.checked_mul(10_i64.pow(missing)).ok_or(ParseMoneyError::TooLarge)?;
        Ok(Self(if negative { -micros } else { micros }))
    }

    /// What most amounts are: few digits, at most six of them behind a point. Too few to become too large on the way.
    fn parse_plain(text: &str) -> Option<Self> {
        const BYTES_MAX: usize = 12;
        const PLACES: [i64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        let bytes = text.as_bytes();
        let (mut number, mut point) = (0, None);
        if bytes.len() > BYTES_MAX {
            return None;
        }
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        let decimals = point.map_or(0, |at| bytes.len() - at - 1);
        // A point alone is no number.
        let digits = bytes.len() - usize::from(point.is_some());
        PLACES.get(decimals).filter(|_| digits > 0).map(|unit| Self(number * unit))
    }

    /// The amount in major units, for the rules' arithmetic.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "amounts below nine billion are exact; the rules work in doubles"
    )]
    pub fn major(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Micros {
    /// With two decimals, rounded half away from zero: `55662.15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (self.0.unsigned_abs() + 5_000) / 10_000;
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_the_micro_and_rounded_half_away_from_zero() {
        for (text, micros) in [
            ("143.50", 143_500_000),
            ("1.429999948", 1_430_000),
            ("-0.0000005", -1),
            ("0.0000004999", 0),
            (".5", 500_000),
            ("7.", 7_000_000),
            ("9223372036854", 9_223_372_036_854_000_000),
        ] {
            assert_eq!(Micros::parse(text), Ok(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn short_amounts_are_read_as_long_ones_are() {
        // Zeros in front make an amount long and change nothing.
        let long = |text: &str| match text.strip_prefix(['-', '+']) {
            Some(rest) => format!("{}000000000000{rest}", &text[..1]),
            None => format!("000000000000{text}"),
        };
        for text in [
            "0",
            "7",
            "7.",
            ".5",
            "0.000001",
            "12.345678",
            "999999999999",
            "1.2.3",
            "1,2",
            "12.3456789",
            "-1.5",
            "+2",
        ] {
            assert_eq!(Micros::parse(text), Micros::parse(&long(text)), "{text}");
        }
        for cents in 0..20_000_i64 {
            assert_eq!(
                Micros::parse(&format!("{}.{:02}", cents / 100, cents % 100)),
                Ok(Micros(cents * 10_000))
            );
        }
        assert_eq!(Micros::parse("."), Err(ParseMoneyError::NotDecimal));
    }

    #[test]
    fn what_is_not_plain_decimal_money_is_refused() {
        for text in ["-", "1,5", "1e3", "NaN", "inf", "1.2.3", " 1", "0x1", "."] {
            assert_eq!(Micros::parse(text), Err(ParseMoneyError::NotDecimal), "{text}");
        }
        assert_eq!(Micros::parse(""), Err(ParseMoneyError::Empty));
        assert_eq!(Micros::parse("9223372036855"), Err(ParseMoneyError::TooLarge));
        assert_eq!(Micros::parse("99999999999999999999999"), Err(ParseMoneyError::TooLarge));
    }

    #[test]
    fn money_is_shown_in_cents() {
        assert_eq!(Micros(55_662_149_994).to_string(), "55662.15");
        assert_eq!(Micros(-5_000).to_string(), "-0.01");
        assert_eq!(Micros(-4_999).to_string(), "0.00");
        assert_eq!(Micros(i64::MIN).to_string(), "-9223372036854.78");
    }
}
