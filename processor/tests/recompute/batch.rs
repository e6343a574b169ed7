//! The recomputation: what must be true of every campaign once a whole log has been read, found by plain loops over
//! all of its facts, without state that is carried from one fact to the next.
//!
//! What depends on the order of the log is decided first and once: log time, and which facts lay beyond the horizon
//! when they arrived.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, Months, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Tz;
use schemas::Micros;
use schemas::record::{Cohort, FatigueLevel, Figures, QualityFlag, Source};

use crate::fact::{Body, Fact, Lead, Log, Row, flags_of};
use crate::formula::{DEFAULTS, Exact, Targets, WindowDay, score};

/// What an account's part of the policy says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountSettings {
    pub(crate) prefix: &'static str,
    pub(crate) zone: Option<&'static str>,
    pub(crate) targets: Targets,
}

/// A campaign as it must be.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) days: BTreeMap<i32, ExpectedDay>,
    pub(crate) as_of: i32,
    pub(crate) window: Vec<WindowDay>,
    pub(crate) metrics_at: Option<i64>,
    pub(crate) age_hours: Option<f64>,
    pub(crate) score: Exact,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedDay {
    pub(crate) figures: Figures,
    pub(crate) flags: Vec<QualityFlag>,
    pub(crate) last_seen: Option<i64>,
    pub(crate) cohort: Cohort,
}

/// A complete batch.
#[derive(Clone, Debug)]
struct Complete {
    at: i64,
    figures: Figures,
    flags: Vec<QualityFlag>,
    /// Whether the batch right before it said the same.
    confirmed: bool,
}

/// Everything about one campaign and day, in the order of the log.
#[derive(Default)]
struct DayFacts<'a> {
    rows: Vec<(&'a Fact, &'a Row)>,
    /// What each lead contributes now.
    leads: BTreeMap<&'a str, Option<(bool, bool, i64)>>,
}

const HORIZON_MONTHS: u32 = 37;
const SOURCES: [Source; 2] = [Source::Facebook, Source::Csv];

fn utc(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap()
}

fn number(day: NaiveDate) -> i32 {
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).unwrap()
}

/// The local date of a moment.
pub(crate) fn local_day(zone: Tz, at: i64) -> i32 {
    number(zone.from_utc_datetime(&utc(at).naive_utc()).date_naive())
}

/// The oldest day that is taken at a log time.
fn oldest(log_time: i64) -> i32 {
    number(utc(log_time).date_naive().checked_sub_months(Months::new(HORIZON_MONTHS)).unwrap())
}

/// Largest moment of a log.
pub(crate) fn log_time(facts: &[Fact]) -> i64 {
    facts.iter().map(|fact| fact.at).max().unwrap()
}

/// The campaigns of a log by number; those of which nothing was accepted are absent.
pub(crate) fn recompute(
    log: &Log,
    facts: &[Fact],
    accounts: &[AccountSettings],
) -> BTreeMap<usize, Expected> {
    let now = log_time(facts);
    let (mut reached, mut reached_oldest) = (i64::MIN, i32::MIN);
    let mut by_campaign: BTreeMap<usize, Vec<(&Fact, i32)>> = BTreeMap::new();
    for fact in facts {
        if fact.at > reached {
            (reached, reached_oldest) = (fact.at, oldest(fact.at));
        }
        if let Some(campaign) = fact.campaign {
            by_campaign.entry(campaign).or_default().push((fact, reached_oldest));
        }
    }
    let mut expected = BTreeMap::new();
    for (campaign, facts) in by_campaign {
        let key = &log.keys[campaign];
        let account = accounts.iter().find(|account| key.starts_with(account.prefix));
        if let Some(found) = recompute_campaign(&facts, now, account) {
            expected.insert(campaign, found);
        }
    }
    expected
}

