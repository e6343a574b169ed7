//! The tables: how a fact becomes a row of each.

use schemas::record::{
    Account, Action, Alert, Campaign, CampaignDay, CampaignScore, DeadLetter, Doubt, FatigueLevel, Guard,
    Lead, QualityFlag, QualityHour, Reason, Recommendation,
};
use schemas::{Day, Micros, TimestampMs};
use serde_bytes::Bytes;

use super::insert::Table;
use super::rows::{
    AccountRow, AlertRow, CampaignRow, DayRow, DeadLetterRow, HourRow, LeadRow, ReasonRow, RecommendationRow,
    RevisionRow, ScoreRow,
};
use crate::batch::{AccountParts, At, CampaignParts, Keyed, alert_subject};

/// Days of a campaign, under the campaign and the day.
type KeyedDay<'a> = Keyed<(CampaignParts<'a>, Day), CampaignDay<'a>>;
/// An hour of an account's records.
pub(super) type AccountHour<'f, 'a> = (&'f Account<'a>, QualityHour);

pub(super) fn campaigns<'f, 'a>() -> Table<&'f Keyed<CampaignParts<'a>, Campaign<'a>>, CampaignRow<'static>> {
    Table { name: "campaigns", month: |_| 0, row: campaign }
}

pub(super) fn days<'f, 'a>() -> Table<&'f KeyedDay<'a>, DayRow<'static>> {
    Table { name: "campaign_days", month: |fact| month_of(fact.key.1), row: day }
}

pub(super) fn revisions<'f, 'a>() -> Table<&'f CampaignDay<'a>, RevisionRow<'static>> {
    Table { name: "campaign_day_revisions", month: |day| month_of(day.day), row: revision }
}

pub(super) fn scores<'f, 'a>() -> Table<&'f CampaignScore<'a>, ScoreRow<'static>> {
    Table { name: "scores", month: |score| month_of(score.as_of), row: score }
}

pub(super) fn recommendations<'f, 'a>() -> Table<&'f Recommendation<'a>, RecommendationRow<'static>> {
    Table { name: "recommendations", month: |it| month_of(it.announced_at.day_utc()), row: recommendation }
}

pub(super) fn leads<'f, 'a>() -> Table<&'f Keyed<&'a str, Lead<'a>>, LeadRow<'static>> {
    Table { name: "leads", month: |_| 0, row: lead }
}

pub(super) fn accounts<'f, 'a>() -> Table<&'f Keyed<AccountParts<'a>, Account<'a>>, AccountRow<'static>> {
    Table { name: "accounts", month: |_| 0, row: account }
}

pub(super) fn hours<'f, 'a>() -> Table<AccountHour<'f, 'a>, HourRow<'static>> {
    Table { name: "account_hours", month: |(_, hour)| month_of(hour.hour_start.day_utc()), row: hour }
}

pub(super) fn alerts<'f, 'a>() -> Table<&'f Alert<'a>, AlertRow<'static>> {
    Table { name: "alerts", month: |alert| month_of(alert.raised_at.day_utc()), row: alert }
}

pub(super) fn dead_letters<'f, 'a>() -> Table<&'f DeadLetter<'a>, DeadLetterRow<'static>> {
    Table { name: "dead_letters", month: |letter| month_of(letter.refused_at.day_utc()), row: dead_letter }
}

fn campaign<'r>(at: &'r At<&Keyed<CampaignParts<'_>, Campaign<'_>>>) -> CampaignRow<'r> {
    let [platform, account_id, campaign_id] = &at.value.key;
    let row = CampaignRow {
        platform,
        account_id,
        campaign_id,
        _deleted: 1,
        _partition: at.partition,
        _offset: version(at.offset),
        ..CampaignRow::default()
    };
    let Some(campaign) = &at.value.value else { return row };
    CampaignRow {
        name: campaign.name,
        status: campaign.status,
        objective: campaign.objective,
        daily_budget: micros(campaign.daily_budget_micros),
        lifetime_budget: micros(campaign.lifetime_budget_micros),
        time_zone: campaign.time_zone,
        currency: campaign.currency,
        frequency_7d: campaign.frequency_7d,
        frequency_at: ms(campaign.frequency_at),
        fatigue_level: campaign.fatigue_level.map(FatigueLevel::symbol),
        fatigue_at: ms(campaign.fatigue_at),
        observed_at: ms(campaign.observed_at),
        known_since: ms(campaign.known_since),
        _deleted: 0,
        ..row
    }
}

