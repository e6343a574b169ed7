//! `GET /api/campaigns/{key}`.

use axum::Json;
use axum::extract::{Path, State};
use chrono::NaiveDate;
use deadpool_postgres::Pool;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::row::{COLUMNS, CampaignRow};
use crate::ApiError;
use crate::pool::rows;
use crate::query::Checked;
use crate::value::{Moment, Money, column, moment_if_any, money, money_if_any};

/// Days shown: the window of the score, the weeks its trend looks back over, and as many again to see a development.
const DAYS_MAX: i64 = 92;
/// Firing alerts shown. There are as many codes as rules, far fewer than this.
const ALERTS_MAX: i64 = 100;

/// The campaign takes no query parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// A campaign with everything behind its score.
#[derive(Debug, Serialize)]
pub(crate) struct CampaignDetail {
    #[serde(flatten)]
    campaign: CampaignRow,
    objective: Option<String>,
    time_zone: Option<String>,
    daily_budget: Option<Money>,
    lifetime_budget: Option<Money>,
    frequency_7d: Option<f64>,
    fatigue_level: Option<String>,
    /// Code, figure, target and sentence of each, most important first, exactly as the processor wrote them.
    reasons: serde_json::Value,
    /// Oldest first.
    days: Vec<DayRow>,
    alerts: Vec<AlertRow>,
}

/// A day's figures; one that was not reported is `null`, which is not zero.
#[derive(Debug, Serialize)]
struct DayRow {
    day: NaiveDate,
    spend: Option<Money>,
    impressions: Option<i64>,
    reach: Option<i64>,
    clicks: Option<i64>,
    link_clicks: Option<i64>,
    leads: Option<i64>,
    purchases: Option<i64>,
    crm_leads: i64,
    qualified: i64,
    won: i64,
    revenue: Money,
    flags: Vec<String>,
    revision: i32,
    last_seen: Option<Moment>,
}

/// A firing alert.
#[derive(Debug, Serialize)]
struct AlertRow {
    code: String,
    severity: String,
    sentence: String,
    raised_at: Option<Moment>,
}

/// One campaign with its days, reasons and firing alerts.
pub(crate) async fn detail(
    State(pool): State<Pool>,
    Path(key): Path<String>,
    Checked(NoParameters {}): Checked<NoParameters>,
) -> Result<Json<CampaignDetail>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS}, s.reasons, c.objective, c.time_zone, c.daily_budget_micros, c.lifetime_budget_micros, \
         c.frequency_7d, c.fatigue_level \
         FROM scores s LEFT JOIN campaigns c USING (campaign_key) WHERE s.campaign_key = $1"
    );
    // Postgres' texts hold no zero byte, so no campaign's key does.
    let found = if key.contains('\0') { Vec::new() } else { rows(&pool, "campaign", &sql, &[&key]).await? };
    let Some(row) = found.first() else {
        return Err(ApiError::NotFound("There is no scored campaign with this key.".to_owned()));
    };
    let days = rows(
        &pool,
        "campaign_days",
        "SELECT * FROM (SELECT day, spend_micros, impressions, reach, clicks, link_clicks, leads, purchases, \
         crm_leads, crm_qualified, crm_won, crm_revenue_micros, flags, revision, last_seen \
         FROM campaign_days WHERE campaign_key = $1 ORDER BY day DESC LIMIT $2) newest ORDER BY day",
        &[&key, &DAYS_MAX],
    )
    .await?;
    let alerts = rows(
        &pool,
        "campaign_alerts",
        "SELECT code, severity, sentence, raised_at FROM v_firing_alerts WHERE subject = $1 \
         ORDER BY raised_at DESC, code LIMIT $2",
        &[&key, &ALERTS_MAX],
    )
    .await?;
    Ok(Json(CampaignDetail {
        campaign: CampaignRow::read(row)?,
        objective: column(row, "objective")?,
        time_zone: column(row, "time_zone")?,
        daily_budget: money_if_any(row, "daily_budget_micros")?,
        lifetime_budget: money_if_any(row, "lifetime_budget_micros")?,
        frequency_7d: column(row, "frequency_7d")?,
        fatigue_level: column(row, "fatigue_level")?,
        reasons: column(row, "reasons")?,
        days: days.iter().map(DayRow::read).collect::<Result<_, _>>()?,
        alerts: alerts.iter().map(AlertRow::read).collect::<Result<_, _>>()?,
    }))
}

impl DayRow {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            day: column(row, "day")?,
            spend: money_if_any(row, "spend_micros")?,
            impressions: column(row, "impressions")?,
            reach: column(row, "reach")?,
            clicks: column(row, "clicks")?,
            link_clicks: column(row, "link_clicks")?,
            leads: column(row, "leads")?,
            purchases: column(row, "purchases")?,
            crm_leads: column(row, "crm_leads")?,
            qualified: column(row, "crm_qualified")?,
            won: column(row, "crm_won")?,
            revenue: money(row, "crm_revenue_micros")?,
            flags: column(row, "flags")?,
            revision: column(row, "revision")?,
            last_seen: moment_if_any(row, "last_seen")?,
        })
    }
}

impl AlertRow {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            code: column(row, "code")?,
            severity: column(row, "severity")?,
            sentence: column(row, "sentence")?,
            raised_at: moment_if_any(row, "raised_at")?,
        })
    }
}
