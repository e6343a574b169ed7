//! A campaign as both addresses show it.

use chrono::NaiveDate;
use serde::Serialize;
use tokio_postgres::Row;

use crate::ApiError;
use crate::value::{Moment, Money, column, moment_if_any, money};

/// The columns that [`CampaignRow::read`] reads, of scores `s` and campaigns `c`.
pub(super) const COLUMNS: &str = "s.campaign_key, s.platform, s.account_id, s.campaign_id, c.name, c.status, \
    s.as_of, s.cost_efficiency, s.lead_quality, s.volume, s.trend, s.engagement, s.total, s.recommendation, \
    s.confidence, s.actionable, s.guard, s.window_spend_micros, s.window_impressions, s.window_link_clicks, \
    s.window_leads, s.window_crm_leads, s.window_qualified, s.window_won, s.window_revenue_micros, \
    s.window_purchases, s.window_active_days, s.currency, s.scored_at, s.metrics_observed_at, s.policy_version, \
    s.announced_action, s.announced_at, s.firing";

/// A scored campaign. `spend`, `leads` and `purchases` are those of the 30-day window, as in [`Window`].
#[derive(Debug, Serialize)]
pub(crate) struct CampaignRow {
    pub(super) key: String,
    platform: String,
    account_id: String,
    campaign_id: String,
    name: Option<String>,
    status: Option<String>,
    currency: Option<String>,
    spend: Money,
    leads: i64,
    purchases: i64,
    cost_per_lead: Option<Money>,
    parts: PartsRow,
    total: f64,
    recommendation: String,
    confidence: f64,
    actionable: bool,
    guard: Option<String>,
    as_of: NaiveDate,
    window: Window,
    announced_action: Option<String>,
    announced_at: Option<Moment>,
    firing_alerts: Vec<String>,
    policy_version: String,
    metrics_observed_at: Option<Moment>,
    updated_at: Option<Moment>,
}

/// The five dimensions.
#[derive(Debug, Serialize)]
pub(crate) struct PartsRow {
    cost_efficiency: f64,
    lead_quality: f64,
    volume: f64,
    trend: f64,
    engagement: f64,
}

impl PartsRow {
    pub(crate) fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            cost_efficiency: column(row, "cost_efficiency")?,
            lead_quality: column(row, "lead_quality")?,
            volume: column(row, "volume")?,
            trend: column(row, "trend")?,
            engagement: column(row, "engagement")?,
        })
    }
}

/// Sums over the 30 days before `as_of`.
#[derive(Debug, Serialize)]
pub(crate) struct Window {
    spend: Money,
    impressions: i64,
    link_clicks: i64,
    leads: i64,
    crm_leads: i64,
    qualified: i64,
    won: i64,
    revenue: Money,
    purchases: i64,
    active_days: i32,
}

impl Window {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            spend: money(row, "window_spend_micros")?,
            impressions: column(row, "window_impressions")?,
            link_clicks: column(row, "window_link_clicks")?,
            leads: column(row, "window_leads")?,
            crm_leads: column(row, "window_crm_leads")?,
            qualified: column(row, "window_qualified")?,
            won: column(row, "window_won")?,
            revenue: money(row, "window_revenue_micros")?,
            purchases: column(row, "window_purchases")?,
            active_days: column(row, "window_active_days")?,
        })
    }
}

impl CampaignRow {
    pub(super) fn read(row: &Row) -> Result<Self, ApiError> {
        let window = Window::read(row)?;
        Ok(Self {
            key: column(row, "campaign_key")?,
            platform: column(row, "platform")?,
            account_id: column(row, "account_id")?,
            campaign_id: column(row, "campaign_id")?,
            name: column(row, "name")?,
            status: column(row, "status")?,
            currency: column(row, "currency")?,
            spend: window.spend,
            leads: window.leads,
            purchases: window.purchases,
            cost_per_lead: window.spend.per(window.leads),
            parts: PartsRow::read(row)?,
            total: column(row, "total")?,
            recommendation: column(row, "recommendation")?,
            confidence: column(row, "confidence")?,
            actionable: column(row, "actionable")?,
            guard: column(row, "guard")?,
            as_of: column(row, "as_of")?,
            window,
            announced_action: column(row, "announced_action")?,
            announced_at: moment_if_any(row, "announced_at")?,
            firing_alerts: column(row, "firing")?,
            policy_version: column(row, "policy_version")?,
            metrics_observed_at: moment_if_any(row, "metrics_observed_at")?,
            updated_at: moment_if_any(row, "scored_at")?,
        })
    }
}
