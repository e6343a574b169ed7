//! The tables: how a fact becomes a row of each.

use schemas::Day;
use schemas::record::{
    Account, Action, Alert, Campaign, CampaignDay, CampaignScore, DeadLetter, FatigueLevel, Guard, Lead,
    QualityHour, Recommendation,
};

use super::insert::Table;
use super::rowbinary::{Bytes, Row as _};
use super::rows::{
    AccountRow, AlertRow, CampaignRow, DayRow, DeadLetterRow, HourRow, LeadRow, RecommendationRow,
    RevisionRow, ScoreRow,
};
use crate::batch::{AccountParts, At, CampaignParts, Keyed, alert_subject};

/// Days of a campaign, under the campaign and the day.
type KeyedDay<'a> = Keyed<(CampaignParts<'a>, Day), CampaignDay<'a>>;
/// An hour of an account's records.
pub(super) type AccountHour<'f, 'a> = (&'f Account<'a>, QualityHour);

pub(super) fn campaigns<'f, 'a>() -> Table<&'f Keyed<CampaignParts<'a>, Campaign<'a>>> {
    Table {
        name: "campaigns",
        columns: CampaignRow::COLUMNS,
        month: |_| 0,
        put: |at, out| campaign(at).put(out),
    }
}

pub(super) fn days<'f, 'a>() -> Table<&'f KeyedDay<'a>> {
    Table {
        name: "campaign_days",
        columns: DayRow::COLUMNS,
        month: |fact| month_of(fact.key.1),
        put: |at, out| day(at).put(out),
    }
}

pub(super) fn revisions<'f, 'a>() -> Table<&'f CampaignDay<'a>> {
    Table {
        name: "campaign_day_revisions",
        columns: RevisionRow::COLUMNS,
        month: |day| month_of(day.day),
        put: |at, out| revision(at).put(out),
    }
}

pub(super) fn scores<'f, 'a>() -> Table<&'f CampaignScore<'a>> {
    Table {
        name: "scores",
        columns: ScoreRow::COLUMNS,
        month: |score| month_of(score.as_of),
        put: |at, out| score(at).put(out),
    }
}

pub(super) fn recommendations<'f, 'a>() -> Table<&'f Recommendation<'a>> {
    Table {
        name: "recommendations",
        columns: RecommendationRow::COLUMNS,
        month: |it| month_of(it.announced_at.day_utc()),
        put: |at, out| recommendation(at).put(out),
    }
}

pub(super) fn leads<'f, 'a>() -> Table<&'f Keyed<&'a str, Lead<'a>>> {
    Table { name: "leads", columns: LeadRow::COLUMNS, month: |_| 0, put: |at, out| lead(at).put(out) }
}

pub(super) fn accounts<'f, 'a>() -> Table<&'f Keyed<AccountParts<'a>, Account<'a>>> {
    Table {
        name: "accounts",
        columns: AccountRow::COLUMNS,
        month: |_| 0,
        put: |at, out| account(at).put(out),
    }
}

pub(super) fn hours<'f, 'a>() -> Table<AccountHour<'f, 'a>> {
    Table {
        name: "account_hours",
        columns: HourRow::COLUMNS,
        month: |(_, hour)| month_of(hour.hour_start.day_utc()),
        put: |at, out| hour(at).put(out),
    }
}

pub(super) fn alerts<'f, 'a>() -> Table<&'f Alert<'a>> {
    Table {
        name: "alerts",
        columns: AlertRow::COLUMNS,
        month: |alert| month_of(alert.raised_at.day_utc()),
        put: |at, out| alert(at).put(out),
    }
}

