//! One row of Facebook insights at campaign level.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemas::Day;
use schemas::record::Figures;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::plain::Plain;
use super::value::Raw;
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

#[derive(Default, Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    campaign_id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    account_currency: Option<Raw<'a>>,
    #[serde(borrow, default)]
    date_start: Option<Raw<'a>>,
    #[serde(borrow, default)]
    date_stop: Option<Raw<'a>>,
    #[serde(borrow, default)]
    spend: Option<Raw<'a>>,
    #[serde(borrow, default)]
    impressions: Option<Raw<'a>>,
    #[serde(borrow, default)]
    reach: Option<Raw<'a>>,
    #[serde(borrow, default)]
    frequency: Option<Raw<'a>>,
    #[serde(borrow, default)]
    clicks: Option<Raw<'a>>,
    #[serde(borrow, default)]
    inline_link_clicks: Option<Raw<'a>>,
    #[serde(borrow, default)]
    actions: Option<Vec<ActionRow<'a>>>,
    #[serde(borrow, default)]
    action_values: Option<Vec<ActionRow<'a>>>,
}

/// An object of the list; its other fields are the counts per attribution window.
struct ActionRow<'a> {
    action_type: Cow<'a, str>,
    value: Option<Raw<'a>>,
}

/// The fields of [`ActionRow`].
#[derive(Deserialize)]
struct ActionFields<'a> {
    #[serde(borrow)]
    action_type: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<Raw<'a>>,
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
    match plain_row(payload, policy) {
        Some(row) => understood(&row, policy),
        None => understood(&object(payload, "insights row")?, policy),
    }
}

/// What a row says.
fn understood<'a>(row: &Row<'a>, policy: &FacebookPolicy) -> Result<InsightsRow<'a>, Rejection> {
    let campaign_id = value::id("campaign_id", row.campaign_id)?;
    let currency = value::optional_text("account_currency", row.account_currency)?;
    if let Some(code) = &currency {
        value::currency(code)?;
    }
    let start = value::day("date_start", row.date_start.ok_or_else(|| value::missing("date_start"))?)?;
    let stop = row.date_stop.map_or(Ok(start), |stop| value::day("date_stop", stop))?;
    let period = match i64::from(stop.0) - i64::from(start.0) {
        0 => InsightsPeriod::Day(start, figures(row, policy)?),
        6 => InsightsPeriod::Week { last: stop, frequency: frequency(row)? },
        _ => {
            let sentence =
                format!("the row covers {start} to {stop}; rows of one day and of seven days are understood");
            return Err(Rejection::new("RANGE_UNSUPPORTED", sentence));
        }
    };
    Ok(InsightsRow { campaign_id, currency, period })
}

/// The row as the platform mostly writes it. Of its actions only those are kept that the policy asks for.
fn plain_row<'a>(payload: &'a [u8], policy: &FacebookPolicy) -> Option<Row<'a>> {
    let mut plain = Plain::new(payload)?;
    let (mut row, mut seen) = (Row::default(), 0_u16);
    plain.object(|plain, name| {
        let (at, field) = match name {
            "campaign_id" => (0, &mut row.campaign_id),
            "account_currency" => (1, &mut row.account_currency),
            "date_start" => (2, &mut row.date_start),
            "date_stop" => (3, &mut row.date_stop),
            "spend" => (4, &mut row.spend),
            "impressions" => (5, &mut row.impressions),
            "reach" => (6, &mut row.reach),
            "frequency" => (7, &mut row.frequency),
            "clicks" => (8, &mut row.clicks),
            "inline_link_clicks" => (9, &mut row.inline_link_clicks),
            "actions" => {
                once(&mut seen, 10)?;
                row.actions = plain_actions(plain, policy)?;
                return Some(());
            }
            "action_values" => {
                once(&mut seen, 11)?;
                row.action_values = plain_actions(plain, policy)?;
                return Some(());
            }
            _ => return plain.skip(),
        };
        once(&mut seen, at)?;
        *field = plain.scalar()?;
        Some(())
    })?;
    plain.end()?;
    Some(row)
}

fn plain_actions<'a>(plain: &mut Plain<'a>, policy: &FacebookPolicy) -> Option<Option<Vec<ActionRow<'a>>>> {
    if plain.null()? {
        return Some(None);
    }
    let mut actions = Vec::new();
    plain.list(|plain| {
        let (mut action_type, mut value, mut seen) = (None, None, 0);
        plain.object(|plain, name| {
            match name {
                "action_type" => {
                    once(&mut seen, 0)?;
                    action_type = Some(plain.text()?);
                }
                "value" => {
                    once(&mut seen, 1)?;
                    value = plain.scalar()?;
                }
                _ => plain.skip()?,
            }
            Some(())
        })?;
        let action_type = action_type?;
        if [&policy.lead_actions, &policy.purchase_actions]
            .iter()
            .any(|types| types.iter().any(|t| t == action_type))
        {
            actions.push(ActionRow { action_type: Cow::Borrowed(action_type), value });
        }
        Some(())
    })?;
    Some(Some(actions))
}

/// `None` for a field that was there before.
fn once(seen: &mut u16, field: u16) -> Option<()> {
    let bit = 1 << field;
    let is_first = *seen & bit == 0;
    *seen |= bit;
    is_first.then_some(())
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

#[cfg(test)]
mod tests;
