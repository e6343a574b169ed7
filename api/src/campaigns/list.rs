//! `GET /api/campaigns`.

use axum::Json;
use axum::extract::State;
use deadpool_postgres::Pool;
use schemas::record::Action;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::row::{COLUMNS, CampaignRow};
use crate::ApiError;
use crate::pool::rows;
use crate::query::{Checked, Page, pack, page_size, text, unpack};
use crate::value::column;

/// What the list may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    account: Option<String>,
    recommendation: Option<Action>,
    /// Part of a name or an id, in any case that the locale of the database knows.
    search: Option<String>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    order: Order,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// The figure that decides the order; campaigns with the same one follow their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Total,
    Spend,
    Leads,
    CostPerLead,
    Confidence,
    Updated,
    Name,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Asc,
    #[default]
    Desc,
}

/// Where a page ended. It names its order, because in another one it is no place at all.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    sort: Sort,
    order: Order,
    value: SortValue,
    key: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum SortValue {
    Number(i64),
    Text(String),
}

impl Sort {
    /// A number, so that a cursor holds it exactly: published scores have two decimals, confidences too. A campaign
    /// without leads costs more per lead than any other.
    const fn expression(self) -> &'static str {
        match self {
            Self::Total => "round(s.total * 100)::bigint",
            Self::Spend => "s.window_spend_micros",
            Self::Leads => "s.window_leads",
            Self::CostPerLead => {
                "coalesce(s.window_spend_micros / nullif(s.window_leads, 0), 9223372036854775807)"
            }
            Self::Confidence => "round(s.confidence * 100)::bigint",
            Self::Updated => "(extract(epoch FROM s.scored_at) * 1000)::bigint",
            Self::Name => "coalesce(c.name, s.campaign_id)",
        }
    }

    const fn sql_type(self) -> &'static str {
        if matches!(self, Self::Name) { "text" } else { "bigint" }
    }

    fn value(self, row: &Row) -> Result<SortValue, ApiError> {
        Ok(match self {
            Self::Name => SortValue::Text(column(row, "sort_value")?),
            _ => SortValue::Number(column(row, "sort_value")?),
        })
    }
}

/// The query of an order. Only texts of this file go into it; what the request says are parameters.
fn sql(sort: Sort, order: Order) -> String {
    let (value, kind) = (sort.expression(), sort.sql_type());
    let (direction, beyond) = match order {
        Order::Asc => ("ASC", ">"),
        Order::Desc => ("DESC", "<"),
    };
    format!(
        "SELECT {COLUMNS}, {value} AS sort_value \
         FROM scores s LEFT JOIN campaigns c USING (campaign_key) \
         WHERE ($1::text IS NULL OR s.account_id = $1) \
           AND ($2::text IS NULL OR s.recommendation = $2) \
           AND ($3::text IS NULL OR strpos(lower(coalesce(c.name, '')), lower($3)) > 0 \
                OR strpos(lower(s.campaign_id), lower($3)) > 0) \
           AND ($4::text IS NULL OR ({value}, s.campaign_key) {beyond} ($5::{kind}, $4)) \
         ORDER BY {value} {direction}, s.campaign_key {direction} \
         LIMIT $6"
    )
}

/// Campaigns with their scores, sorted by one figure and filtered.
pub(crate) async fn list(
    State(pool): State<Pool>,
    Checked(parameters): Checked<Parameters>,
) -> Result<Json<Page<CampaignRow>>, ApiError> {
    let limit = page_size(parameters.limit)?;
    let account = text("account", parameters.account.as_deref())?;
    let search = text("search", parameters.search.as_deref())?;
    let recommendation = parameters.recommendation.map(Action::symbol);
    let (sort, order) = (parameters.sort, parameters.order);
    let place = parameters.cursor.as_deref().map(unpack::<Place>).transpose()?;
    if place.as_ref().is_some_and(|place| (place.sort, place.order) != (sort, order)) {
        return Err(ApiError::Refused("`cursor` belongs to another sort or order.".to_owned()));
    }
    let after_key = place.as_ref().map(|place| place.key.as_str());
    let (number, name) = match place.as_ref().map(|place| &place.value) {
        Some(SortValue::Number(number)) => (Some(*number), None),
        Some(SortValue::Text(name)) => (None, Some(name.as_str())),
        None => (None, None),
    };
    if place.is_some() && name.is_some() != (sort == Sort::Name) {
        return Err(ApiError::Refused("`cursor` is not one that this address gave out.".to_owned()));
    }
    let after: &(dyn ToSql + Sync) = if sort == Sort::Name { &name } else { &number };
    // One row more tells whether there is a next page.
    let fetched = i64::from(limit) + 1;
    let values: [&(dyn ToSql + Sync); 6] = [&account, &recommendation, &search, &after_key, after, &fetched];
    let mut found = rows(&pool, "campaigns", &sql(sort, order), &values).await?;
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next_cursor = match found.last() {
        Some(last) if more => {
            let place = Place { sort, order, value: sort.value(last)?, key: column(last, "campaign_key")? };
            Some(pack(&place))
        }
        _ => None,
    };
    let items = found.iter().map(CampaignRow::read).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next_cursor }))
}
