//! `DATA_QUALITY`: too many of an account's records are refused or flagged.

use schemas::record::QualityHour;

use super::sums::count;
use super::{AccountView, Words};
use crate::policy::QualityAlert;

pub(super) fn holds(view: &AccountView<'_>, policy: &QualityAlert) -> bool {
    judged(view, policy).is_some_and(|hour| bad(hour) >= policy.share * count(hour.records))
}

pub(super) fn words(view: &AccountView<'_>, fires: bool, policy: &QualityAlert) -> Words {
    let Some(hour) = judged(view, policy) else {
        let sentence = format!("No recent hour has the {} records needed to judge.", policy.records_min);
        return (None, Some(policy.share), sentence);
    };
    let (bad, records) = (bad(hour), count(hour.records));
    let share = bad / records;
    let [rejected, incomplete, outlier] = [hour.rejected, hour.incomplete, hour.outlier].map(count);
    let mut sentence = format!(
        "{bad} of {records} records of the hour from {} were refused or doubtful, {:.1} %: {rejected} rejected, {incomplete} incomplete, {outlier} outliers",
        hour.hour_start,
        share * 100.0,
    );
    if fires {
        sentence += &format!("; {:.1} % is the limit", policy.share * 100.0);
    }
    sentence.push('.');
    (Some((share * 10_000.0).round() / 10_000.0), Some(policy.share), sentence)
}

/// The newest hour that has enough records.
fn judged<'a>(view: &AccountView<'a>, policy: &QualityAlert) -> Option<&'a QualityHour> {
    view.hours.iter().rev().find(|hour| hour.records >= i64::from(policy.records_min))
}

fn bad(hour: &QualityHour) -> f64 {
    count(hour.rejected) + count(hour.incomplete) + count(hour.outlier)
}
