//! Calendar arithmetic: the day of a moment in a time zone, and days some months back. It knows no clock.

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use schemas::{Day, TimestampMs};

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The day of a moment in a time zone; in UTC for moments that no calendar has.
pub(crate) fn day_in(zone: Tz, moment: TimestampMs) -> Day {
    local(zone, moment).0
}

/// The day and the hour, 0 to 23, of a moment in a time zone.
pub(crate) fn local(zone: Tz, moment: TimestampMs) -> (Day, u8) {
    let local = moment.0.saturating_add(offset_ms(zone, moment));
    let hour = u8::try_from(local.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or(0);
    (TimestampMs(local).day_utc(), hour)
}

/// Hours since a moment; 0 since one that is yet to come.
#[expect(clippy::cast_precision_loss, reason = "moments are far below 2^53 milliseconds")]
pub(crate) fn hours_between(from: Option<TimestampMs>, to: TimestampMs) -> Option<f64> {
    from.map(|from| to.0.saturating_sub(from.0).max(0) as f64 / hours_ms(1.0))
}

/// Milliseconds of so many hours.
pub(crate) fn hours_ms(hours: f64) -> f64 {
    hours * 3_600_000.0
}

/// A moment before which the day in a time zone does not end, at most some hours before its end.
pub(crate) fn next_day(zone: Tz, moment: TimestampMs) -> TimestampMs {
    let offset = offset_ms(zone, moment);
    let local = moment.0.saturating_add(offset);
    let midnight = TimestampMs(moment.0.saturating_add(DAY_MS - local.rem_euclid(DAY_MS)));
    // Clocks that are put forward until then bring midnight nearer.
    let forward = offset_ms(zone, midnight) - offset;
    TimestampMs(midnight.0 - forward.max(0)).max(TimestampMs(moment.0.saturating_add(1)))
}

fn offset_ms(zone: Tz, moment: TimestampMs) -> i64 {
    DateTime::from_timestamp_millis(moment.0).map_or(0, |utc| {
        i64::from(zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()) * 1_000
    })
}

/// The same day of the month so many months earlier, or the last day of that month if it is shorter.
pub(crate) fn months_before(day: Day, months: u16) -> Day {
    let (year, month, day_of_month) = day.ymd();
    let counted = i64::from(year) * 12 + i64::from(month) - 1 - i64::from(months);
    let year = i32::try_from(counted.div_euclid(12)).unwrap_or(0);
    let month = u32::try_from(counted.rem_euclid(12)).unwrap_or(0) + 1;
    (28..=day_of_month)
        .rev()
        .chain([day_of_month.min(28)])
        .find_map(|d| Day::from_ymd(year, month, d))
        .unwrap_or(Day(i32::MIN))
}

/// Reads a moment with its offset, `2026-03-12T15:02:47-0700` as Meta writes it or RFC 3339.
pub(crate) fn parse_moment(text: &str) -> Option<TimestampMs> {
    let read = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    read.ok().map(|moment| TimestampMs(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn the_day_of_a_moment_is_that_of_the_zone_also_across_daylight_saving_and_the_date_line() {
        let at = |text| parse_moment(text).unwrap();
        assert_eq!(day_in(Tz::America__New_York, at("2026-03-08T04:59:59Z")), day("2026-03-07"));
        assert_eq!(day_in(Tz::America__New_York, at("2026-03-09T03:59:59Z")), day("2026-03-08"));
        assert_eq!(day_in(Tz::America__New_York, at("2026-03-09T04:00:00Z")), day("2026-03-09"));
        assert_eq!(day_in(Tz::Pacific__Kiritimati, at("2026-02-28T10:00:00Z")), day("2026-03-01"));
        assert_eq!(day_in(Tz::Pacific__Pago_Pago, at("2028-03-01T10:59:59Z")), day("2028-02-29"));
        // Samoa had no 30 December 2011.
        assert_eq!(day_in(Tz::Pacific__Apia, at("2011-12-30T09:59:59Z")), day("2011-12-29"));
        assert_eq!(day_in(Tz::Pacific__Apia, at("2011-12-30T10:00:00Z")), day("2011-12-31"));
        assert_eq!(day_in(Tz::UTC, TimestampMs(i64::MAX)), Day(i32::MAX));
    }

    #[test]
    fn no_day_ends_before_the_moment_told_for_it_and_none_long_after() {
        for zone in
            [Tz::UTC, Tz::America__New_York, Tz::Pacific__Apia, Tz::Asia__Kolkata, Tz::Pacific__Chatham]
        {
            for hour in (0..24 * 800).step_by(5) {
                let moment = TimestampMs(Day(15_200).midnight_utc().0 + hour * HOUR_MS + 1_234);
                let (today, end) = (day_in(zone, moment), next_day(zone, moment));
                assert!(end > moment);
                assert_eq!(day_in(zone, TimestampMs(end.0 - 1)), today, "{zone} {moment}");
                assert!(day_in(zone, TimestampMs(end.0 + 25 * HOUR_MS)) > today, "{zone} {moment}");
            }
        }
    }

    #[test]
    fn months_back_end_with_the_month() {
        assert_eq!(months_before(day("2026-11-22"), 37), day("2023-10-22"));
        assert_eq!(months_before(day("2028-03-31"), 1), day("2028-02-29"));
        assert_eq!(months_before(day("2026-01-05"), 1), day("2025-12-05"));
        assert_eq!(months_before(day("0001-01-05"), 1_200), Day(i32::MIN));
    }

    #[test]
    fn moments_are_read_with_and_without_a_colon_in_the_offset() {
        let moment = Some(TimestampMs(1_773_352_967_000));
        assert_eq!(parse_moment("2026-03-12T15:02:47-0700"), moment);
        assert_eq!(parse_moment("2026-03-12T22:02:47Z"), moment);
        assert_eq!(parse_moment("2026-03-12T15:02:47"), None);
        assert_eq!(parse_moment("1773352967"), None);
    }

    proptest! {
        #[test]
        fn the_day_of_a_zone_lies_within_one_of_utc_and_falls_back_by_one_at_most(
            moment in -4_000_000_000_000..8_000_000_000_000_i64, later in 0..200_000_000_i64, zone in 0..chrono_tz::TZ_VARIANTS.len()
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let (first, second) = (TimestampMs(moment), TimestampMs(moment + later));
            let of = |moment| day_in(zone, moment);
            // Newfoundland set its clocks back at one minute past midnight, into the day before.
            prop_assert!(of(second).0 + 1 >= of(first).0, "{zone} {first} {second}");
            prop_assert!(of(first).0.abs_diff(first.day_utc().0) <= 1, "{zone} {first}");
        }

        #[test]
        fn months_back_never_skip_a_month_nor_leave_its_day_without_need(day in 366 * 10..2_900_000_i32, months in 0..200_u16) {
            let (day, back) = (Day(day), months_before(Day(day), months));
            let ((year, month, of_month), (back_year, back_month, back_of_month)) = (day.ymd(), back.ymd());
            let count = |year: i32, month: u32| year * 12 + i32::try_from(month).unwrap();
            prop_assert_eq!(count(year, month) - count(back_year, back_month), i32::from(months));
            let ends = Day(back.0 + 1).ymd().2 == 1;
            prop_assert!(back_of_month == of_month || (ends && back_of_month < of_month), "{day} {back}");
        }
    }
}
