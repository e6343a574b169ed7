//! The tables: for each the statement that writes it, and its columns in the order of the statement's parameters.

use schemas::Day;
use schemas::record::{
    Account, Action, Alert, Campaign, CampaignDay, CampaignScore, FatigueLevel, Figures, Guard, Lead, Parts,
    Recommendation,
};
use serde::Serialize;

use super::param::{Date, Moment, Param, column, list, micros};
use crate::batch::{AccountParts, At, CampaignParts, account_key, alert_subject, campaign_key};

/// A table and a statement over its rows. `R` is what one row is made of.
pub(super) struct Statement<R> {
    pub(super) table: &'static str,
    pub(super) sql: &'static str,
    pub(super) columns: for<'r> fn(&'r [At<R>]) -> Vec<Param<'r>>,
}

pub(super) fn upsert_campaigns<'a>() -> Statement<(&'a CampaignParts<'a>, &'a Campaign<'a>)> {
    Statement {
        table: "campaigns",
        sql: include_str!("sql/upsert_campaigns.sql"),
        columns: |rows| {
            vec![
                column(rows, |row| key_of(row.value.0)),
                column(rows, |row| row.value.1.platform),
                column(rows, |row| row.value.1.account_id),
                column(rows, |row| row.value.1.campaign_id),
                column(rows, |row| row.value.1.name),
                column(rows, |row| row.value.1.status),
                column(rows, |row| row.value.1.objective),
                column(rows, |row| row.value.1.daily_budget_micros.map(micros)),
                column(rows, |row| row.value.1.lifetime_budget_micros.map(micros)),
                column(rows, |row| row.value.1.time_zone),
                column(rows, |row| row.value.1.currency),
                column(rows, |row| row.value.1.frequency_7d),
                column(rows, |row| row.value.1.frequency_at.map(Moment)),
                column(rows, |row| row.value.1.fatigue_level.map(FatigueLevel::symbol)),
                column(rows, |row| row.value.1.fatigue_at.map(Moment)),
                column(rows, |row| row.value.1.observed_at.map(Moment)),
                column(rows, |row| row.value.1.known_since.map(Moment)),
                column(rows, |row| row.partition),
                column(rows, |row| row.offset),
            ]
        },
    }
}

pub(super) fn upsert_days<'a>() -> Statement<(&'a (CampaignParts<'a>, Day), &'a CampaignDay<'a>)> {
    Statement {
        table: "campaign_days",
        sql: include_str!("sql/upsert_campaign_days.sql"),
        columns: |rows| {
            let mut columns = vec![
                column(rows, |row| key_of(&row.value.0.0)),
                column(rows, |row| Date(row.value.1.day)),
                column(rows, |row| row.value.1.platform),
                column(rows, |row| row.value.1.account_id),
                column(rows, |row| row.value.1.campaign_id),
                column(rows, |row| row.value.1.currency),
            ];
            columns.extend(figures(rows, |row| Some(&row.1.figures)));
            columns.extend([
                column(rows, |row| list(row.value.1.flags.iter().map(|flag| flag.symbol()))),
                column(rows, |row| list(row.value.1.doubts.iter().map(|doubt| doubt.symbol()))),
                column(rows, |row| row.value.1.cohort.leads),
                column(rows, |row| row.value.1.cohort.qualified),
                column(rows, |row| row.value.1.cohort.won),
                column(rows, |row| row.value.1.cohort.revenue_micros.0),
                column(rows, |row| row.value.1.revision),
                column(rows, |row| row.value.1.first_seen.map(Moment)),
                column(rows, |row| row.value.1.last_seen.map(Moment)),
                column(rows, |row| row.value.1.first_figures.is_some()),
            ]);
            columns.extend(figures(rows, |row| row.1.first_figures.as_ref()));
            columns.extend([column(rows, |row| row.partition), column(rows, |row| row.offset)]);
            columns
        },
    }
}

pub(super) fn upsert_leads<'a>() -> Statement<(&'a &'a str, &'a Lead<'a>)> {
    Statement {
        table: "leads",
        sql: include_str!("sql/upsert_leads.sql"),
        columns: |rows| {
            vec![
                column(rows, |row| row.value.0),
                column(rows, |row| campaign_of(row.value.1)),
                column(rows, |row| row.value.1.platform),
                column(rows, |row| row.value.1.account_id),
                column(rows, |row| row.value.1.campaign_id),
                column(rows, |row| row.value.1.campaign_at.map(Moment)),
                column(rows, |row| row.value.1.stage.symbol()),
                column(rows, |row| row.value.1.created_at.map(Moment)),
                column(rows, |row| row.value.1.qualified_at.map(Moment)),
                column(rows, |row| row.value.1.disqualified_at.map(Moment)),
                column(rows, |row| row.value.1.won_at.map(Moment)),
                column(rows, |row| row.value.1.lost_at.map(Moment)),
                column(rows, |row| row.value.1.amount_micros.map(micros)),
                column(rows, |row| row.value.1.currency),
                column(rows, |row| row.value.1.account_time_zone),
                column(rows, |row| row.value.1.account_currency),
                column(rows, |row| row.value.1.account_at.map(Moment)),
                column(rows, |row| Moment(row.value.1.observed_at)),
                column(rows, |row| row.partition),
                column(rows, |row| row.offset),
            ]
        },
    }
}

