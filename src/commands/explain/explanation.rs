//! Everything that an explanation says, as data: the records about a campaign, its score computed anew, and what would
//! move it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use processor::score::levers::{Lever, falls, levers};
use processor::{Policy, ScoreBasis, Scorer, band_edges};
use schemas::record::{
    Action, CampaignDay, CampaignScore, Event, EventBody, Figures, Origin, Parts, Tick, Watermark,
};
use schemas::{Day, Schemas, TimestampMs};

use super::evidence::{Collector, Evidence, LeadLine, Records};

/// Days of the window, and the day scored behind it.
const WINDOW_DAYS: i32 = 30;

/// The explanation of one campaign's score.
pub struct Explanation<'a> {
    pub key: &'a str,
    pub records: Records<'a>,
    pub leads: &'a BTreeMap<String, LeadLine>,
    pub log_time: Option<TimestampMs>,
    /// The score under the policy in force at log time, beside the one that was published.
    pub recomputed: Recomputed,
    /// Lower and upper edge of the band; the ends of the scale are none.
    pub edges: [Option<f64>; 2],
    /// For the next band up.
    pub up: Vec<Lever>,
    /// Until the band falls.
    pub down: Vec<Lever>,
    /// What the moment asked for means.
    pub past: Option<PastNote>,
}

/// A score computed anew.
pub struct Recomputed {
    pub as_of: Day,
    pub parts: Parts,
    pub total: f64,
    pub band: Action,
    pub confidence: f64,
    pub actionable: bool,
    pub policy_version: String,
    /// Why it is not the published one; empty while it is.
    pub because: Vec<&'static str>,
}

/// About an explanation of the past.
#[derive(Clone, Copy, Debug)]
pub struct PastNote {
    pub until: TimestampMs,
    /// The oldest offset still kept, where that is not the first.
    pub truncated_before: Option<i64>,
}

impl<'a> Explanation<'a> {
    /// Puts together what is known. `scorer` holds the campaign at log time.
    pub fn new(
        key: &'a str,
        evidence: &'a Evidence,
        records: Records<'a>,
        (scorer, anew): (&Scorer, &CampaignScore<'_>),
        past: Option<PastNote>,
    ) -> anyhow::Result<Self> {
        let basis: ScoreBasis<'_> = scorer.basis(key).context("the rules do not know the campaign")?;
        let input = basis.input.input();
        let recomputed = Recomputed::new(&records.score, anew);
        Ok(Self {
            key,
            leads: &evidence.leads,
            log_time: evidence.log_time,
            edges: band_edges(recomputed.band, basis.policy),
            recomputed,
            up: levers(&input, basis.policy),
            down: falls(&input, basis.policy),
            records,
            past,
        })
    }

    /// The days that the score reads, and the day scored, which it does not read yet.
    pub fn days(&self) -> impl Iterator<Item = &CampaignDay<'a>> {
        let as_of = self.recomputed.as_of;
        let shown = move |day: &&CampaignDay<'_>| {
            day.day.0 >= as_of.0.saturating_sub(WINDOW_DAYS) && day.day <= as_of
        };
        self.records.days.iter().filter(shown)
    }

    /// Leads created on a day of the window.
    pub fn leads_of_window(&self) -> impl Iterator<Item = (&String, &LeadLine)> {
        let as_of = self.recomputed.as_of;
        self.leads.iter().filter(move |(_, lead)| {
            lead.counted.is_some_and(|counted| {
                counted.created_day.0 >= as_of.0.saturating_sub(WINDOW_DAYS) && counted.created_day < as_of
            })
        })
    }

    /// Leads of the window by stage.
    pub fn stages(&self) -> BTreeMap<&'static str, usize> {
        let mut stages = BTreeMap::new();
        for (_, lead) in self.leads_of_window() {
            *stages.entry(lead.stage).or_default() += 1;
        }
        stages
    }

    /// What is known of the campaign's name.
    pub fn name(&self) -> Option<&'a str> {
        self.records.campaign.and_then(|campaign| campaign.name)
    }
}