fn recompute_campaign(
    facts: &[(&Fact, i32)],
    now: i64,
    account: Option<&AccountSettings>,
) -> Option<Expected> {
    let (days, heard_of) = gather(facts);
    if !heard_of {
        return None;
    }
    let zone = zone(facts, account);
    let as_of = local_day(zone, now);
    let mut merged = BTreeMap::new();
    let mut window = Vec::new();
    let mut standing_days = Vec::new();
    let mut metrics_at = None;
    for (day, facts) in days {
        let batches = SOURCES.map(|source| complete_batches(&facts.rows, source));
        metrics_at = batches.iter().flatten().map(|batch| Some(batch.at)).fold(metrics_at, Option::max);
        let counting = batches.iter().find(|batches| !batches.is_empty()).map(|batches| standing(batches));
        let cohort = cohort(facts.leads.values().flatten());
        let age = i64::from(as_of) - i64::from(day);
        standing_days.push((age, counting.clone(), cohort));
        if day < oldest(now) {
            continue;
        }
        let day_facts = match counting {
            Some(Complete { at, figures, flags, .. }) => {
                ExpectedDay { figures, flags, last_seen: Some(at), cohort }
            }
            None => ExpectedDay { cohort, ..ExpectedDay::default() },
        };
        merged.insert(day, day_facts);
    }
    let targets = account.map_or(DEFAULTS, |account| account.targets);
    let limit = spend_limit(&standing_days, targets);
    for (age, counting, cohort) in &standing_days {
        window.push(window_day(*age, counting.as_ref(), cohort, limit));
    }
    let frequency = newest(facts, |body| match body {
        Body::Seen(seen) => seen.frequency.map(f64::to_bits),
        _ => None,
    });
    let fatigued = is_fatigued(facts, zone, as_of);
    #[expect(clippy::cast_precision_loss, reason = "moments are far below 2^53")]
    let age_hours = metrics_at.map(|at: i64| (now - at) as f64 / 3_600_000.0);
    let score = score(&window, frequency.map(f64::from_bits), fatigued, age_hours, targets);
    Some(Expected { days: merged, as_of, window, metrics_at, age_hours, score })
}

/// The facts of each day, and whether the campaign was heard of at all.
fn gather<'a>(facts: &[(&'a Fact, i32)]) -> (BTreeMap<i32, DayFacts<'a>>, bool) {
    let mut days: BTreeMap<i32, DayFacts<'a>> = BTreeMap::new();
    let mut heard_of = false;
    for (fact, oldest) in facts {
        match &fact.body {
            Body::Row(row) if row.day >= *oldest => days.entry(row.day).or_default().rows.push((fact, row)),
            Body::Lead(Lead { key, before, after }) => {
                let mut within = false;
                for step in [before, after].into_iter().flatten() {
                    if step.created_day.0 >= *oldest {
                        within = true;
                        days.entry(step.created_day.0).or_default().leads.insert(key, None);
                    }
                }
                if let Some(now) = after.filter(|step| step.created_day.0 >= *oldest) {
                    let counted = Some((now.qualified, now.won, now.revenue_micros.0));
                    days.entry(now.created_day.0).or_default().leads.insert(key, counted);
                }
                heard_of |= within;
                continue;
            }
            Body::Row(_) | Body::Tick => continue,
            Body::Seen(_) | Body::Fatigue(_) => {}
        }
        heard_of = true;
    }
    (days, heard_of)
}

/// The value of the newest fact that has one; of two of one moment the greater value.
fn newest<T: Ord>(facts: &[(&Fact, i32)], value: impl Fn(&Body) -> Option<T>) -> Option<T> {
    let having = facts.iter().filter_map(|(fact, _)| value(&fact.body).map(|value| (fact.at, value)));
    having.max().map(|(_, value)| value)
}

fn zone(facts: &[(&Fact, i32)], account: Option<&AccountSettings>) -> Tz {
    let observed = newest(facts, |body| match body {
        Body::Seen(seen) => seen.zone,
        _ => None,
    });
    let observed: Option<Tz> = observed.and_then(|name| name.parse().ok());
    let set = account.and_then(|account| account.zone).map(|name| name.parse().unwrap());
    set.or(observed).unwrap_or(Tz::UTC)
}

/// Whether a signal of level HIGH lies in the 7 days before `as_of`.
fn is_fatigued(facts: &[(&Fact, i32)], zone: Tz, as_of: i32) -> bool {
    facts.iter().any(|(fact, _)| {
        matches!(fact.body, Body::Fatigue(FatigueLevel::High))
            && (1..=7).contains(&(as_of - local_day(zone, fact.at)))
    })
}

/// The complete batches of a source, in the order of moment and id.
fn complete_batches(rows: &[(&Fact, &Row)], source: Source) -> Vec<Complete> {
    let mut by_batch: BTreeMap<(i64, &str), Vec<(&Fact, &Row)>> = BTreeMap::new();
    for (fact, row) in rows {
        if row.source == source {
            by_batch.entry((fact.at, &row.batch_id)).or_default().push((fact, row));
        }
    }
    let mut complete = Vec::new();
    for ((at, _), rows) in by_batch {
        // The batch has as many rows as its first row said; a row that says otherwise is refused.
        let count = rows[0].1.count;
        let mut first_of_each: BTreeMap<i32, (&Fact, &Row)> = BTreeMap::new();
        for (fact, row) in rows {
            if row.count == count {
                first_of_each.entry(row.index).or_insert((fact, row));
            }
        }
        if first_of_each.len() == usize::try_from(count).unwrap() {
            let rows: Vec<_> = first_of_each.into_values().collect();
            let flags: BTreeSet<_> = rows.iter().flat_map(|(fact, _)| flags_of(&fact.doubts)).collect();
            let figures = sum(&rows.iter().map(|(_, row)| row.figures).collect::<Vec<_>>());
            let flags = flags.into_iter().collect();
            complete.push(Complete { at, figures, flags, confirmed: false });
        }
    }
    complete
}

