//! I3: every record has exactly one outcome, in the topics and in the metrics.

use std::collections::BTreeMap;

use schemas::Topic;
use schemas::record::{DeadLetter, Event};

use super::expected::{Counts, Expected, Place, add_counts, shown};
use super::log::{Committed, read};
use super::{Damage, Findings};
use crate::role::Role;
use crate::site::{PREFIX, Site};

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
        match decoder.decode::<Event<'_>>(record.value.as_deref()) {
            Ok(event) => {
                let key = record.key.as_deref().map(String::from_utf8_lossy);
                add_counts(&mut counts, key.as_deref(), &event);
                if let Some(text) = shown(key.as_deref(), &event) {
                    *found.entry(text).or_default() += 1;
                }
            }
            Err(_) => drop(refused.insert((name.clone(), record.partition, record.offset), 1)),
        }
    }
    multiset("I3", "events", &expected.events, &found, findings);
    let shown = |counts: &Counts| {
        counts.iter().map(|(key, sums)| (format!("{key:?}"), format!("{sums:?}"))).collect()
    };
    let difference = super::compare(&shown(&expected.counts), &shown(&counts));
    findings.difference("I3", "counted records by account and hour", &difference);
    let found = letters_by_place(site, letters)?;
    for (stage, wanted) in [("normalize", &expected.refused), ("score", &refused)] {
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

/// How many dead letters each stage wrote of each record.
fn letters_by_place(site: &Site, letters: &[Committed]) -> anyhow::Result<BTreeMap<(String, Place), i64>> {
    let mut decoder = site.schemas.decoder();
    let mut found = BTreeMap::new();
    for record in letters {
        let letter: DeadLetter<'_> = decoder.decode(record.value.as_deref())?;
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
        let (status, text) = member.get("/metrics");
        let group = format!("group=\"{PREFIX}{}\"", member.role.name());
        let consumed = sum(&text, "adpulse_kafka_records_consumed_total", &group);
        let stage = format!("stage=\"{}\"", member.role.name());
        let outcomes = sum(&text, "adpulse_records_total", &stage);
        if status != 200 || consumed != outcomes {
            differing.push(format!(
                "{} {}: {outcomes} outcomes of {consumed} records",
                member.role.name(),
                member.number
            ));
        }
    }
    findings.note("I3", Damage::WrongFigures, "outcomes in the metrics", &differing);
}

/// Sum of a counter's samples that carry a label.
fn sum(text: &str, name: &str, label: &str) -> u64 {
    let samples =
        text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
    samples
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}
