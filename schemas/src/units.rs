//! Days and moments: newtypes that are valid by construction, parsed once at the border.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A calendar day, counted from 1970-01-01, in the time zone of the ad account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimestampMs(pub i64);

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
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
        let two = |tens: u8, ones: u8| {
            // What is below `0` becomes a large number.
            let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
            (tens.max(ones) <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
        };
        let year = two(y1, y2)? * 100 + two(y3, y4)?;
        Self::from_ymd(i32::try_from(year).ok()?, two(m1, m2)?, two(d1, d2)?)
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

    /// `YYYY-MM-DD` without formatting; `None` outside the years 0 to 9999.
    #[must_use]
    pub fn iso(self) -> Option<[u8; 10]> {
        let (year, month, day) = self.ymd();
        let year = u32::try_from(year).ok().filter(|year| *year <= 9999)?;
        let ([y1, y2], [y3, y4], [m1, m2], [d1, d2]) = (pair(year / 100), pair(year), pair(month), pair(day));
        Some([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2])
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

    /// RFC 3339 in UTC with milliseconds, without formatting; `None` outside the years 0 to 9999.
    #[must_use]
    pub fn iso(self) -> Option<[u8; 24]> {
        let [y1, y2, y3, y4, _, m1, m2, _, d1, d2] = self.day_utc().iso()?;
        let ms = u32::try_from(self.0.rem_euclid(86_400_000)).ok()?;
        let ([h1, h2], [n1, n2]) = (pair(ms / 3_600_000), pair(ms / 60_000 % 60));
        let ([s1, s2], [f2, f3]) = (pair(ms / 1_000 % 60), pair(ms % 1_000));
        let [_, f1] = pair(ms % 1_000 / 100);
        Some([
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1,
            f2, f3, b'Z',
        ])
    }
}

/// The last two digits.
fn pair(number: u32) -> [u8; 2] {
    [number / 10, number].map(|number| b'0' + (number % 10) as u8)
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
    fn days_and_texts_agree_over_four_centuries() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2026-11-22"), Some(Day(20_779)));
        for day in -70_000..80_000 {
            let text = Day(day).to_string();
            assert_eq!(Day(day).iso().as_ref().map(<[u8; 10]>::as_slice), Some(text.as_bytes()));
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
        for moment in [1_700_000_000_123, -1, 0, 1_709_254_861_007].map(TimestampMs) {
            assert_eq!(moment.iso().as_ref().map(<[u8; 24]>::as_slice), Some(moment.to_string().as_bytes()));
        }
        assert_eq!(TimestampMs(i64::MAX).iso(), None);
    }
}