impl Recomputed {
    fn new(published: &CampaignScore<'_>, anew: &CampaignScore<'_>) -> Self {
        let mut because = Vec::new();
        if published.policy_version != anew.policy_version {
            because.push("the policy has changed since it was published");
        }
        if published.as_of != anew.as_of {
            because.push("another day has begun since it was published");
        }
        let same_figures = (published.parts, published.total) == (anew.parts, anew.total);
        if because.is_empty() && same_figures && published.confidence != anew.confidence {
            because.push("the figures have aged since it was published");
        }
        if because.is_empty() && !same_figures {
            because.push("the day records and the published score do not belong together");
        }
        if same_figures && published.confidence == anew.confidence && published.as_of == anew.as_of {
            because.clear();
        }
        Self {
            as_of: anew.as_of,
            parts: anew.parts,
            total: anew.total,
            band: anew.recommendation,
            confidence: anew.confidence,
            actionable: anew.actionable,
            policy_version: anew.policy_version.to_owned(),
            because,
        }
    }
}

/// Scores the records anew: the rules take them in as after a restart, all but the published score, and are told what
/// time the log has. Returns the rules and what they wrote.
pub fn recompute(
    schemas: &Arc<Schemas>,
    policy: Arc<Policy>,
    key: &str,
    partition: i32,
    (evidence, records): (&Evidence, &Records<'_>),
) -> anyhow::Result<(Scorer, Evidence)> {
    let mut scorer = Scorer::new(policy, partition);
    scorer.restore_campaign(key, records.campaign.as_ref())?;
    for day in &records.days {
        let day_key = schemas::DayKey { campaign_key: key, day: day.day }.to_string();
        scorer.restore_day(&day_key, Some(day))?;
    }
    let log_time = evidence.log_time.unwrap_or(records.score.scored_at).max(records.score.scored_at);
    let origin = records.score.origin;
    scorer.restore_watermark(&format!("score/{partition}"), Some(&Watermark { log_time, origin }))?;
    scorer.commit();
    let body = EventBody::Tick(Tick {});
    let tick = Event { observed_at: log_time, origin, flags: Vec::new(), doubts: Vec::new(), body };
    // A tick is always accepted.
    let _ = scorer.apply(None, &tick, &origin);
    let mut written = Collector::new(schemas, key);
    scorer.flush(&mut written)?;
    scorer.commit();
    Ok((scorer, written.evidence))
}

/// The record that caused something, as people name it.
pub fn position(origin: &Origin<'_>) -> String {
    format!("{}-{}@{}", origin.topic, origin.partition, origin.offset)
}

/// Figures of a day that have changed since it was first seen, before and after.
pub fn restated(day: &CampaignDay<'_>) -> Vec<(&'static str, String, String)> {
    let Some(first) = &day.first_figures else { return Vec::new() };
    let texts = |figures: &Figures| {
        let money = |micros: Option<schemas::Micros>| micros.map(|micros| micros.to_string());
        let count = |count: Option<i64>| count.map(|count| count.to_string());
        [
            ("spend", money(figures.spend_micros)),
            ("impressions", count(figures.impressions)),
            ("reach", count(figures.reach)),
            ("clicks", count(figures.clicks)),
            ("link clicks", count(figures.link_clicks)),
            ("leads", count(figures.leads)),
            ("purchases", count(figures.purchases)),
            ("purchase value", money(figures.purchase_value_micros)),
        ]
    };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let pairs = texts(first).into_iter().zip(texts(&day.figures));
    pairs
        .filter(|((_, first), (_, now))| first != now)
        .map(|((name, first), (_, now))| (name, shown(first), shown(now)))
        .collect()
}

/// The sources of a day, the one whose figures count first.
pub fn sources(day: &CampaignDay<'_>) -> Vec<&'static str> {
    let mut named: Vec<(bool, &'static str)> =
        day.sources.iter().map(|source| (source.figures != day.figures, source.source.symbol())).collect();
    named.sort_by_key(|(other, _)| *other);
    named.dedup_by_key(|(_, source)| *source);
    named.into_iter().map(|(_, source)| source).collect()
}
