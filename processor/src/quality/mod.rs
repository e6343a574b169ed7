//! Doubts about a fact: required figures missing, or values that cannot be.
//!
//! A doubtful fact flows on with its flags. Days without spend that have results, and rows with more results than
//! clicks, are ordinary and not doubted. [`crate::Normalizer`] calls it for every row of figures.

use schemas::record::{Figures, QualityFlag};
use schemas::{Day, TimestampMs};

use crate::policy::QualityPolicy;

/// The doubts about one row of figures, in the order of [`QualityFlag`].
pub(crate) fn doubts(
    figures: &Figures,
    day: Day,
    observed_at: TimestampMs,
    policy: &QualityPolicy,
) -> Vec<QualityFlag> {
    let mut flags = Vec::new();
    if figures.spend_micros.is_none() || figures.impressions.is_none() {
        flags.push(QualityFlag::Incomplete);
    }
    if is_unreasonable(figures, policy) || is_ahead(day, observed_at, policy) {
        flags.push(QualityFlag::Outlier);
    }
    flags
}

fn is_unreasonable(figures: &Figures, policy: &QualityPolicy) -> bool {
    let money = [figures.spend_micros, figures.purchase_value_micros];
    let counts = [
        figures.impressions,
        figures.reach,
        figures.clicks,
        figures.link_clicks,
        figures.leads,
        figures.purchases,
    ];
    let negative = money.iter().flatten().any(|money| money.0 < 0) || counts.iter().flatten().any(|&n| n < 0);
    if negative && policy.negative_is_outlier {
        return true;
    }
    let Some(impressions) = figures.impressions else { return false };
    let clicks = figures.clicks.max(figures.link_clicks);
    let above = |count: Option<i64>| count.is_some_and(|count| count > impressions);
    (policy.clicks_above_impressions_is_outlier && above(clicks))
        || (policy.reach_above_impressions_is_outlier && above(figures.reach))
        || (policy.ctr_above_limit_is_outlier
            && impressions >= i64::from(policy.ctr_impressions_min)
            && clicks.is_some_and(|clicks| share(clicks, impressions) > policy.ctr_max))
}

fn is_ahead(day: Day, observed_at: TimestampMs, policy: &QualityPolicy) -> bool {
    policy.day_ahead_is_outlier
        && i64::from(day.0) > i64::from(observed_at.day_utc().0) + i64::from(policy.future_days_max)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use schemas::Micros;

    fn check(figures: Figures, expected: &[QualityFlag]) {
        let observed_at = Day(20_000).midnight_utc();
        let flags =
            doubts(&figures, Day(19_999), observed_at, &Policy::default().account("facebook", "1").quality);
        assert_eq!(flags, expected, "{figures:?}");
    }

    fn sound() -> Figures {
        Figures {
            spend_micros: Some(Micros(1_000_000)),
            impressions: Some(1_000),
            clicks: Some(20),
            ..Figures::default()
        }
    }

    #[test]
    fn ordinary_rows_are_not_doubted() {
        check(sound(), &[]);
        check(
            Figures { spend_micros: Some(Micros::ZERO), leads: Some(7), purchases: Some(3), ..sound() },
            &[],
        );
        check(Figures { clicks: Some(2), leads: Some(9), ..sound() }, &[]);
        check(Figures { impressions: Some(3), clicks: Some(2), ..sound() }, &[]);
    }

    #[test]
    fn a_row_without_spend_or_impressions_is_incomplete() {
        check(Figures { spend_micros: None, ..sound() }, &[QualityFlag::Incomplete]);
        check(Figures { impressions: None, clicks: Some(5_000), ..sound() }, &[QualityFlag::Incomplete]);
    }

    #[test]
    fn unreasonable_values_are_outliers() {
        check(Figures { spend_micros: Some(Micros(-1)), ..sound() }, &[QualityFlag::Outlier]);
        check(Figures { leads: Some(-1), ..sound() }, &[QualityFlag::Outlier]);
        check(Figures { clicks: Some(1_001), ..sound() }, &[QualityFlag::Outlier]);
        check(Figures { reach: Some(1_001), ..sound() }, &[QualityFlag::Outlier]);
        check(Figures { link_clicks: Some(501), ..sound() }, &[QualityFlag::Outlier]);
        check(
            Figures { spend_micros: None, clicks: Some(1_001), ..sound() },
            &[QualityFlag::Incomplete, QualityFlag::Outlier],
        );
    }

    #[test]
    fn a_day_that_has_not_begun_anywhere_is_an_outlier() {
        let at = Day(20_000).midnight_utc();
        let flags = |day| doubts(&sound(), Day(day), at, &Policy::default().account("facebook", "1").quality);
        assert_eq!(flags(20_001), []);
        assert_eq!(flags(20_002), [QualityFlag::Outlier]);
    }
}
