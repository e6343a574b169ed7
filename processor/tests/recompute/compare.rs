//! Holds what the scorer wrote against what must be.

use std::collections::{BTreeMap, BTreeSet};

use schemas::record::{
    Action, Alert, AlertState, CampaignDay, CampaignScore, Doubt, Recommendation, WindowTotals,
};
use schemas::{Day, DayKey, Micros, TimestampMs, Topic};

use crate::batch::{Expected, log_time, recompute};
use crate::fact::{Log, flags_of};
use crate::formula::{WindowDay, band, inside};
use crate::history::ACCOUNTS;
use crate::recorder::Recorder;

/// A figure that is published with 2 decimals, and the same figure before rounding. The doubles of two ways of
/// computing it differ in their last bits, so at the middle between two cents either is right.
fn agrees(published: f64, exact: f64) -> bool {
    (published - exact).abs() <= 0.005 + 1e-9
        && (published * 100.0 - (published * 100.0).round()).abs() < 1e-9
}

/// The state after the first `end` facts, the last of which is a tick that scored every campaign.
pub(crate) fn state(log: &Log, end: usize, out: &Recorder) {
    let facts = &log.facts[..end];
    let now = log_time(facts);
    let expected = recompute(log, facts, &ACCOUNTS);
    let mut days_written: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for (topic, key) in out.latest.keys() {
        if *topic == Topic::CampaignDays {
            let parts = DayKey::split(key).unwrap();
            days_written.entry(parts.campaign_key).or_default().insert(parts.day.0);
        }
    }
    for (number, key) in log.keys.iter().enumerate() {
        let written = days_written.remove(key.as_str()).unwrap_or_default();
        let Some(expected) = expected.get(&number) else {
            assert!(
                written.is_empty() && out.bytes_of(Topic::Scores, key).is_none(),
                "{key} was never heard of"
            );
            continue;
        };
        assert_eq!(written, expected.days.keys().copied().collect(), "the days of {key}");
        for (day, wanted) in &expected.days {
            let day_key = DayKey { campaign_key: key, day: Day(*day) }.to_string();
            let found: CampaignDay<'_> = out.decode(out.bytes_of(Topic::CampaignDays, &day_key));
            let place = format!("{day_key} after {end} facts");
            assert_eq!(found.figures, wanted.figures, "figures of {place}");
            // Whether a spend stands out beside the other days is told as of the record; the score is held to it below.
            let mut doubts = found.doubts.clone();
            doubts.retain(|doubt| *doubt != Doubt::SpendAboveMedian);
            assert_eq!(flags_of(&doubts), wanted.flags, "flags of {place}");
            assert_eq!(found.flags, flags_of(&found.doubts), "flags and doubts of {place}");
            assert_eq!(found.cohort, wanted.cohort, "cohort of {place}");
            assert_eq!(found.last_seen, wanted.last_seen.map(TimestampMs), "last seen of {place}");
        }
        let found: CampaignScore<'_> = out.decode(out.bytes_of(Topic::Scores, key));
        score(&format!("{key} after {end} facts"), &found, expected, now);
    }
    assert!(days_written.is_empty(), "days of campaigns that are not in the log: {days_written:?}");
}

fn score(place: &str, found: &CampaignScore<'_>, expected: &Expected, now: i64) {
    assert_eq!(found.scored_at, TimestampMs(now), "moment of {place}");
    assert_eq!(found.as_of, Day(expected.as_of), "day of {place}");
    assert_eq!(found.window, totals(&expected.window), "window of {place}");
    assert_eq!(found.metrics_observed_at, expected.metrics_at.map(TimestampMs), "newest metrics of {place}");
    let parts = found.parts;
    let parts = [parts.cost_efficiency, parts.lead_quality, parts.volume, parts.trend, parts.engagement];
    let exact = &expected.score;
    for (at, (part, exact)) in parts.into_iter().zip(exact.parts).enumerate() {
        assert!(agrees(part, exact), "part {at} of {place}: {part}, and not {exact}");
    }
    assert!(agrees(found.total, exact.total), "total of {place}: {}, and not {}", found.total, exact.total);
    assert!(
        agrees(found.confidence, exact.confidence),
        "confidence of {place}: {}, and not {}",
        found.confidence,
        exact.confidence
    );
    assert_eq!(found.guard.map(schemas::record::Guard::symbol), exact.guard, "guard of {place}");
    assert_eq!(found.recommendation.symbol(), band(found.total), "band of {place}");
    let too_old = expected.age_hours.is_some_and(|age| age > 48.0);
    let too_little = found.confidence < 0.35 && exact.guard.is_none();
    assert_eq!(found.actionable, !too_old && !too_little, "actionable of {place}");
}

