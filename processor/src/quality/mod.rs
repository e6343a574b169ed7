//! Doubts about a fact: required figures missing, or values that cannot be.
//!
//! A doubtful fact flows on with its doubts, and the flags that follow from them. Days without spend that have
//! results, and rows with more results than clicks, are ordinary and not doubted. Each range is judged by itself and
//! can be switched off by the policy. [`crate::Normalizer`] calls it; spend against the campaign's median day needs
//! the campaign's days and is judged by [`crate::Scorer`].

use schemas::record::{Doubt, Figures, QualityFlag};
use schemas::{Day, TimestampMs};

use crate::policy::QualityPolicy;

/// A row of figures and what it is judged against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) figures: &'a Figures,
    pub(crate) day: Day,
    pub(crate) observed_at: TimestampMs,
    /// The currency that the row itself names.
    pub(crate) currency: Option<&'a str>,
    /// That of its account, where known.
    pub(crate) account_currency: Option<&'a str>,
}

/// The doubts about one row of figures, in the order of [`Doubt`].
pub(crate) fn doubts(row: &Row<'_>, policy: &QualityPolicy) -> Vec<Doubt> {
    let Row { figures, day, observed_at, .. } = *row;
    let clicks = figures.clicks.max(figures.link_clicks);
    let above_impressions =
        |count: Option<i64>| count.zip(figures.impressions).is_some_and(|(count, shown)| count > shown);
    let above_ctr = |(clicks, shown): (i64, i64)| {
        shown >= i64::from(policy.ctr_impressions_min) && share(clicks, shown) > policy.ctr_max
    };
    let first_day_ahead = i64::from(observed_at.day_utc().0) + i64::from(policy.future_days_max) + 1;
    let other_currency = row.currency.zip(row.account_currency).is_some_and(|(row, account)| row != account);
    [
        (Doubt::SpendMissing, figures.spend_micros.is_none()),
        (Doubt::ImpressionsMissing, figures.impressions.is_none()),
        (Doubt::FigureNegative, policy.negative_is_outlier && has_negative(figures)),
        (
            Doubt::ClicksAboveImpressions,
            policy.clicks_above_impressions_is_outlier && above_impressions(clicks),
        ),
        (
            Doubt::ReachAboveImpressions,
            policy.reach_above_impressions_is_outlier && above_impressions(figures.reach),
        ),
        (
            Doubt::CtrAboveLimit,
            policy.ctr_above_limit_is_outlier && clicks.zip(figures.impressions).is_some_and(above_ctr),
        ),
        (Doubt::DayAhead, policy.day_ahead_is_outlier && i64::from(day.0) >= first_day_ahead),
        (Doubt::CurrencyUnlikeAccount, policy.currency_unlike_account_is_outlier && other_currency),
    ]
    .into_iter()
    .filter_map(|(doubt, holds)| holds.then_some(doubt))
    .collect()
}

/// The flags that follow from doubts, each once, in their order.
pub(crate) fn flags(doubts: &[Doubt]) -> Vec<QualityFlag> {
    [QualityFlag::Incomplete, QualityFlag::Outlier]
        .into_iter()
        .filter(|flag| doubts.iter().any(|doubt| doubt.flag() == *flag))
        .collect()
}

