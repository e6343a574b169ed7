//! One Facebook campaign object.

use std::borrow::Cow;

use schemas::Micros;
use serde::Deserialize;

use super::value::Raw;
use super::{MONEY_MAX, object, value};
use crate::Rejection;
use crate::outcome::quoted;

/// A campaign, read. Fields that the platform left out are absent.
#[derive(Debug)]
pub(crate) struct CampaignObject<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) status: Option<Cow<'a, str>>,
    pub(crate) objective: Option<Cow<'a, str>>,
    pub(crate) daily_budget: Option<Micros>,
    pub(crate) lifetime_budget: Option<Micros>,
    /// A budget is given in minor units of a currency that nobody named, so it cannot be told.
    pub(crate) budget_unreadable: bool,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    name: Option<Raw<'a>>,
    #[serde(borrow, default)]
    status: Option<Raw<'a>>,
    #[serde(borrow, default)]
    effective_status: Option<Raw<'a>>,
    #[serde(borrow, default)]
    objective: Option<Raw<'a>>,
    #[serde(borrow, default)]
    daily_budget: Option<Raw<'a>>,
    #[serde(borrow, default)]
    lifetime_budget: Option<Raw<'a>>,
}

/// Currencies whose amounts the Marketing API gives in whole units (its list of currency offsets, which is not that
/// of ISO 4217); all others come in hundredths.
const WHOLE_UNIT_CURRENCIES: [&str; 11] =
    ["CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"];

pub(crate) fn campaign_object<'a>(
    payload: &'a [u8],
    currency: Option<&str>,
) -> Result<CampaignObject<'a>, Rejection> {
    let object: Object<'a> = object(payload, "campaign")?;
    let status = object.effective_status.or(object.status);
    let budgeted = object.daily_budget.is_some() || object.lifetime_budget.is_some();
    let budget = |field: &str, value: Option<Raw<'_>>| match currency {
        Some(currency) => minor_units(field, value, currency),
        None => Ok(None),
    };
    Ok(CampaignObject {
        id: value::id("id", object.id)?,
        name: value::optional_text("name", object.name)?,
        status: value::optional_text("effective_status", status)?,
        objective: value::optional_text("objective", object.objective)?,
        daily_budget: budget("daily_budget", object.daily_budget)?,
        lifetime_budget: budget("lifetime_budget", object.lifetime_budget)?,
        budget_unreadable: budgeted && currency.is_none(),
    })
}

fn minor_units(field: &str, value: Option<Raw<'_>>, currency: &str) -> Result<Option<Micros>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = value::text(field, value)?;
    let invalid = || {
        let sentence = format!("{field} is {}: not a whole number of minor units", quoted(&text));
        Rejection::new("NUMBER_INVALID", sentence)
    };
    let minor: i64 = text.parse().map_err(|_| invalid())?;
    let scale = if WHOLE_UNIT_CURRENCIES.contains(&currency) { 1_000_000 } else { 10_000 };
    let micros = minor.checked_mul(scale).filter(|micros| (0..=MONEY_MAX.0).contains(micros));
    micros.map(|micros| Some(Micros(micros))).ok_or_else(invalid)
}