fn totals(days: &[WindowDay]) -> WindowTotals {
    let sum = |figure: &dyn Fn(&WindowDay) -> i128| {
        let inside = days.iter().filter(|day| (1..=30).contains(&day.age));
        i64::try_from(inside.map(figure).sum::<i128>()).unwrap()
    };
    WindowTotals {
        spend_micros: Micros(sum(&|day| day.spend)),
        impressions: sum(&|day| day.impressions),
        link_clicks: sum(&|day| day.link_clicks),
        leads: sum(&|day| day.platform_leads.max(day.crm_leads)),
        crm_leads: sum(&|day| day.crm_leads),
        qualified: sum(&|day| day.qualified),
        won: sum(&|day| day.won),
        revenue_micros: Micros(sum(&|day| day.revenue)),
        purchases: sum(&|day| day.purchases),
        active_days: i32::try_from(sum(&|day| i128::from(day.impressions > 0 || day.spend > 0))).unwrap(),
    }
}

/// Every announcement follows from the scores in the order in which they were written, by SCORING.md section 5.
pub(crate) fn announcements(out: &Recorder) {
    let mut standing: BTreeMap<&str, Action> = BTreeMap::new();
    let mut due: Option<(&str, f64, Option<Action>)> = None;
    let mut seen = 0;
    for (topic, key, bytes) in &out.log {
        match topic {
            Topic::Scores => {
                assert_eq!(due, None, "a change of recommendation was not announced");
                let found: CampaignScore<'_> = out.decode(Some(bytes));
                let last = standing.get(key.as_str()).copied();
                let is_new = last.is_none_or(|last| {
                    last != found.recommendation
                        && (found.guard.is_some() || inside(found.total) >= 3.0 - 1e-9)
                });
                if is_new {
                    standing.insert(key, found.recommendation);
                    due = Some((key, found.total, last));
                }
                assert_eq!(found.announced.map(|a| a.action), standing.get(key.as_str()).copied(), "{key}");
            }
            Topic::Recommendations => {
                let found: Recommendation<'_> = out.decode(Some(bytes));
                let (of, total, last) = due.take().expect("an announcement without a reason");
                assert_eq!((of, total, last), (key.as_str(), found.total, found.previous_action));
                assert_eq!(found.action.symbol(), band(found.total));
                seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(due, None, "a change of recommendation was not announced");
    assert!(seen > 0);
}

/// An alert fires once and resolves before it fires again; what a campaign's score calls firing is what fires.
pub(crate) fn alerts(out: &Recorder) {
    let mut firing: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (topic, key, bytes) in &out.log {
        if *topic != Topic::Alerts {
            continue;
        }
        let alert: Alert<'_> = out.decode(Some(bytes));
        let known = firing.entry(key).or_default();
        let changed = match alert.state {
            AlertState::Firing => known.insert(alert.code.to_owned()),
            AlertState::Resolved => known.remove(alert.code),
        };
        assert!(changed, "{} of {key} is {:?} once more", alert.code, alert.state);
        assert!(!alert.sentence.is_empty());
    }
    for ((topic, key), bytes) in &out.latest {
        if *topic == Topic::Scores {
            let found: CampaignScore<'_> = out.decode(Some(bytes));
            let says: BTreeSet<String> = found.firing.iter().map(|code| (*code).to_owned()).collect();
            assert_eq!(says, firing.remove(key.as_str()).unwrap_or_default(), "alerts of {key}");
        }
    }
}