fn has_negative(figures: &Figures) -> bool {
    let money = [figures.spend_micros, figures.purchase_value_micros];
    let counts = [
        figures.impressions,
        figures.reach,
        figures.clicks,
        figures.link_clicks,
        figures.leads,
        figures.purchases,
    ];
    money.iter().flatten().any(|money| money.0 < 0) || counts.iter().flatten().any(|&n| n < 0)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Policy;
    use Doubt::{
        ClicksAboveImpressions, CtrAboveLimit, CurrencyUnlikeAccount, DayAhead, FigureNegative,
        ImpressionsMissing, ReachAboveImpressions, SpendMissing,
    };
    use schemas::Micros;

    const TODAY: Day = Day(20_000);

    fn policy(toml: &str) -> Arc<QualityPolicy> {
        Arc::clone(&Policy::from_toml(toml).unwrap().account("facebook", "1").quality)
    }

    fn row(figures: &Figures) -> Row<'_> {
        let observed_at = TODAY.midnight_utc();
        Row { figures, day: Day(19_999), observed_at, currency: None, account_currency: None }
    }

    fn check(figures: Figures, expected: &[Doubt]) {
        assert_eq!(doubts(&row(&figures), &policy("")), expected, "{figures:?}");
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
        check(Figures { spend_micros: None, ..sound() }, &[SpendMissing]);
        check(Figures { impressions: None, clicks: Some(5_000), ..sound() }, &[ImpressionsMissing]);
    }

    #[test]
    fn unreasonable_values_are_doubted_by_name() {
        check(Figures { spend_micros: Some(Micros(-1)), ..sound() }, &[FigureNegative]);
        check(Figures { leads: Some(-1), ..sound() }, &[FigureNegative]);
        check(Figures { clicks: Some(1_001), ..sound() }, &[ClicksAboveImpressions, CtrAboveLimit]);
        check(Figures { reach: Some(1_001), ..sound() }, &[ReachAboveImpressions]);
        check(Figures { link_clicks: Some(501), ..sound() }, &[CtrAboveLimit]);
        check(Figures { link_clicks: Some(500), ..sound() }, &[]);
    }

    #[test]
    fn a_day_that_has_not_begun_anywhere_is_doubted() {
        let policy = policy("");
        let of = |day| doubts(&Row { day, ..row(&sound()) }, &policy);
        assert_eq!(of(Day(20_001)), []);
        assert_eq!(of(Day(20_002)), [DayAhead]);
        assert_eq!(of(Day(i32::MAX)), [DayAhead]);
        assert_eq!(of(Day(i32::MIN)), []);
    }

    #[test]
    fn a_row_in_a_currency_unlike_its_accounts_is_doubted_and_one_without_any_is_not() {
        let policy = policy("");
        let of = |currency, account_currency| {
            doubts(&Row { currency, account_currency, ..row(&sound()) }, &policy)
        };
        assert_eq!(of(Some("EUR"), Some("USD")), [CurrencyUnlikeAccount]);
        assert_eq!(of(Some("USD"), Some("USD")), []);
        assert_eq!(of(Some("EUR"), None), []);
        assert_eq!(of(None, Some("USD")), []);
    }

    #[test]
    fn each_range_has_a_switch_that_stills_its_doubt_and_no_other() {
        let figures = Figures {
            spend_micros: None,
            impressions: Some(100),
            clicks: Some(101),
            reach: Some(101),
            leads: Some(-1),
            ..Figures::default()
        };
        let row =
            Row { day: Day(20_002), currency: Some("EUR"), account_currency: Some("USD"), ..row(&figures) };
        let all = doubts(&row, &policy(""));
        for (switch, doubt) in [
            ("negative_is_outlier", FigureNegative),
            ("clicks_above_impressions_is_outlier", ClicksAboveImpressions),
            ("reach_above_impressions_is_outlier", ReachAboveImpressions),
            ("ctr_above_limit_is_outlier", CtrAboveLimit),
            ("day_ahead_is_outlier", DayAhead),
            ("currency_unlike_account_is_outlier", CurrencyUnlikeAccount),
        ] {
            let policy = policy(&format!("[quality]\n{switch} = false"));
            let stilled: Vec<_> = all.iter().copied().filter(|found| *found != doubt).collect();
            assert_eq!(stilled.len() + 1, all.len(), "{doubt:?} was found");
            assert_eq!(doubts(&row, &policy), stilled, "{switch}");
        }
    }

    #[test]
    fn flags_follow_from_doubts_each_once_and_in_order() {
        assert_eq!(flags(&[]), []);
        assert_eq!(flags(&[FigureNegative, DayAhead]), [QualityFlag::Outlier]);
        let both = [QualityFlag::Incomplete, QualityFlag::Outlier];
        assert_eq!(flags(&[SpendMissing, ImpressionsMissing, DayAhead]), both);
        assert_eq!(flags(&[DayAhead, SpendMissing]), both);
        assert!(Doubt::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
