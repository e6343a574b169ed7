//! Money, days and moments: newtypes that are valid by construction, parsed once at the border.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Money in millionths of a currency's major unit. The currency travels beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// A calendar day, counted from 1970-01-01, in the time zone of the ad account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimestampMs(pub i64);

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

impl Day {
    /// The day of the proleptic Gregorian calendar, if it exists.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => return None,
        };
        if day == 0 || day > length || !(0..=9999).contains(&year) {
            return None;
        }
        // Days from civil, counted in years that start in March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let (month, day) = (i32::try_from(month).ok()?, i32::try_from(day).ok()?);
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten()
        };
        Self::from_ymd(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)
    }

    /// Year, month and day of the month.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        // A day beyond the calendar may come from damaged bytes: it is shown at the calendar's end.
        let z = self.0.saturating_add(719_468);
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
    }

    /// Midnight of the day in UTC.
    #[must_use]
    pub fn midnight_utc(self) -> TimestampMs {
        TimestampMs(i64::from(self.0) * 86_400_000)
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl TimestampMs {
    /// The UTC day of the moment.
    #[must_use]
    pub fn day_utc(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(86_400_000)).unwrap_or(if self.0 < 0 {
            i32::MIN
        } else {
            i32::MAX
        }))
    }
}

impl fmt::Display for TimestampMs {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.rem_euclid(86_400_000);
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", self.day_utc(), ms % 1_000)
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

    #[test]
    fn days_and_texts_agree_over_four_centuries() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2026-11-22"), Some(Day(20_779)));
        for day in -70_000..80_000 {
            let text = Day(day).to_string();
            assert_eq!(Day::parse(&text), Some(Day(day)), "{text}");
        }
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-1-01",
            "2026-00-10",
            "2026-01-00",
            "20260101",
            "+026-01-01",
            "2026-04-31",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_beyond_the_calendar_is_shown_and_not_computed() {
        assert_eq!(Day(i32::MAX).to_string(), Day(i32::MAX - 719_468).to_string());
        assert!(Day(i32::MIN).to_string().starts_with('-'));
        assert!(TimestampMs(i64::MAX).to_string().ends_with('Z'));
    }

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(TimestampMs(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(TimestampMs(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }
}
