//! The topics that the sinks read, as `score` writes them: for each campaign some days, usually three, and one score.

use schemas::record::{
    Action, CampaignDay, CampaignScore, Cohort, Origin, Parts, Reason, Source, SourceDay, WindowTotals,
};
use schemas::{Day, DayKey, Micros};

use super::{Campaign, Counts, FIRST_DAY, PLATFORM, Size, signed};

const DAYS_OF_CAMPAIGN: u64 = 3;

/// A record of either topic.
pub enum Row<'a> {
    /// For `campaign-days`.
    Day(&'a CampaignDay<'a>),
    /// For `scores`.
    Score(&'a CampaignScore<'a>),
}

/// Hands every record and its key to `visit`.
pub fn generate(
    size: Size,
    mut visit: impl FnMut(&str, Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    generate_days(size, DAYS_OF_CAMPAIGN, |key, _, row| visit(key, row))
}

/// The same with so many days for each campaign, whose number is handed over as well.
pub fn generate_days(
    size: Size,
    days: u64,
    mut visit: impl FnMut(&str, u64, Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for number in 0..size.records {
        let place = number % (days + 1);
        let campaign = Campaign(number / (days + 1));
        let (key, account_id, campaign_id) = (campaign.key(), campaign.account_id(), campaign.id());
        let ids = [account_id.as_str(), campaign_id.as_str()];
        if place < days {
            let day = Day(FIRST_DAY.0 + i32::try_from(place)?);
            let record = campaign_day(ids, day, campaign.figures(day, 1_000), number);
            visit(&DayKey { campaign_key: &key, day }.to_string(), campaign.0, Row::Day(&record))?;
        } else {
            let record = score(ids, campaign.figures(FIRST_DAY, 3_000), number);
            visit(&key, campaign.0, Row::Score(&record))?;
        }
    }
    Ok(())
}

fn origin(number: u64) -> Origin<'static> {
    Origin { topic: "bench.events", partition: 0, offset: signed(number) }
}

fn campaign_day<'a>(
    [account_id, campaign_id]: [&'a str; 2],
    day: Day,
    counts: Counts,
    number: u64,
) -> CampaignDay<'a> {
    let observed_at = Day(day.0 + 1).midnight_utc();
    CampaignDay {
        platform: PLATFORM,
        account_id,
        campaign_id,
        day,
        currency: Some("USD"),
        figures: counts.into(),
        flags: Vec::new(),
        doubts: Vec::new(),
        cohort: Cohort {
            leads: counts.leads,
            qualified: counts.leads / 3,
            won: 0,
            revenue_micros: Micros(0),
        },
        revision: 4,
        first_seen: Some(day.midnight_utc()),
        first_figures: Some(counts.into()),
        last_seen: Some(observed_at),
        sources: vec![SourceDay {
            source: Source::Facebook,
            batch_id: "poll-100000000001-2026-09-05T06:00:00.000Z",
            observed_at,
            currency: Some("USD"),
            figures: counts.into(),
            flags: Vec::new(),
            doubts: Vec::new(),
            pending: None,
        }],
        origin: origin(number),
    }
}

fn score<'a>([account_id, campaign_id]: [&'a str; 2], counts: Counts, number: u64) -> CampaignScore<'a> {
    let as_of = Day(FIRST_DAY.0 + 3);
    let reason = |code, sentence| Reason { code, figure: 31.4, target: 30.0, sentence };
    CampaignScore {
        platform: PLATFORM,
        account_id,
        campaign_id,
        as_of,
        parts: Parts {
            cost_efficiency: 18.25,
            lead_quality: 12.5,
            volume: 14.0,
            trend: 10.0,
            engagement: 6.75,
        },
        total: 61.5,
        recommendation: Action::ContinueOptimize,
        confidence: 0.62,
        actionable: true,
        guard: None,
        reasons: vec![
            reason("COST_PER_LEAD", "A lead costs 31.40 USD, 5 % above the target of 30.00 USD."),
            reason("LEAD_QUALITY", "31 % of the leads qualified; the target is 30 %."),
            reason("VOLUME", "31 leads in 30 days; the target is 30."),
        ],
        window: WindowTotals {
            spend_micros: Micros(counts.spend_cents * 10_000),
            impressions: counts.impressions,
            link_clicks: counts.link_clicks,
            leads: counts.leads,
            crm_leads: counts.leads,
            qualified: counts.leads / 3,
            won: counts.leads / 9,
            revenue_micros: Micros(counts.leads / 9 * 400_000_000),
            purchases: counts.purchases,
            active_days: 3,
        },
        currency: Some("USD"),
        scored_at: as_of.midnight_utc(),
        metrics_observed_at: Some(as_of.midnight_utc()),
        policy_version: "8f2c1d7a90b34e56",
        announced: None,
        firing: Vec::new(),
        origin: origin(number),
    }
}