pub(super) fn upsert_scores<'a>() -> Statement<(&'a CampaignParts<'a>, &'a CampaignScore<'a>)> {
    Statement {
        table: "scores",
        sql: include_str!("sql/upsert_scores.sql"),
        columns: |rows| {
            let mut columns = vec![
                column(rows, |row| key_of(row.value.0)),
                column(rows, |row| row.value.1.platform),
                column(rows, |row| row.value.1.account_id),
                column(rows, |row| row.value.1.campaign_id),
                column(rows, |row| Date(row.value.1.as_of)),
            ];
            columns.extend(points(rows, |row| (&row.1.parts, row.1.total)));
            columns.extend([
                column(rows, |row| row.value.1.recommendation.symbol()),
                column(rows, |row| row.value.1.confidence),
                column(rows, |row| row.value.1.actionable),
                column(rows, |row| row.value.1.guard.map(Guard::symbol)),
                column(rows, |row| json(&row.value.1.reasons)),
                column(rows, |row| row.value.1.window.spend_micros.0),
                column(rows, |row| row.value.1.window.impressions),
                column(rows, |row| row.value.1.window.link_clicks),
                column(rows, |row| row.value.1.window.leads),
                column(rows, |row| row.value.1.window.crm_leads),
                column(rows, |row| row.value.1.window.qualified),
                column(rows, |row| row.value.1.window.won),
                column(rows, |row| row.value.1.window.revenue_micros.0),
                column(rows, |row| row.value.1.window.purchases),
                column(rows, |row| row.value.1.window.active_days),
                column(rows, |row| row.value.1.currency),
                column(rows, |row| Moment(row.value.1.scored_at)),
                column(rows, |row| row.value.1.metrics_observed_at.map(Moment)),
                column(rows, |row| row.value.1.policy_version),
                column(rows, |row| row.value.1.announced.map(|announced| announced.action.symbol())),
                column(rows, |row| row.value.1.announced.map(|announced| Moment(announced.announced_at))),
                column(rows, |row| list(row.value.1.firing.iter().copied())),
                column(rows, |row| row.partition),
                column(rows, |row| row.offset),
            ]);
            columns
        },
    }
}

pub(super) fn upsert_recommendations<'a>() -> Statement<&'a Recommendation<'a>> {
    Statement {
        table: "recommendations",
        sql: include_str!("sql/upsert_recommendations.sql"),
        columns: |rows| {
            let mut columns = vec![
                column(rows, |row| {
                    campaign_key([row.value.platform, row.value.account_id, row.value.campaign_id])
                }),
                column(rows, |row| Date(row.value.as_of)),
                column(rows, |row| Moment(row.value.announced_at)),
                column(rows, |row| row.value.action.symbol()),
                column(rows, |row| row.value.platform),
                column(rows, |row| row.value.account_id),
                column(rows, |row| row.value.campaign_id),
                column(rows, |row| row.value.campaign_name),
                column(rows, |row| row.value.previous_action.map(Action::symbol)),
            ];
            columns.extend(points(rows, |row| (&row.parts, row.total)));
            columns.extend([
                column(rows, |row| row.value.confidence),
                column(rows, |row| row.value.actionable),
                column(rows, |row| row.value.guard.map(Guard::symbol)),
                column(rows, |row| json(&row.value.reasons)),
                column(rows, |row| row.value.policy_version),
                column(rows, |row| row.partition),
                column(rows, |row| row.offset),
            ]);
            columns
        },
    }
}

pub(super) fn upsert_accounts<'a>() -> Statement<(&'a AccountParts<'a>, &'a Account<'a>)> {
    Statement {
        table: "accounts",
        sql: include_str!("sql/upsert_accounts.sql"),
        columns: |rows| {
            vec![
                column(rows, |row| key_of_account(row.value.0)),
                column(rows, |row| row.value.1.platform),
                column(rows, |row| row.value.1.account_id),
                column(rows, |row| row.value.1.name),
                column(rows, |row| row.value.1.status),
                column(rows, |row| row.value.1.time_zone),
                column(rows, |row| row.value.1.currency),
                column(rows, |row| row.value.1.failure_code),
                column(rows, |row| row.value.1.failure),
                column(rows, |row| row.value.1.failure_at.map(Moment)),
                column(rows, |row| row.value.1.observed_at.map(Moment)),
                column(rows, |row| json(&row.value.1.hours)),
                column(rows, |row| list(row.value.1.firing.iter().copied())),
                column(rows, |row| row.partition),
                column(rows, |row| row.offset),
            ]
        },
    }
}