fn day<'r>(at: &'r At<&KeyedDay<'_>>) -> DayRow<'r> {
    let ([platform, account_id, campaign_id], day) = &at.value.key;
    let row = DayRow {
        platform,
        account_id,
        campaign_id,
        day: day.0,
        _deleted: 1,
        _partition: at.partition,
        _offset: version(at.offset),
        ..DayRow::default()
    };
    let Some(day) = &at.value.value else { return row };
    let figures = &day.figures;
    let first = day.first_figures.unwrap_or_default();
    DayRow {
        currency: day.currency,
        spend: micros(figures.spend_micros),
        impressions: figures.impressions,
        reach: figures.reach,
        clicks: figures.clicks,
        link_clicks: figures.link_clicks,
        leads: figures.leads,
        purchases: figures.purchases,
        purchase_value: micros(figures.purchase_value_micros),
        flags: flags(&day.flags),
        doubts: doubts(&day.doubts),
        crm_leads: day.cohort.leads,
        crm_qualified: day.cohort.qualified,
        crm_won: day.cohort.won,
        crm_revenue: day.cohort.revenue_micros.0,
        revision: day.revision,
        first_seen: ms(day.first_seen),
        last_seen: ms(day.last_seen),
        restated: day.first_figures.is_some(),
        first_spend: micros(first.spend_micros),
        first_impressions: first.impressions,
        first_reach: first.reach,
        first_clicks: first.clicks,
        first_link_clicks: first.link_clicks,
        first_leads: first.leads,
        first_purchases: first.purchases,
        first_purchase_value: micros(first.purchase_value_micros),
        _deleted: 0,
        ..row
    }
}

