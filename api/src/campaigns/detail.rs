//! `GET /api/campaigns/{key}`.

use axum::Json;
use axum::extract::{Path, State};
use chrono::NaiveDate;
use deadpool_postgres::Pool;
use schemas::AccountKey;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::row::{COLUMNS, CampaignRow};
use crate::ApiError;
use crate::alerts::{self, AlertRow};
use crate::pool::rows;
use crate::query::Checked;
use crate::value::{Moment, Money, column, moment_if_any, money, money_if_any};

/// Days shown: the window of the score, the weeks its trend looks back over, and as many again to see a development.
const DAYS_MAX: i64 = 92;

const DAYS: &str = "SELECT * FROM (SELECT day, spend_micros, impressions, reach, clicks, link_clicks, leads, purchases, \
    purchase_value_micros, crm_leads, crm_qualified, crm_won, crm_revenue_micros, flags, doubts, revision, first_seen, \
    last_seen, restated, first_spend_micros, first_impressions, first_reach, first_clicks, first_link_clicks, first_leads, \
    first_purchases, first_purchase_value_micros \
    FROM campaign_days WHERE campaign_key = $1 ORDER BY day DESC LIMIT $2) newest ORDER BY day";

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
    /// When it was first heard of.
    known_since: Option<Moment>,
    account: Account,
    /// Code, figure, target and sentence of each, most important first, exactly as the processor wrote them.
    reasons: serde_json::Value,
    /// Oldest first.
    days: Vec<DayRow>,
    /// Firing, of the campaign and of its account.
    alerts: Vec<AlertRow>,
}

/// The campaign's account, as far as it has been observed.
#[derive(Debug, Serialize)]
struct Account {
    name: Option<String>,
    status: Option<String>,
    /// Why the source cannot read it, for programs and for people; `null` when it can.
    failure_code: Option<String>,
    failure: Option<String>,
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
    purchase_value: Option<Money>,
    crm_leads: i64,
    qualified: i64,
    won: i64,
    revenue: Money,
    flags: Vec<String>,
    /// What exactly is doubtful.
    doubts: Vec<String>,
    revision: i32,
    first_seen: Option<Moment>,
    last_seen: Option<Moment>,
    /// The figures as they were first seen; `null` while they have not changed since.
    first: Option<FirstFigures>,
}

/// A day's figures as they were first seen.
#[derive(Debug, Serialize)]
struct FirstFigures {
    spend: Option<Money>,
    impressions: Option<i64>,
    reach: Option<i64>,
    clicks: Option<i64>,
    link_clicks: Option<i64>,
    leads: Option<i64>,
    purchases: Option<i64>,
    purchase_value: Option<Money>,
}

/// One campaign with its days, reasons and firing alerts.
pub(crate) async fn detail(
    State(pool): State<Pool>,
    Path(key): Path<String>,
    Checked(NoParameters {}): Checked<NoParameters>,
) -> Result<Json<CampaignDetail>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS}, s.reasons, c.objective, c.time_zone, c.daily_budget_micros, c.lifetime_budget_micros, \
         c.frequency_7d, c.fatigue_level, c.known_since, a.name AS account_name, a.status AS account_status, \
         a.failure_code, a.failure \
         FROM scores s LEFT JOIN campaigns c USING (campaign_key) \
         LEFT JOIN accounts a ON a.platform = s.platform AND a.account_id = s.account_id \
         WHERE s.campaign_key = $1"
    );
    // Postgres' texts hold no zero byte, so no campaign's key does.
    let found = if key.contains('\0') { Vec::new() } else { rows(&pool, "campaign", &sql, &[&key]).await? };
    let Some(row) = found.first() else {
        return Err(ApiError::NotFound("There is no scored campaign with this key.".to_owned()));
    };
    let days = rows(&pool, "campaign_days", DAYS, &[&key, &DAYS_MAX]).await?;
    let (platform, account_id): (&str, &str) = (column(row, "platform")?, column(row, "account_id")?);
    let alerts = alerts::of_campaign(&pool, &key, AccountKey { platform, account_id }).await?;
    Ok(Json(CampaignDetail {
        campaign: CampaignRow::read(row)?,
        objective: column(row, "objective")?,
        time_zone: column(row, "time_zone")?,
        daily_budget: money_if_any(row, "daily_budget_micros")?,
        lifetime_budget: money_if_any(row, "lifetime_budget_micros")?,
        frequency_7d: column(row, "frequency_7d")?,
        fatigue_level: column(row, "fatigue_level")?,
        known_since: moment_if_any(row, "known_since")?,
        account: Account {
            name: column(row, "account_name")?,
            status: column(row, "account_status")?,
            failure_code: column(row, "failure_code")?,
            failure: column(row, "failure")?,
        },
        reasons: column(row, "reasons")?,
        days: days.iter().map(DayRow::read).collect::<Result<_, _>>()?,
        alerts,
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
            purchase_value: money_if_any(row, "purchase_value_micros")?,
            crm_leads: column(row, "crm_leads")?,
            qualified: column(row, "crm_qualified")?,
            won: column(row, "crm_won")?,
            revenue: money(row, "crm_revenue_micros")?,
            flags: column(row, "flags")?,
            doubts: column(row, "doubts")?,
            revision: column(row, "revision")?,
            first_seen: moment_if_any(row, "first_seen")?,
            last_seen: moment_if_any(row, "last_seen")?,
            first: if column(row, "restated")? { Some(FirstFigures::read(row)?) } else { None },
        })
    }
}

impl FirstFigures {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            spend: money_if_any(row, "first_spend_micros")?,
            impressions: column(row, "first_impressions")?,
            reach: column(row, "first_reach")?,
            clicks: column(row, "first_clicks")?,
            link_clicks: column(row, "first_link_clicks")?,
            leads: column(row, "first_leads")?,
            purchases: column(row, "first_purchases")?,
            purchase_value: money_if_any(row, "first_purchase_value_micros")?,
        })
    }
}
