//! The oracle: after healing, what must hold of the whole run. The invariants are numbered as in ARCHITECTURE.md.
//!
//! It promises to name every invariant that does not hold with the first keys that differ. It refuses to call anything lost or
//! doubled that it has not looked for in the committed log itself.

pub mod log;
pub mod rows;
pub mod stores;
mod expected;
mod intake;
mod outcome;

use std::collections::BTreeMap;
use std::path::Path;

use schemas::Decoder;
use schemas::Topic;
use schemas::record::{Alert, CampaignDay, CampaignScore, DeadLetter, Lead, Recommendation};
use serde::Serialize;

use crate::site::Site;
use log::{Committed, RAW, newest, read};
use rows::{Difference, Table, compare};

/// How many keys a violation names.
const NAMED: usize = 5;

/// What a violation means for the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Something is gone.
    Lost,
    /// Something is there twice, or was never sent.
    Doubled,
    /// A figure is not what the log comes to.
    WrongFigures,
    /// The promise of a limit or an order was broken.
    Limit,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// Its number: `I1` to `I9`.
    pub invariant: &'static str,
    /// What it means.
    pub damage: Damage,
    /// What was compared.
    pub what: String,
    /// How often.
    pub count: usize,
    /// The first keys.
    pub first: Vec<String>,
}

/// Collects violations.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Violation>);

impl Findings {
    /// Notes keys that break an invariant, if there are any.
    pub fn note(&mut self, invariant: &'static str, damage: Damage, what: &str, keys: &[String]) {
        if !keys.is_empty() {
            let first = keys.iter().take(NAMED).cloned().collect();
            self.0.push(Violation { invariant, damage, what: what.to_owned(), count: keys.len(), first });
        }
    }

    fn difference(&mut self, invariant: &'static str, what: &str, difference: &Difference) {
        self.note(invariant, Damage::Lost, &format!("{what}: missing"), &difference.missing);
        self.note(invariant, Damage::Doubled, &format!("{what}: too many"), &difference.extra);
        self.note(invariant, Damage::WrongFigures, what, &difference.differing);
    }

    /// How many keys were damaged in a way.
    #[must_use]
    pub fn count(&self, damage: Damage) -> usize {
        self.0.iter().filter(|violation| violation.damage == damage).map(|violation| violation.count).sum()
    }
}

/// What the output topics say.
struct Topics {
    days: Table,
    scores: Table,
    api: Table,
    leads: Table,
    recommendations: Table,
    alerts: Table,
    letters: Table,
}