/// The newest of some complete batches, less the doubt that the one right before it dispels.
fn standing(batches: &[Complete]) -> Complete {
    let [earlier @ .., newest] = batches else { panic!("only called with batches") };
    let mut standing = newest.clone();
    if earlier.last().is_some_and(|before| before.figures == newest.figures) {
        standing.confirmed = true;
        standing.flags.retain(|flag| *flag != QualityFlag::Outlier);
    }
    standing
}

/// A figure is there if any row has it.
fn sum(rows: &[Figures]) -> Figures {
    let add = |of: &dyn Fn(&Figures) -> Option<i64>| {
        let present: Vec<i128> = rows.iter().filter_map(of).map(i128::from).collect();
        (!present.is_empty()).then(|| i64::try_from(present.iter().sum::<i128>()).unwrap())
    };
    Figures {
        spend_micros: add(&|row| row.spend_micros.map(|money| money.0)).map(Micros),
        impressions: add(&|row| row.impressions),
        reach: add(&|row| row.reach),
        clicks: add(&|row| row.clicks),
        link_clicks: add(&|row| row.link_clicks),
        leads: add(&|row| row.leads),
        purchases: add(&|row| row.purchases),
        purchase_value_micros: add(&|row| row.purchase_value_micros.map(|money| money.0)).map(Micros),
    }
}

fn cohort<'a>(leads: impl Iterator<Item = &'a (bool, bool, i64)>) -> Cohort {
    let (mut count, mut qualified, mut won, mut revenue) = (0, 0, 0, 0_i128);
    for lead in leads {
        count += 1;
        qualified += i64::from(lead.0);
        won += i64::from(lead.1);
        revenue += i128::from(lead.2);
    }
    Cohort { leads: count, qualified, won, revenue_micros: Micros(i64::try_from(revenue).unwrap()) }
}

/// The spend from which a day that no batch confirmed is an outlier beside the campaign's other days: 20 times the
/// lower median of the days of the window with spend, if there are five, and 20 target costs per lead.
fn spend_limit(days: &[(i64, Option<Complete>, Cohort)], targets: Targets) -> f64 {
    let inside = days.iter().filter(|(age, ..)| (1..=30).contains(age));
    let mut spends: Vec<f64> = inside.filter_map(|(_, batch, _)| batch.as_ref().map(spend)).collect();
    spends.retain(|spend| *spend > 0.0);
    spends.sort_by(f64::total_cmp);
    if spends.len() < 5 {
        return f64::INFINITY;
    }
    (20.0 * spends[(spends.len() - 1) / 2]).max(20.0 * targets.cost_per_lead)
}

#[expect(clippy::cast_precision_loss, reason = "the logs' figures are small")]
fn spend(batch: &Complete) -> f64 {
    batch.figures.spend_micros.unwrap_or_default().0 as f64 / 1e6
}

fn window_day(age: i64, counting: Option<&Complete>, cohort: &Cohort, spend_limit: f64) -> WindowDay {
    let counting = counting.filter(|batch| !batch.flags.contains(&QualityFlag::Outlier));
    let counting = counting.filter(|batch| batch.confirmed || spend(batch) < spend_limit);
    let figures = counting.map(|batch| batch.figures).unwrap_or_default();
    let count = |figure: Option<i64>| i128::from(figure.unwrap_or(0));
    WindowDay {
        age,
        spend: count(figures.spend_micros.map(|money| money.0)),
        impressions: count(figures.impressions),
        link_clicks: count(figures.link_clicks.or(figures.clicks)),
        platform_leads: count(figures.leads),
        crm_leads: i128::from(cohort.leads),
        qualified: i128::from(cohort.qualified),
        won: i128::from(cohort.won),
        revenue: i128::from(cohort.revenue_micros.0),
        purchases: count(figures.purchases),
    }
}

/// A day so many days after another, across month ends and leap days as chrono has them.
pub(crate) fn day_of(year: i32, month: u32, day: u32, plus: u64) -> i32 {
    number(NaiveDate::from_ymd_opt(year, month, day).unwrap().checked_add_days(Days::new(plus)).unwrap())
}