/// Every record of an alert.
pub(super) fn upsert_alerts<'a>() -> Statement<&'a Alert<'a>> {
    Statement { table: "alerts", sql: include_str!("sql/upsert_alerts.sql"), columns: alerts }
}

/// The newest record of each alert, from the same rows.
pub(super) fn upsert_current_alerts<'a>() -> Statement<&'a Alert<'a>> {
    let sql = include_str!("sql/upsert_current_alerts.sql");
    Statement { table: "current_alerts", sql, columns: alerts }
}

fn alerts<'r>(rows: &'r [At<&Alert<'_>>]) -> Vec<Param<'r>> {
    vec![
        column(rows, |row| alert_subject(row.value)),
        column(rows, |row| row.value.code),
        column(rows, |row| Moment(row.value.raised_at)),
        column(rows, |row| row.value.state.symbol()),
        column(rows, |row| row.value.severity.symbol()),
        column(rows, |row| row.value.platform),
        column(rows, |row| row.value.account_id),
        column(rows, |row| row.value.campaign_id),
        column(rows, |row| row.value.figure),
        column(rows, |row| row.value.threshold),
        column(rows, |row| row.value.sentence),
        column(rows, |row| row.partition),
        column(rows, |row| row.offset),
    ]
}

pub(super) fn delete_campaigns<'a>() -> Statement<&'a CampaignParts<'a>> {
    let sql = include_str!("sql/delete_campaigns.sql");
    Statement { table: "campaigns", sql, columns: gone_campaigns }
}

pub(super) fn delete_scores<'a>() -> Statement<&'a CampaignParts<'a>> {
    let sql = include_str!("sql/delete_scores.sql");
    Statement { table: "scores", sql, columns: gone_campaigns }
}

pub(super) fn delete_days<'a>() -> Statement<&'a (CampaignParts<'a>, Day)> {
    Statement {
        table: "campaign_days",
        sql: include_str!("sql/delete_campaign_days.sql"),
        columns: |rows| {
            vec![
                column(rows, |row| key_of(&row.value.0)),
                column(rows, |row| Date(row.value.1)),
                column(rows, |row| row.offset),
            ]
        },
    }
}

pub(super) fn delete_leads<'a>() -> Statement<&'a &'a str> {
    Statement {
        table: "leads",
        sql: include_str!("sql/delete_leads.sql"),
        columns: |rows| vec![column(rows, |row| row.value), column(rows, |row| row.offset)],
    }
}

pub(super) fn delete_accounts<'a>() -> Statement<&'a AccountParts<'a>> {
    Statement {
        table: "accounts",
        sql: include_str!("sql/delete_accounts.sql"),
        columns: |rows| vec![column(rows, |row| key_of_account(row.value)), column(rows, |row| row.offset)],
    }
}

fn gone_campaigns<'r>(rows: &'r [At<&CampaignParts<'_>>]) -> Vec<Param<'r>> {
    vec![column(rows, |row| key_of(row.value)), column(rows, |row| row.offset)]
}

fn key_of([platform, account_id, campaign_id]: &CampaignParts<'_>) -> String {
    campaign_key([platform, account_id, campaign_id])
}

fn key_of_account([platform, account_id]: &AccountParts<'_>) -> String {
    account_key([platform, account_id])
}

fn campaign_of(lead: &Lead<'_>) -> Option<String> {
    Some(campaign_key([lead.platform?, lead.account_id?, lead.campaign_id?]))
}

/// Figures in the order of their columns, absent where there are none.
fn figures<R>(rows: &[At<R>], of: fn(&R) -> Option<&Figures>) -> [Param<'_>; 8] {
    [
        column(rows, |row| of(&row.value)?.spend_micros.map(micros)),
        column(rows, |row| of(&row.value)?.impressions),
        column(rows, |row| of(&row.value)?.reach),
        column(rows, |row| of(&row.value)?.clicks),
        column(rows, |row| of(&row.value)?.link_clicks),
        column(rows, |row| of(&row.value)?.leads),
        column(rows, |row| of(&row.value)?.purchases),
        column(rows, |row| of(&row.value)?.purchase_value_micros.map(micros)),
    ]
}

fn points<R>(rows: &[At<R>], of: fn(&R) -> (&Parts, f64)) -> [Param<'_>; 6] {
    [
        column(rows, |row| of(&row.value).0.cost_efficiency),
        column(rows, |row| of(&row.value).0.lead_quality),
        column(rows, |row| of(&row.value).0.volume),
        column(rows, |row| of(&row.value).0.trend),
        column(rows, |row| of(&row.value).0.engagement),
        column(rows, |row| of(&row.value).1),
    ]
}

fn json(list: &impl Serialize) -> String {
    serde_json::to_string(list).expect("texts and finite numbers are always JSON")
}
