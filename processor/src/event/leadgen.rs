//! A lead of a Facebook form, as the Graph API returns it or as the webhook announces it.

use std::borrow::Cow;

use schemas::TimestampMs;
use serde::Deserialize;

use super::value::Raw;
use super::{object, value};
use crate::Rejection;
use crate::calendar::parse_moment;
use crate::outcome::quoted;

/// A lead, read. Its answers, which are personal, are not looked at.
#[derive(Debug)]
pub(crate) struct Leadgen<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) campaign_id: Option<Cow<'a, str>>,
    pub(crate) created_at: TimestampMs,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    leadgen_id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    campaign_id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    created_time: Option<Raw<'a>>,
}

pub(crate) fn leadgen(payload: &[u8]) -> Result<Leadgen<'_>, Rejection> {
    let object: Object<'_> = object(payload, "lead")?;
    let created = object.created_time.ok_or_else(|| value::missing("created_time"))?;
    let text = value::text("created_time", created)?;
    // The webhook counts seconds, the Graph API writes a date.
    let seconds = text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000)).map(TimestampMs);
    let created_at = seconds.or_else(|| parse_moment(&text)).ok_or_else(|| {
        Rejection::new("DATE_INVALID", format!("created_time is {}: not a moment", quoted(&text)))
    })?;
    Ok(Leadgen {
        id: value::id("leadgen_id", object.leadgen_id.or(object.id))?,
        campaign_id: object.campaign_id.map(|id| value::id("campaign_id", Some(id))).transpose()?,
        created_at,
    })
}