pub(super) fn dead_letters<'f, 'a>() -> Table<&'f DeadLetter<'a>> {
    Table {
        name: "dead_letters",
        columns: DeadLetterRow::COLUMNS,
        month: |letter| month_of(letter.refused_at.day_utc()),
        put: |at, out| dead_letter(at).put(out),
    }
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
        daily_budget: campaign.daily_budget_micros,
        lifetime_budget: campaign.lifetime_budget_micros,
        time_zone: campaign.time_zone,
        currency: campaign.currency,
        frequency_7d: campaign.frequency_7d,
        frequency_at: campaign.frequency_at,
        fatigue_level: campaign.fatigue_level.map(FatigueLevel::symbol),
        fatigue_at: campaign.fatigue_at,
        observed_at: campaign.observed_at,
        known_since: campaign.known_since,
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
        day: *day,
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
        spend: figures.spend_micros,
        impressions: figures.impressions,
        reach: figures.reach,
        clicks: figures.clicks,
        link_clicks: figures.link_clicks,
        leads: figures.leads,
        purchases: figures.purchases,
        purchase_value: figures.purchase_value_micros,
        flags: &day.flags,
        doubts: &day.doubts,
        crm_leads: day.cohort.leads,
        crm_qualified: day.cohort.qualified,
        crm_won: day.cohort.won,
        crm_revenue: day.cohort.revenue_micros,
        revision: day.revision,
        first_seen: day.first_seen,
        last_seen: day.last_seen,
        restated: day.first_figures.is_some(),
        first_spend: first.spend_micros,
        first_impressions: first.impressions,
        first_reach: first.reach,
        first_clicks: first.clicks,
        first_link_clicks: first.link_clicks,
        first_leads: first.leads,
        first_purchases: first.purchases,
        first_purchase_value: first.purchase_value_micros,
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
        day: day.day,
        currency: day.currency,
        spend: figures.spend_micros,
        impressions: figures.impressions,
        reach: figures.reach,
        clicks: figures.clicks,
        link_clicks: figures.link_clicks,
        leads: figures.leads,
        purchases: figures.purchases,
        purchase_value: figures.purchase_value_micros,
        flags: &day.flags,
        doubts: &day.doubts,
        crm_leads: day.cohort.leads,
        crm_qualified: day.cohort.qualified,
        crm_won: day.cohort.won,
        crm_revenue: day.cohort.revenue_micros,
        revision: day.revision,
        first_seen: day.first_seen,
        last_seen: day.last_seen,
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
        as_of: score.as_of,
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
        reasons: &score.reasons,
        window_spend: window.spend_micros,
        window_impressions: window.impressions,
        window_link_clicks: window.link_clicks,
        window_leads: window.leads,
        window_crm_leads: window.crm_leads,
        window_qualified: window.qualified,
        window_won: window.won,
        window_revenue: window.revenue_micros,
        window_purchases: window.purchases,
        window_active_days: window.active_days,
        currency: score.currency,
        scored_at: score.scored_at,
        metrics_observed_at: score.metrics_observed_at,
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
        as_of: it.as_of,
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
        reasons: &it.reasons,
        policy_version: it.policy_version,
        announced_at: it.announced_at,
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
        campaign_at: lead.campaign_at,
        stage: lead.stage.symbol(),
        created_at: lead.created_at,
        qualified_at: lead.qualified_at,
        disqualified_at: lead.disqualified_at,
        won_at: lead.won_at,
        lost_at: lead.lost_at,
        amount: lead.amount_micros,
        currency: lead.currency,
        account_time_zone: lead.account_time_zone,
        account_currency: lead.account_currency,
        account_at: lead.account_at,
        observed_at: lead.observed_at,
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
        failure_at: account.failure_at,
        observed_at: account.observed_at,
        firing: &account.firing,
        _deleted: 0,
        ..row
    }
}

fn hour<'r>(at: &'r At<AccountHour<'_, '_>>) -> HourRow<'r> {
    let (account, hour) = &at.value;
    HourRow {
        platform: account.platform,
        account_id: account.account_id,
        hour_start: hour.hour_start,
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
        raised_at: alert.raised_at,
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
        refused_at: letter.refused_at,
        key: letter.key.map(Bytes),
        payload: Bytes(letter.payload),
        headers: &letter.headers,
        _partition: at.partition,
        _offset: version(at.offset),
    }
}

/// Kafka's offsets start at 0.
fn version(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

/// The month of a day as the server names its partitions by month: 202610.
fn month_of(day: Day) -> i64 {
    let (year, month, _) = day.ymd();
    i64::from(year) * 100 + i64::from(month)
}