/// Judges a run that has been healed and has settled.
///
/// # Errors
/// When something cannot be read, which is no verdict.
pub fn judge(site: &Site, journal: &Path, findings: &mut Findings) -> anyhow::Result<u64> {
    let raw = RAW.iter().map(|&topic| Ok((topic, read(site, topic)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let letters = read(site, Topic::DeadLetters)?;
    intake::check(site, &crate::journal::read(journal)?, &raw, &letters, findings)?;
    let expected = expected::recompute(site, &raw)?;
    outcome::check(site, &expected, &letters, findings)?;
    let topics = topics(site, &letters, findings)?;
    findings.difference(
        "I4",
        "leads of the topic beside the recomputation",
        &compare(&expected.leads, &topics.leads),
    );
    findings.difference(
        "I4",
        "days of the topic beside the recomputation",
        &compare(&expected.days, &topics.days),
    );
    findings.difference(
        "I4",
        "scores of the topic beside the recomputation",
        &compare(&expected.scores, &topics.scores),
    );
    check_stores(site, &topics, findings)?;
    Ok(raw.iter().map(|(_, records)| records.len() as u64).sum())
}

fn topics(site: &Site, letters: &[Committed], findings: &mut Findings) -> anyhow::Result<Topics> {
    let mut decoder = site.schemas.decoder();
    let (mut days, mut scores, mut api, mut leads) = Default::default();
    let fill = |table: &mut Table, key: String, row| table.insert(key, row).is_some();
    for (key, value) in newest(&read(site, Topic::CampaignDays)?) {
        fill(&mut days, key, rows::day(&decoder.decode::<CampaignDay<'_>>(Some(value))?));
    }
    for (key, value) in newest(&read(site, Topic::Scores)?) {
        let score: CampaignScore<'_> = decoder.decode(Some(value))?;
        let shown = score.recommendation.symbol();
        let row = format!("{}|{}|{:.2}|{shown}", score.window.spend_micros, score.window.leads, score.total);
        fill(&mut api, key.clone(), row);
        fill(&mut scores, key, rows::score(&score));
    }
    for (key, value) in newest(&read(site, Topic::Leads)?) {
        fill(&mut leads, key, rows::lead(&decoder.decode::<Lead<'_>>(Some(value))?));
    }
    let recommendations = announcements(&read(site, Topic::Recommendations)?, &mut decoder, findings);
    let mut alerts = Table::new();
    for record in read(site, Topic::Alerts)? {
        let Ok(alert) = decoder.decode::<Alert<'_>>(record.value.as_deref()) else { continue };
        let (key, row) =
            rows::alert(&String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()), &alert);
        alerts.insert(key, row);
    }
    let mut table = Table::new();
    for record in letters {
        let Ok(letter) = decoder.decode::<DeadLetter<'_>>(record.value.as_deref()) else { continue };
        table.insert(format!("{}/{}", record.partition, record.offset), rows::dead_letter(&letter));
    }
    Ok(Topics { days, scores, api, leads, recommendations, alerts, letters: table })
}

/// Every announcement has a key of its own and names the action of the one before: a repeated and a lost one do not.
fn announcements(records: &[Committed], decoder: &mut Decoder, findings: &mut Findings) -> Table {
    let (mut rows, mut newest) = (Table::new(), BTreeMap::new());
    let (mut twice, mut unchained) = (Vec::new(), Vec::new());
    for record in records {
        // What does not decode is the generator's poison.
        let Ok(announced) = decoder.decode::<Recommendation<'_>>(record.value.as_deref()) else { continue };
        let (key, row) = rows::recommendation(&announced);
        let told = || format!("{key} at {}/{}", record.partition, record.offset);
        let campaign = (
            announced.platform.to_owned(),
            announced.account_id.to_owned(),
            announced.campaign_id.to_owned(),
        );
        if newest.insert(campaign, announced.action) != announced.previous_action {
            unchained.push(format!("{} after {:?}", told(), announced.previous_action));
        }
        if rows.contains_key(&key) {
            twice.push(told());
        }
        rows.insert(key, row);
    }
    findings.note("I6", Damage::Doubled, "announcements made twice", &twice);
    findings.note("I6", Damage::WrongFigures, "announcements that do not follow the one before", &unchained);
    rows
}

fn check_stores(site: &Site, topics: &Topics, findings: &mut Findings) -> anyhow::Result<()> {
    let pairs = [
        ("days", &topics.days, rows::DAY_POSTGRES, rows::DAY_CLICKHOUSE),
        ("scores", &topics.scores, rows::SCORE_POSTGRES, rows::SCORE_CLICKHOUSE),
        ("leads", &topics.leads, rows::LEAD_POSTGRES, rows::LEAD_CLICKHOUSE),
        (
            "recommendations",
            &topics.recommendations,
            rows::RECOMMENDATION_POSTGRES,
            rows::RECOMMENDATION_CLICKHOUSE,
        ),
        ("alerts", &topics.alerts, rows::ALERT_POSTGRES, rows::ALERT_CLICKHOUSE),
    ];
    for (name, topic, postgres, clickhouse) in pairs {
        let invariant = if name == "recommendations" { "I6" } else { "I4" };
        let found = stores::postgres(site, postgres)?;
        findings.difference(
            invariant,
            &format!("{name} of Postgres beside the topic"),
            &compare(topic, &found),
        );
        let found = once(name, stores::clickhouse_rows(site, clickhouse)?, findings);
        findings.difference(
            invariant,
            &format!("{name} of ClickHouse beside the topic"),
            &compare(topic, &found),
        );
    }
    let found = once("dead letters", stores::clickhouse_rows(site, rows::DEAD_LETTER_CLICKHOUSE)?, findings);
    findings.difference(
        "I5",
        "dead letters of ClickHouse beside the topic",
        &compare(&topics.letters, &found),
    );
    findings.difference(
        "I4",
        "campaigns of the API beside the topic",
        &compare(&topics.api, &stores::api(site)?),
    );
    Ok(())
}

/// Each key once: what a view shows is not to be counted twice.
fn once(name: &str, rows: Vec<(String, String)>, findings: &mut Findings) -> Table {
    let mut table = Table::new();
    let mut twice = Vec::new();
    for (key, row) in rows {
        if table.insert(key.clone(), row).is_some() {
            twice.push(key);
        }
    }
    findings.note("I5", Damage::Doubled, &format!("{name} that ClickHouse shows twice"), &twice);
    table
}
