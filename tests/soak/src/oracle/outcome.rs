//! I3: every record has exactly one outcome, in the topics and in the metrics.

use std::collections::BTreeMap;

use schemas::Topic;
use schemas::record::{Alert, DeadLetter, Event, Recommendation};

use super::expected::{Counts, Expected, Place, add_counts, shown};
use super::log::{Committed, read};
use super::{Damage, Findings};
use crate::role::Role;
use crate::site::Site;

/// Compares the committed events and dead letters with what the raw log comes to.
pub(super) fn check(
    site: &Site,
    expected: &Expected,
    letters: &[Committed],
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let records = read(site, Topic::Events)?;
    let mut decoder = site.schemas.decoder();
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    let mut counts = Counts::new();
    let mut refused = BTreeMap::new();
    let name = site.topic(Topic::Events);
    for record in &records {
        let key = record.key.as_deref().map(std::str::from_utf8).transpose();
        match (decoder.decode::<Event<'_>>(record.value.as_deref()), key) {
            (Ok(event), Ok(key)) => {
                add_counts(&mut counts, key, &event);
                if let Some(text) = shown(key, &event) {
                    *found.entry(text).or_default() += 1;
                }
            }
            _ => drop(refused.insert((name.clone(), record.partition, record.offset), 1)),
        }
    }
    multiset("I3", "events", &expected.events, &found, findings);
    let shown = |counts: &Counts| {
        counts.iter().map(|(key, sums)| (format!("{key:?}"), format!("{sums:?}"))).collect()
    };
    let difference = super::compare(&shown(&expected.counts), &shown(&counts));
    findings.difference("I3", "counted records by account and hour", &difference);
    let found = letters_by_place(site, letters)?;
    let (by_clickhouse, by_postgres) = refused_by_sinks(site, letters)?;
    let stages = [
        ("normalize", &expected.refused),
        ("score", &refused),
        ("sink-clickhouse", &by_clickhouse),
        ("sink-postgres", &by_postgres),
    ];
    for (stage, wanted) in stages {
        let found: BTreeMap<Place, i64> = found
            .iter()
            .filter(|((by, _), _)| by == stage)
            .map(|((_, place), count)| (place.clone(), *count))
            .collect();
        let text = |places: &BTreeMap<Place, i64>| {
            places.iter().map(|(place, count)| (format!("{place:?}"), *count)).collect::<BTreeMap<_, _>>()
        };
        multiset("I3", &format!("dead letters of {stage}"), &text(wanted), &text(&found), findings);
    }
    metrics(site, findings);
    Ok(())
}

fn multiset(
    invariant: &'static str,
    what: &str,
    expected: &BTreeMap<String, i64>,
    found: &BTreeMap<String, i64>,
    findings: &mut Findings,
) {
    let count = |of: &BTreeMap<String, i64>, key: &String| of.get(key).copied().unwrap_or(0);
    let lost: Vec<String> =
        expected.keys().filter(|key| count(found, key) < count(expected, key)).cloned().collect();
    let doubled: Vec<String> =
        found.keys().filter(|key| count(found, key) > count(expected, key)).cloned().collect();
    findings.note(invariant, Damage::Lost, &format!("{what}: missing"), &lost);
    findings.note(invariant, Damage::Doubled, &format!("{what}: too many"), &doubled);
}

/// The records that ClickHouse's sink and that of Postgres cannot read, of the topics that are no state.
fn refused_by_sinks(
    site: &Site,
    letters: &[Committed],
) -> anyhow::Result<(BTreeMap<Place, i64>, BTreeMap<Place, i64>)> {
    let mut decoder = site.schemas.decoder();
    let mut postgres = BTreeMap::new();
    let mut note = |topic: Topic, record: &Committed| {
        postgres.insert((site.topic(topic), record.partition, record.offset), 1);
    };
    for record in read(site, Topic::Recommendations)? {
        if decoder.decode::<Recommendation<'_>>(record.value.as_deref()).is_err() {
            note(Topic::Recommendations, &record);
        }
    }
    for record in read(site, Topic::Alerts)? {
        if decoder.decode::<Alert<'_>>(record.value.as_deref()).is_err() {
            note(Topic::Alerts, &record);
        }
    }
    let mut clickhouse = postgres.clone();
    for record in letters {
        if decoder.decode::<DeadLetter<'_>>(record.value.as_deref()).is_err() {
            clickhouse.insert((site.topic(Topic::DeadLetters), record.partition, record.offset), 1);
        }
    }
    Ok((clickhouse, postgres))
}

/// How many dead letters each stage wrote of each record.
fn letters_by_place(site: &Site, letters: &[Committed]) -> anyhow::Result<BTreeMap<(String, Place), i64>> {
    let mut decoder = site.schemas.decoder();
    let mut found = BTreeMap::new();
    for record in letters {
        let Ok(letter) = decoder.decode::<DeadLetter<'_>>(record.value.as_deref()) else { continue };
        if let Some(origin) = letter.origin {
            let place = (origin.topic.to_owned(), origin.partition, origin.offset);
            *found.entry((letter.stage.to_owned(), place)).or_default() += 1;
        }
    }
    Ok(found)
}

/// Of every stage process the outcomes sum to the records consumed since it started.
fn metrics(site: &Site, findings: &mut Findings) {
    let mut differing = Vec::new();
    for member in site.fleet().members() {
        if !matches!(member.role, Role::Normalize | Role::Score) {
            continue;
        }
        let group = format!("group=\"{}\"", site.group(member.role));
        let consumed = member.metric("adpulse_kafka_records_consumed_total", &group);
        let stage = format!("stage=\"{}\"", member.role.name());
        let outcomes = member.metric("adpulse_records_total", &stage);
        if member.get("/livez").0 != 200 || consumed != outcomes {
            differing.push(format!(
                "{} {}: {outcomes} outcomes of {consumed} records",
                member.role.name(),
                member.number
            ));
        }
    }
    findings.note("I3", Damage::WrongFigures, "outcomes in the metrics", &differing);
}
