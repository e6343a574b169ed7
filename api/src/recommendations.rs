//! `GET /api/recommendations`: what was announced, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::Pool;
use schemas::record::Action;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::ApiError;
use crate::campaigns::PartsRow;
use crate::pool::rows;
use crate::query::{Checked, Page, key, pack, page_size, text, unpack};
use crate::value::{Moment, column};

/// What the list may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    action: Option<Action>,
    account: Option<String>,
    /// A campaign's key.
    campaign: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Where a page ended: the table's primary key in the order of the list.
#[derive(Debug, Serialize, Deserialize)]
struct Place(DateTime<Utc>, String, NaiveDate, String);

/// An announced recommendation.
#[derive(Debug, Serialize)]
pub(crate) struct RecommendationRow {
    campaign_key: String,
    platform: String,
    account_id: String,
    campaign_id: String,
    campaign_name: Option<String>,
    as_of: NaiveDate,
    action: String,
    previous_action: Option<String>,
    parts: PartsRow,
    total: f64,
    confidence: f64,
    actionable: bool,
    guard: Option<String>,
    reasons: serde_json::Value,
    policy_version: String,
    /// What people did about it.
    status: String,
    announced_at: Moment,
}

const SQL: &str = "SELECT campaign_key, platform, account_id, campaign_id, campaign_name, as_of, action, \
    previous_action, cost_efficiency, lead_quality, volume, trend, engagement, total, confidence, actionable, \
    guard, reasons, policy_version, status, announced_at \
    FROM recommendations \
    WHERE ($1::text IS NULL OR action = $1) AND ($2::text IS NULL OR account_id = $2) \
      AND ($3::text IS NULL OR campaign_key = $3) \
      AND ($4::timestamptz IS NULL OR (announced_at, campaign_key, as_of, action) < ($4, $5::text, $6::date, $7::text)) \
    ORDER BY announced_at DESC, campaign_key DESC, as_of DESC, action DESC \
    LIMIT $8";

/// Announced recommendations, newest first.
pub(crate) async fn list(
    State(pool): State<Pool>,
    Checked(parameters): Checked<Parameters>,
) -> Result<Json<Page<RecommendationRow>>, ApiError> {
    let limit = page_size(parameters.limit)?;
    let account = text("account", parameters.account.as_deref())?;
    let campaign = key("campaign", parameters.campaign.as_deref())?;
    let action = parameters.action.map(Action::symbol);
    let (at, last_key, as_of, last_action) =
        match parameters.cursor.as_deref().map(unpack::<Place>).transpose()? {
            Some(Place(at, key, as_of, action)) => (Some(at), Some(key), Some(as_of), Some(action)),
            None => (None, None, None, None),
        };
    // One row more tells whether there is a next page.
    let fetched = i64::from(limit) + 1;
    let mut found = rows(
        &pool,
        "recommendations",
        SQL,
        &[&action, &account, &campaign, &at, &last_key, &as_of, &last_action, &fetched],
    )
    .await?;
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next_cursor = match found.last() {
        Some(last) if more => Some(pack(&Place(
            column(last, "announced_at")?,
            column(last, "campaign_key")?,
            column(last, "as_of")?,
            column(last, "action")?,
        ))),
        _ => None,
    };
    let items = found.iter().map(RecommendationRow::read).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next_cursor }))
}

impl RecommendationRow {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            campaign_key: column(row, "campaign_key")?,
            platform: column(row, "platform")?,
            account_id: column(row, "account_id")?,
            campaign_id: column(row, "campaign_id")?,
            campaign_name: column(row, "campaign_name")?,
            as_of: column(row, "as_of")?,
            action: column(row, "action")?,
            previous_action: column(row, "previous_action")?,
            parts: PartsRow::read(row)?,
            total: column(row, "total")?,
            confidence: column(row, "confidence")?,
            actionable: column(row, "actionable")?,
            guard: column(row, "guard")?,
            reasons: column(row, "reasons")?,
            policy_version: column(row, "policy_version")?,
            status: column(row, "status")?,
            announced_at: Moment(column(row, "announced_at")?),
        })
    }
}