fn revision<'r>(at: &'r At<&CampaignDay<'_>>) -> RevisionRow<'r> {
    let day = at.value;
    let figures = &day.figures;
    RevisionRow {
        platform: day.platform,
        account_id: day.account_id,
        campaign_id: day.campaign_id,
        day: day.day.0,
        currency: day.currency,
        spend: micros(figures.spend_micros),
        impressions: figures.impressions,
        reach: figures.reach,
        clicks: figures.clicks,
        link_clicks: figures.link_clicks,
        leads: figures.leads,
        purchases: figures.purchases,
        purchase_value: micros(figures.purchase_value_micros),
        flags: flags(&day.flags),
        doubts: doubts(&day.doubts),
        crm_leads: day.cohort.leads,
        crm_qualified: day.cohort.qualified,
        crm_won: day.cohort.won,
        crm_revenue: day.cohort.revenue_micros.0,
        revision: day.revision,
        first_seen: ms(day.first_seen),
        last_seen: ms(day.last_seen),
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn score<'r>(at: &'r At<&CampaignScore<'_>>) -> ScoreRow<'r> {
    let score = at.value;
    let window = &score.window;
    ScoreRow {
        platform: score.platform,
        account_id: score.account_id,
        campaign_id: score.campaign_id,
        as_of: score.as_of.0,
        cost_efficiency: score.parts.cost_efficiency,
        lead_quality: score.parts.lead_quality,
        volume: score.parts.volume,
        trend: score.parts.trend,
        engagement: score.parts.engagement,
        total: score.total,
        recommendation: score.recommendation.symbol(),
        confidence: score.confidence,
        actionable: score.actionable,
        guard: score.guard.map(Guard::symbol),
        reasons: reasons(&score.reasons),
        window_spend: window.spend_micros.0,
        window_impressions: window.impressions,
        window_link_clicks: window.link_clicks,
        window_leads: window.leads,
        window_crm_leads: window.crm_leads,
        window_qualified: window.qualified,
        window_won: window.won,
        window_revenue: window.revenue_micros.0,
        window_purchases: window.purchases,
        window_active_days: window.active_days,
        currency: score.currency,
        scored_at: score.scored_at.0,
        metrics_observed_at: ms(score.metrics_observed_at),
        policy_version: score.policy_version,
        firing: &score.firing,
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn recommendation<'r>(at: &'r At<&Recommendation<'_>>) -> RecommendationRow<'r> {
    let it = at.value;
    RecommendationRow {
        platform: it.platform,
        account_id: it.account_id,
        campaign_id: it.campaign_id,
        campaign_name: it.campaign_name,
        as_of: it.as_of.0,
        cost_efficiency: it.parts.cost_efficiency,
        lead_quality: it.parts.lead_quality,
        volume: it.parts.volume,
        trend: it.parts.trend,
        engagement: it.parts.engagement,
        total: it.total,
        action: it.action.symbol(),
        previous_action: it.previous_action.map(Action::symbol),
        confidence: it.confidence,
        actionable: it.actionable,
        guard: it.guard.map(Guard::symbol),
        reasons: reasons(&it.reasons),
        policy_version: it.policy_version,
        announced_at: it.announced_at.0,
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn lead<'r>(at: &'r At<&Keyed<&str, Lead<'_>>>) -> LeadRow<'r> {
    let row = LeadRow {
        lead_key: at.value.key,
        _deleted: 1,
        _partition: at.partition,
        _offset: version(at.offset),
        ..LeadRow::default()
    };
    let Some(lead) = &at.value.value else { return row };
    LeadRow {
        platform: lead.platform,
        account_id: lead.account_id,
        campaign_id: lead.campaign_id,
        campaign_at: ms(lead.campaign_at),
        stage: lead.stage.symbol(),
        created_at: ms(lead.created_at),
        qualified_at: ms(lead.qualified_at),
        disqualified_at: ms(lead.disqualified_at),
        won_at: ms(lead.won_at),
        lost_at: ms(lead.lost_at),
        amount: micros(lead.amount_micros),
        currency: lead.currency,
        account_time_zone: lead.account_time_zone,
        account_currency: lead.account_currency,
        account_at: ms(lead.account_at),
        observed_at: lead.observed_at.0,
        _deleted: 0,
        ..row
    }
}

fn account<'r>(at: &'r At<&Keyed<AccountParts<'_>, Account<'_>>>) -> AccountRow<'r> {
    let [platform, account_id] = &at.value.key;
    let row = AccountRow {
        platform,
        account_id,
        _deleted: 1,
        _partition: at.partition,
        _offset: version(at.offset),
        ..AccountRow::default()
    };
    let Some(account) = &at.value.value else { return row };
    AccountRow {
        name: account.name,
        status: account.status,
        time_zone: account.time_zone,
        currency: account.currency,
        failure_code: account.failure_code,
        failure: account.failure,
        failure_at: ms(account.failure_at),
        observed_at: ms(account.observed_at),
        firing: account.firing.clone(),
        _deleted: 0,
        ..row
    }
}

fn hour<'r>(at: &'r At<AccountHour<'_, '_>>) -> HourRow<'r> {
    let (account, hour) = &at.value;
    HourRow {
        platform: account.platform,
        account_id: account.account_id,
        hour_start: hour.hour_start.0,
        records: hour.records,
        incomplete: hour.incomplete,
        outlier: hour.outlier,
        rejected: hour.rejected,
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn alert<'r>(at: &'r At<&Alert<'_>>) -> AlertRow<'r> {
    let alert = at.value;
    AlertRow {
        platform: alert.platform,
        account_id: alert.account_id,
        campaign_id: alert.campaign_id,
        subject: alert_subject(alert),
        code: alert.code,
        severity: alert.severity.symbol(),
        state: alert.state.symbol(),
        figure: alert.figure,
        threshold: alert.threshold,
        sentence: alert.sentence,
        raised_at: alert.raised_at.0,
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn dead_letter<'r>(at: &'r At<&DeadLetter<'_>>) -> DeadLetterRow<'r> {
    let letter = at.value;
    DeadLetterRow {
        stage: letter.stage,
        reason_code: letter.reason_code,
        sentence: letter.sentence,
        origin_topic: letter.origin.map(|origin| origin.topic),
        origin_partition: letter.origin.map(|origin| origin.partition),
        origin_offset: letter.origin.map(|origin| origin.offset),
        locator: letter.locator,
        refused_at: letter.refused_at.0,
        key: letter.key.map(Bytes::new),
        payload: Bytes::new(letter.payload),
        headers: letter.headers.iter().map(|header| (header.name, Bytes::new(header.value))).collect(),
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

fn reasons<'r>(reasons: &'r [Reason<'_>]) -> Vec<ReasonRow<'r>> {
    reasons.iter().map(|it| (it.code, it.figure, it.target, it.sentence)).collect()
}

fn flags(flags: &[QualityFlag]) -> Vec<&'static str> {
    flags.iter().map(|flag| flag.symbol()).collect()
}

fn doubts(doubts: &[Doubt]) -> Vec<&'static str> {
    doubts.iter().map(|doubt| doubt.symbol()).collect()
}

fn micros(amount: Option<Micros>) -> Option<i64> {
    amount.map(|amount| amount.0)
}

fn ms(at: Option<TimestampMs>) -> Option<i64> {
    at.map(|at| at.0)
}

/// Kafka's offsets start at 0.
fn version(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

/// The month of a day, counted in months.
/// As the server names its partitions by month: 202610.
fn month_of(day: Day) -> i64 {
    let (year, month, _) = day.ymd();
    i64::from(year) * 100 + i64::from(month)
}
