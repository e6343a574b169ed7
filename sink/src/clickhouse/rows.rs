//! The rows on the wire, field by field as the columns of the tables: money as micros (a Decimal(18, 6) is sent so), days
//! since 1970, moments in milliseconds.

use ::clickhouse::Row;
use serde::Serialize;
use serde_bytes::Bytes;

/// `(code, figure, target, sentence)`.
pub(super) type ReasonRow<'a> = (&'a str, f64, f64, &'a str);

#[derive(Row, Serialize, Default)]
pub(super) struct CampaignRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) objective: Option<&'a str>,
    pub(super) daily_budget: Option<i64>,
    pub(super) lifetime_budget: Option<i64>,
    pub(super) time_zone: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
    pub(super) frequency_7d: Option<f64>,
    pub(super) frequency_at: Option<i64>,
    pub(super) fatigue_level: Option<&'a str>,
    pub(super) fatigue_at: Option<i64>,
    pub(super) observed_at: Option<i64>,
    pub(super) known_since: Option<i64>,
    pub(super) _deleted: u8,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize, Default)]
pub(super) struct DayRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: &'a str,
    pub(super) day: i32,
    pub(super) currency: Option<&'a str>,
    pub(super) spend: Option<i64>,
    pub(super) impressions: Option<i64>,
    pub(super) reach: Option<i64>,
    pub(super) clicks: Option<i64>,
    pub(super) link_clicks: Option<i64>,
    pub(super) leads: Option<i64>,
    pub(super) purchases: Option<i64>,
    pub(super) purchase_value: Option<i64>,
    pub(super) flags: Vec<&'a str>,
    pub(super) doubts: Vec<&'a str>,
    pub(super) crm_leads: i64,
    pub(super) crm_qualified: i64,
    pub(super) crm_won: i64,
    pub(super) crm_revenue: i64,
    pub(super) revision: i32,
    pub(super) first_seen: Option<i64>,
    pub(super) last_seen: Option<i64>,
    pub(super) restated: bool,
    pub(super) first_spend: Option<i64>,
    pub(super) first_impressions: Option<i64>,
    pub(super) first_reach: Option<i64>,
    pub(super) first_clicks: Option<i64>,
    pub(super) first_link_clicks: Option<i64>,
    pub(super) first_leads: Option<i64>,
    pub(super) first_purchases: Option<i64>,
    pub(super) first_purchase_value: Option<i64>,
    pub(super) _deleted: u8,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct RevisionRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: &'a str,
    pub(super) day: i32,
    pub(super) currency: Option<&'a str>,
    pub(super) spend: Option<i64>,
    pub(super) impressions: Option<i64>,
    pub(super) reach: Option<i64>,
    pub(super) clicks: Option<i64>,
    pub(super) link_clicks: Option<i64>,
    pub(super) leads: Option<i64>,
    pub(super) purchases: Option<i64>,
    pub(super) purchase_value: Option<i64>,
    pub(super) flags: Vec<&'a str>,
    pub(super) doubts: Vec<&'a str>,
    pub(super) crm_leads: i64,
    pub(super) crm_qualified: i64,
    pub(super) crm_won: i64,
    pub(super) crm_revenue: i64,
    pub(super) revision: i32,
    pub(super) first_seen: Option<i64>,
    pub(super) last_seen: Option<i64>,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct ScoreRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: &'a str,
    pub(super) as_of: i32,
    pub(super) cost_efficiency: f64,
    pub(super) lead_quality: f64,
    pub(super) volume: f64,
    pub(super) trend: f64,
    pub(super) engagement: f64,
    pub(super) total: f64,
    pub(super) recommendation: &'a str,
    pub(super) confidence: f64,
    pub(super) actionable: bool,
    pub(super) guard: Option<&'a str>,
    pub(super) reasons: Vec<ReasonRow<'a>>,
    pub(super) window_spend: i64,
    pub(super) window_impressions: i64,
    pub(super) window_link_clicks: i64,
    pub(super) window_leads: i64,
    pub(super) window_crm_leads: i64,
    pub(super) window_qualified: i64,
    pub(super) window_won: i64,
    pub(super) window_revenue: i64,
    pub(super) window_purchases: i64,
    pub(super) window_active_days: i32,
    pub(super) currency: Option<&'a str>,
    pub(super) scored_at: i64,
    pub(super) metrics_observed_at: Option<i64>,
    pub(super) policy_version: &'a str,
    pub(super) firing: &'a [&'a str],
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct RecommendationRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: &'a str,
    pub(super) campaign_name: Option<&'a str>,
    pub(super) as_of: i32,
    pub(super) cost_efficiency: f64,
    pub(super) lead_quality: f64,
    pub(super) volume: f64,
    pub(super) trend: f64,
    pub(super) engagement: f64,
    pub(super) total: f64,
    pub(super) action: &'a str,
    pub(super) previous_action: Option<&'a str>,
    pub(super) confidence: f64,
    pub(super) actionable: bool,
    pub(super) guard: Option<&'a str>,
    pub(super) reasons: Vec<ReasonRow<'a>>,
    pub(super) policy_version: &'a str,
    pub(super) announced_at: i64,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize, Default)]
pub(super) struct LeadRow<'a> {
    pub(super) lead_key: &'a str,
    pub(super) platform: Option<&'a str>,
    pub(super) account_id: Option<&'a str>,
    pub(super) campaign_id: Option<&'a str>,
    pub(super) campaign_at: Option<i64>,
    pub(super) stage: &'a str,
    pub(super) created_at: Option<i64>,
    pub(super) qualified_at: Option<i64>,
    pub(super) disqualified_at: Option<i64>,
    pub(super) won_at: Option<i64>,
    pub(super) lost_at: Option<i64>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<&'a str>,
    pub(super) account_time_zone: Option<&'a str>,
    pub(super) account_currency: Option<&'a str>,
    pub(super) account_at: Option<i64>,
    pub(super) observed_at: i64,
    pub(super) _deleted: u8,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize, Default)]
pub(super) struct AccountRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) time_zone: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
    pub(super) failure_code: Option<&'a str>,
    pub(super) failure: Option<&'a str>,
    pub(super) failure_at: Option<i64>,
    pub(super) observed_at: Option<i64>,
    pub(super) firing: Vec<&'a str>,
    pub(super) _deleted: u8,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct HourRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) hour_start: i64,
    pub(super) records: i64,
    pub(super) incomplete: i64,
    pub(super) outlier: i64,
    pub(super) rejected: i64,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct AlertRow<'a> {
    pub(super) platform: &'a str,
    pub(super) account_id: &'a str,
    pub(super) campaign_id: Option<&'a str>,
    pub(super) subject: String,
    pub(super) code: &'a str,
    pub(super) severity: &'a str,
    pub(super) state: &'a str,
    pub(super) figure: Option<f64>,
    pub(super) threshold: Option<f64>,
    pub(super) sentence: &'a str,
    pub(super) raised_at: i64,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}

#[derive(Row, Serialize)]
pub(super) struct DeadLetterRow<'a> {
    pub(super) stage: &'a str,
    pub(super) reason_code: &'a str,
    pub(super) sentence: &'a str,
    pub(super) origin_topic: Option<&'a str>,
    pub(super) origin_partition: Option<i32>,
    pub(super) origin_offset: Option<i64>,
    pub(super) locator: &'a str,
    pub(super) refused_at: i64,
    pub(super) key: Option<&'a Bytes>,
    pub(super) payload: &'a Bytes,
    pub(super) headers: Vec<(&'a str, &'a Bytes)>,
    pub(super) _partition: i32,
    pub(super) _offset: u64,
}
