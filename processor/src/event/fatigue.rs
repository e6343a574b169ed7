//! Facebook's creative-fatigue signal, a change of the webhook's `creative_fatigue` field.

use std::borrow::Cow;

use schemas::record::FatigueLevel;
use serde::Deserialize;

use super::value::Raw;
use super::{object, value};
use crate::Rejection;
use crate::outcome::quoted;

/// A signal, read.
#[derive(Debug)]
pub(crate) struct Fatigue<'a> {
    pub(crate) campaign_id: Cow<'a, str>,
    pub(crate) level: FatigueLevel,
    pub(crate) message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Signal<'a> {
    #[serde(borrow, default)]
    campaign_id: Option<Raw<'a>>,
    /// The ad, despite its name.
    #[serde(borrow, default)]
    adgroup_id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    creative_fatigue_level: Option<Raw<'a>>,
    #[serde(borrow, default)]
    creative_fatigue_message: Option<Raw<'a>>,
}

pub(crate) fn fatigue(payload: &[u8]) -> Result<Fatigue<'_>, Rejection> {
    let signal: Signal<'_> = object(payload, "creative-fatigue signal")?;
    if signal.campaign_id.is_none() {
        let ad = value::optional_text("adgroup_id", signal.adgroup_id)?.unwrap_or(Cow::Borrowed(""));
        let sentence = format!(
            "the creative-fatigue signal of the ad {} names no campaign_id; replay it once the source knows the ad's campaign",
            quoted(&ad)
        );
        return Err(Rejection::new("CAMPAIGN_UNKNOWN", sentence));
    }
    let field = "creative_fatigue_level";
    let level = signal.creative_fatigue_level.ok_or_else(|| value::missing(field))?;
    let level = match &*value::text(field, level)? {
        "LOW" => FatigueLevel::Low,
        "MEDIUM" => FatigueLevel::Medium,
        "HIGH" => FatigueLevel::High,
        other => {
            let sentence = format!("{field} is {}: not LOW, MEDIUM or HIGH", quoted(other));
            return Err(Rejection::new("FIELD_INVALID", sentence));
        }
    };
    Ok(Fatigue {
        campaign_id: value::id("campaign_id", signal.campaign_id)?,
        level,
        message: value::optional_text("creative_fatigue_message", signal.creative_fatigue_message)?,
    })
}
