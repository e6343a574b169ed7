//! One row of Facebook insights at campaign level.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemas::Day;
use schemas::record::Figures;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{object, value};
use crate::Rejection;
use crate::policy::FacebookPolicy;

/// A row, read.
#[derive(Debug)]
pub(crate) struct InsightsRow<'a> {
    pub(crate) campaign_id: Cow<'a, str>,
    pub(crate) currency: Option<Cow<'a, str>>,
    pub(crate) period: InsightsPeriod,
}

/// What the row is about.
#[derive(Debug)]
pub(crate) enum InsightsPeriod {
    /// The figures of one day.
    Day(Day, Figures),
    /// The frequency over seven days up to the day before it was asked for.
    Week {
        /// The last of the seven days.
        last: Day,
        /// Impressions per person.
        frequency: f64,
    },
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    campaign_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    account_currency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    date_start: Option<&'a RawValue>,
    #[serde(borrow, default)]
    date_stop: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spend: Option<&'a RawValue>,
    #[serde(borrow, default)]
    impressions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reach: Option<&'a RawValue>,
    #[serde(borrow, default)]
    frequency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    clicks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inline_link_clicks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    actions: Option<Vec<ActionRow<'a>>>,
    #[serde(borrow, default)]
    action_values: Option<Vec<ActionRow<'a>>>,
}

/// An object of the list; its other fields are the counts per attribution window.
struct ActionRow<'a> {
    action_type: Cow<'a, str>,
    value: Option<&'a RawValue>,
}

/// The fields of [`ActionRow`].
#[derive(Deserialize)]
struct ActionFields<'a> {
    #[serde(borrow)]
    action_type: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ActionRow<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ActionVisitor(PhantomData))
    }
}

/// Takes objects alone: a list would be taken for the fields in their order of declaration.
struct ActionVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for ActionVisitor<'a> {
    type Value = ActionRow<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an action_type")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let ActionFields { action_type, value } =
            ActionFields::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(ActionRow { action_type, value })
    }
}

pub(crate) fn insights_row<'a>(
    payload: &'a [u8],
    policy: &FacebookPolicy,
) -> Result<InsightsRow<'a>, Rejection> {
    let row: Row<'a> = object(payload, "insights row")?;
    let campaign_id = value::id("campaign_id", row.campaign_id)?;
    let currency = value::optional_text("account_currency", row.account_currency)?;
    if let Some(code) = &currency {
        value::currency(code)?;
    }
    let start = value::day("date_start", row.date_start.ok_or_else(|| value::missing("date_start"))?)?;
    let stop = row.date_stop.map_or(Ok(start), |stop| value::day("date_stop", stop))?;
    let period = match i64::from(stop.0) - i64::from(start.0) {
        0 => InsightsPeriod::Day(start, figures(&row, policy)?),
        6 => InsightsPeriod::Week { last: stop, frequency: frequency(&row)? },
        _ => {
            let sentence =
                format!("the row covers {start} to {stop}; rows of one day and of seven days are understood");
            return Err(Rejection::new("RANGE_UNSUPPORTED", sentence));
        }
    };
    Ok(InsightsRow { campaign_id, currency, period })
}

fn figures(row: &Row<'_>, policy: &FacebookPolicy) -> Result<Figures, Rejection> {
    let actions = row.actions.as_deref().unwrap_or_default();
    let values = row.action_values.as_deref().unwrap_or_default();
    let lead = chosen(actions, &policy.lead_actions);
    let purchase = chosen(actions, &policy.purchase_actions);
    // The value belongs to the type that was counted; a row may have values alone.
    let purchase_value = match purchase {
        Some(counted) => values.iter().find(|action| action.action_type == counted.action_type),
        None => chosen(values, &policy.purchase_actions),
    };
    Ok(Figures {
        spend_micros: value::money("spend", row.spend)?,
        impressions: value::count("impressions", row.impressions)?,
        reach: value::count("reach", row.reach)?,
        clicks: value::count("clicks", row.clicks)?,
        link_clicks: value::count("inline_link_clicks", row.inline_link_clicks)?,
        leads: value::count("actions.lead", lead.and_then(|action| action.value))?,
        purchases: value::count("actions.purchase", purchase.and_then(|action| action.value))?,
        purchase_value_micros: value::money(
            "action_values.purchase",
            purchase_value.and_then(|action| action.value),
        )?,
    })
}

/// The action of the first type in the list that the row has; never a sum.
fn chosen<'r, 'a>(actions: &'r [ActionRow<'a>], types: &[String]) -> Option<&'r ActionRow<'a>> {
    types.iter().find_map(|wanted| actions.iter().find(|action| action.action_type == wanted.as_str()))
}

fn frequency(row: &Row<'_>) -> Result<f64, Rejection> {
    if let Some(frequency) = value::ratio("frequency", row.frequency)? {
        return Ok(frequency);
    }
    let impressions = value::ratio("impressions", row.impressions)?;
    let reach = value::ratio("reach", row.reach)?;
    match (impressions, reach) {
        (Some(impressions), Some(reach)) if reach > 0.0 => Ok(impressions / reach),
        _ => Err(value::missing("frequency")),
    }
}
