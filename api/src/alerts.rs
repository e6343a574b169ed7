//! `GET /api/alerts`: what is firing now, the most severe first; or, with `history=true`, every time an alert fired or
//! resolved, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use deadpool_postgres::Pool;
use schemas::AccountKey;
use schemas::record::Severity;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::ApiError;
use crate::pool::rows;
use crate::query::{Checked, Page, key, pack, page_size, text, unpack};
use crate::value::{Moment, column};

/// Firing alerts of a campaign and its account at most. There are as many codes as rules, far fewer than this.
const OF_CAMPAIGN_MAX: i64 = 100;

/// What the list may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Every change of state instead of what is firing now.
    #[serde(default)]
    history: bool,
    account: Option<String>,
    /// A campaign's key.
    campaign: Option<String>,
    severity: Option<Severity>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Where a page ended: of the history or not, then the list's order.
#[derive(Debug, Serialize, Deserialize)]
struct Place(bool, i32, DateTime<Utc>, String, String, String);

/// An alert that fired or resolved.
#[derive(Debug, Serialize)]
pub(crate) struct AlertRow {
    code: String,
    severity: String,
    /// `FIRING` or `RESOLVED`.
    state: String,
    platform: String,
    account_id: String,
    account_name: Option<String>,
    /// Absent for an alert of an account, like the two after it.
    campaign_key: Option<String>,
    campaign_id: Option<String>,
    campaign_name: Option<String>,
    /// The figure that crossed the threshold.
    figure: Option<f64>,
    threshold: Option<f64>,
    sentence: String,
    /// Since when it is in this state.
    raised_at: Moment,
}

/// The columns that [`AlertRow::read`] reads, of alerts `a`, with the names of what they are about.
const COLUMNS: &str = "a.subject, a.code, a.severity, a.state, a.platform, a.account_id, a.campaign_id, a.figure, \
    a.threshold, a.sentence, a.raised_at, c.name AS campaign_name, n.name AS account_name";
const NAMES: &str = "LEFT JOIN campaigns c ON c.campaign_key = a.subject \
    LEFT JOIN accounts n ON n.platform = a.platform AND n.account_id = a.account_id";
/// Grows with the severity.
const RANK: &str = "coalesce(array_position('{LOW,MEDIUM,HIGH,CRITICAL}'::text[], a.severity), 0)";

fn sql(history: bool) -> String {
    let (table, rank) = if history { ("alerts", "0") } else { ("v_firing_alerts", RANK) };
    format!(
        "SELECT {COLUMNS}, {rank} AS rank FROM {table} a {NAMES} \
         WHERE ($1::text IS NULL OR a.account_id = $1) AND ($2::text IS NULL OR a.subject = $2) \
           AND ($3::text IS NULL OR a.severity = $3) \
           AND ($4::integer IS NULL OR ({rank}, a.raised_at, a.subject, a.code, a.state) \
                < ($4, $5::timestamptz, $6::text, $7::text, $8::text)) \
         ORDER BY rank DESC, a.raised_at DESC, a.subject DESC, a.code DESC, a.state DESC LIMIT $9"
    )
}

/// Alerts, firing or as they came and went.
pub(crate) async fn list(
    State(pool): State<Pool>,
    Checked(parameters): Checked<Parameters>,
) -> Result<Json<Page<AlertRow>>, ApiError> {
    let limit = page_size(parameters.limit)?;
    let account = text("account", parameters.account.as_deref())?;
    let campaign = key("campaign", parameters.campaign.as_deref())?;
    let severity = parameters.severity.map(Severity::symbol);
    let history = parameters.history;
    let place = parameters.cursor.as_deref().map(unpack::<Place>).transpose()?;
    if place.as_ref().is_some_and(|place| place.0 != history) {
        return Err(ApiError::Refused("`cursor` belongs to the list with another `history`.".to_owned()));
    }
    let (rank, at, subject, code, state) = match place {
        Some(Place(_, rank, at, subject, code, state)) => {
            (Some(rank), Some(at), Some(subject), Some(code), Some(state))
        }
        None => (None, None, None, None, None),
    };
    // One row more tells whether there is a next page.
    let fetched = i64::from(limit) + 1;
    let mut found = rows(
        &pool,
        "alerts",
        &sql(history),
        &[&account, &campaign, &severity, &rank, &at, &subject, &code, &state, &fetched],
    )
    .await?;
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next_cursor = match found.last() {
        Some(last) if more => Some(pack(&Place(
            history,
            column(last, "rank")?,
            column(last, "raised_at")?,
            column(last, "subject")?,
            column(last, "code")?,
            column(last, "state")?,
        ))),
        _ => None,
    };
    let items = found.iter().map(AlertRow::read).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next_cursor }))
}

/// What is firing for a campaign and for its account, the most severe first.
pub(crate) async fn of_campaign(
    pool: &Pool,
    campaign_key: &str,
    account: AccountKey<'_>,
) -> Result<Vec<AlertRow>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM v_firing_alerts a {NAMES} WHERE a.subject IN ($1, $2) \
         ORDER BY {RANK} DESC, a.raised_at DESC, a.subject, a.code LIMIT $3"
    );
    let found =
        rows(pool, "campaign_alerts", &sql, &[&campaign_key, &account.to_string(), &OF_CAMPAIGN_MAX]).await?;
    found.iter().map(AlertRow::read).collect()
}

impl AlertRow {
    fn read(row: &Row) -> Result<Self, ApiError> {
        let campaign_id: Option<String> = column(row, "campaign_id")?;
        let subject: String = column(row, "subject")?;
        Ok(Self {
            code: column(row, "code")?,
            severity: column(row, "severity")?,
            state: column(row, "state")?,
            platform: column(row, "platform")?,
            account_id: column(row, "account_id")?,
            account_name: column(row, "account_name")?,
            campaign_key: campaign_id.is_some().then_some(subject),
            campaign_id,
            campaign_name: column(row, "campaign_name")?,
            figure: column(row, "figure")?,
            threshold: column(row, "threshold")?,
            sentence: column(row, "sentence")?,
            raised_at: Moment(column(row, "raised_at")?),
        })
    }
}
