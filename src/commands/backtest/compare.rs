//! What two policies said of the same log, held against each other. Pure.

use std::collections::BTreeMap;

use schemas::Day;
use schemas::record::Action;

use super::side::{Announced, ScoreLine, Verdict};

/// Every band, the best first.
pub const BANDS: [Action; 5] = [
    Action::IncreaseBudget,
    Action::ContinueOptimize,
    Action::TestChanges,
    Action::ReduceBudget,
    Action::PauseCampaign,
];
/// Scores by ten points; the last has 100 in it too.
pub const TENS: usize = 10;

/// The days whose announcements count, both included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub from: Option<Day>,
    pub to: Option<Day>,
}

/// The comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Every campaign, by key.
    pub campaigns: Vec<Compared>,
    pub before: Distribution,
    pub after: Distribution,
    /// Of the totals of campaigns that both have scored.
    pub change_mean: Option<f64>,
    pub change_median: Option<f64>,
}

/// One campaign under both policies.
#[derive(Debug)]
pub struct Compared {
    pub key: Box<str>,
    pub name: Option<Box<str>>,
    pub before: Under,
    pub after: Under,
    /// Announcements of the span that only one side made: another day, or another action.
    pub differing: usize,
    /// First day of the span on which the announced actions differ.
    pub first_day: Option<Day>,
}

/// A campaign under one policy.
#[derive(Debug)]
pub struct Under {
    /// The last score of the log.
    pub score: Option<ScoreLine>,
    /// What stands announced at the end of the span.
    pub stands: Option<Action>,
    /// Announcements of the span.
    pub announced: Vec<Announced>,
}

/// Last scores, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// By band, as [`BANDS`].
    pub bands: [usize; BANDS.len()],
    /// By ten points, from 0.
    pub tens: [usize; TENS],
}

impl Span {
    fn has(self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    fn is_over(self, day: Day) -> bool {
        self.to.is_some_and(|to| to < day)
    }
}

impl Compared {
    /// Whether another recommendation stands at the end, or one was announced otherwise on the way.
    pub fn is_changed(&self) -> bool {
        self.before.stands != self.after.stands || self.differing > 0
    }
}

/// Holds two sides against each other.
pub fn compare(
    before: BTreeMap<Box<str>, Verdict>,
    mut after: BTreeMap<Box<str>, Verdict>,
    span: Span,
) -> Comparison {
    let mut comparison = Comparison::default();
    let mut changes = Vec::new();
    let mut pairs: Vec<(Box<str>, Verdict, Verdict)> = Vec::with_capacity(before.len());
    for (key, verdict) in before {
        let other = after.remove(&key).unwrap_or_default();
        pairs.push((key, verdict, other));
    }
    // Campaigns that only the second side knows; a policy may take facts that the other refuses.
    pairs.extend(after.into_iter().map(|(key, verdict)| (key, Verdict::default(), verdict)));
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, before, after) in pairs {
        comparison.before.count(before.score);
        comparison.after.count(after.score);
        if let (Some(before), Some(after)) = (before.score, after.score) {
            changes.push(after.total - before.total);
        }
        comparison.campaigns.push(compared(key, before, after, span));
    }
    changes.sort_by(f64::total_cmp);
    comparison.change_mean = mean(&changes);
    comparison.change_median = median(&changes);
    comparison
}

fn compared(key: Box<str>, before: Verdict, after: Verdict, span: Span) -> Compared {
    let first_day = first_difference(&before.announced, &after.announced, span);
    let name = before.name.clone().or_else(|| after.name.clone());
    let (before, after) = (Under::new(before, span), Under::new(after, span));
    let only = |some: &[Announced], others: &[Announced]| {
        let said = |one: &Announced| others.iter().any(|o| (o.day, o.action) == (one.day, one.action));
        some.iter().filter(|one| !said(one)).count()
    };
    let differing = only(&before.announced, &after.announced) + only(&after.announced, &before.announced);
    Compared { key, name, before, after, differing, first_day }
}

impl Under {
    fn new(verdict: Verdict, span: Span) -> Self {
        let stands = standing(&verdict.announced, |day| !span.is_over(day));
        let mut announced = verdict.announced;
        announced.retain(|one| span.has(one.day));
        Self { score: verdict.score, stands, announced }
    }
}

/// The last action announced on the days that count.
fn standing(announced: &[Announced], counts: impl Fn(Day) -> bool) -> Option<Action> {
    announced.iter().rev().find(|one| counts(one.day)).map(|one| one.action)
}

/// The first day of the span at whose end different actions stand announced.
fn first_difference(before: &[Announced], after: &[Announced], span: Span) -> Option<Day> {
    let mut days: Vec<Day> = before.iter().chain(after).map(|one| one.day).collect();
    // What was announced before the span may differ from its first day on.
    days.extend(span.from);
    days.sort_unstable();
    days.dedup();
    let differ = |day: &Day| {
        let until = |other: Day| other <= *day;
        span.has(*day) && standing(before, until) != standing(after, until)
    };
    days.into_iter().find(differ)
}

impl Distribution {
    fn count(&mut self, score: Option<ScoreLine>) {
        let Some(score) = score else { return };
        if let Some(band) = BANDS.iter().position(|band| *band == score.band) {
            self.bands[band] += 1;
        }
        let ten = (1..TENS).take_while(|ten| score.total >= tens(*ten)).count();
        self.tens[ten] += 1;
    }
}

/// The lower edge of a group of ten points.
#[expect(clippy::cast_precision_loss, reason = "there are ten of them")]
pub fn tens(number: usize) -> f64 {
    number as f64 * 10.0
}

#[expect(clippy::cast_precision_loss, reason = "campaigns are far fewer than 2^53")]
fn mean(sorted: &[f64]) -> Option<f64> {
    (!sorted.is_empty()).then(|| sorted.iter().sum::<f64>() / sorted.len() as f64)
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[sorted.len() / 2 - 1], upper)
    } else {
        upper
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::TimestampMs;

    fn verdict(total: f64, band: Action, announced: &[(i32, Action)]) -> Verdict {
        let announced = announced.iter().map(|(day, action)| Announced {
            day: Day(*day),
            at: TimestampMs(0),
            action: *action,
            total,
        });
        Verdict {
            name: None,
            score: Some(ScoreLine { as_of: Day(9), total, band, confidence: 0.5, actionable: true }),
            announced: announced.collect(),
        }
    }

    fn one(before: Verdict, after: Verdict, span: Span) -> Compared {
        let side = |verdict| BTreeMap::from([("a:b:c".into(), verdict)]);
        compare(side(before), side(after), span).campaigns.pop().unwrap()
    }

    const TEST: Action = Action::TestChanges;
    const CONTINUE: Action = Action::ContinueOptimize;

    #[test]
    fn the_first_day_that_differs_is_the_first_at_whose_end_other_actions_stand() {
        let before = verdict(50.0, TEST, &[(1, CONTINUE), (3, TEST)]);
        let after = verdict(50.0, TEST, &[(1, CONTINUE), (5, TEST)]);
        let found = one(before, after, Span::default());
        assert_eq!((found.first_day, found.differing, found.is_changed()), (Some(Day(3)), 2, true));
        assert_eq!(found.before.stands, found.after.stands);
    }

    #[test]
    fn two_announcements_on_one_day_count_by_what_stands_in_the_evening() {
        let before = verdict(50.0, TEST, &[(1, CONTINUE), (1, TEST)]);
        let after = verdict(50.0, TEST, &[(1, TEST)]);
        let found = one(before, after, Span::default());
        assert_eq!((found.first_day, found.differing), (None, 1));
    }

    #[test]
    fn only_the_days_asked_for_are_compared_but_what_stood_before_them_still_stands() {
        let before = verdict(50.0, TEST, &[(1, CONTINUE), (9, TEST)]);
        let after = verdict(50.0, TEST, &[(1, TEST)]);
        let span = Span { from: Some(Day(4)), to: Some(Day(6)) };
        let found = one(before, after, span);
        assert_eq!((found.first_day, found.differing), (Some(Day(4)), 0));
        assert_eq!((found.before.stands, found.after.stands), (Some(CONTINUE), Some(TEST)));
        assert!(found.before.announced.is_empty());
    }

    #[test]
    fn every_last_score_is_in_one_band_and_one_group_of_ten() {
        let verdicts = [0.0, 9.99, 10.0, 55.0, 99.99, 100.0].map(|total| verdict(total, TEST, &[]));
        let keyed = |shift: f64| {
            let moved = verdicts.iter().cloned().enumerate().map(|(at, mut verdict)| {
                verdict.score = verdict.score.map(|score| ScoreLine { total: score.total + shift, ..score });
                (format!("a:b:{at}").into_boxed_str(), verdict)
            });
            moved.collect::<BTreeMap<_, _>>()
        };
        let found = compare(keyed(0.0), keyed(-2.5), Span::default());
        assert_eq!(found.before.tens, [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(found.before.bands, [0, 0, 6, 0, 0]);
        assert!((found.change_mean.unwrap() + 2.5).abs() < 1e-9);
        assert!((found.change_median.unwrap() + 2.5).abs() < 1e-9);
    }
}
