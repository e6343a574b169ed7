//! One event of a body becomes a lead's stage, or is refused with a reason. Called by the door for each event.

use schemas::record::LeadStage;
use schemas::{Micros, TimestampMs, lead_key};
use serde_json::Value;

use super::mapping::CrmMapping;
use super::moment;
use crate::currency;

/// Ids become record keys; longer ones are not ids.
const ID_BYTES_MAX: usize = 256;

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadLead {
    pub(super) lead_key: String,
    pub(super) stage: LeadStage,
    pub(super) occurred_at: TimestampMs,
    pub(super) campaign_id: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) amount: Option<Micros>,
    pub(super) currency: Option<&'static str>,
}

/// Why an event says nothing usable. The sentence names fields, and values only of the type and the currency.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) sentence: String,
    /// The lead, where it could be read.
    pub(super) lead_key: Option<String>,
}

/// Reads one event.
pub(super) fn read(system: &str, mapping: &CrmMapping, event: &Value) -> Result<ReadLead, Refusal> {
    let refuse = |code, sentence: String| Refusal { code, sentence, lead_key: None };
    if !event.is_object() {
        return Err(refuse("NOT_AN_OBJECT", "the event is not a JSON object".to_owned()));
    }
    let lead_id = identifier(event, &mapping.lead_id, "the lead's id")?
        .ok_or_else(|| refuse("FIELD_MISSING", format!("the lead's id ({}) is missing", mapping.lead_id)))?;
    let lead_key = lead_key(system, &lead_id);
    let read = || {
        let stage = stage(mapping, event)?;
        let occurred_at = present(event, &mapping.occurred_at).ok_or_else(|| {
            refuse("FIELD_MISSING", format!("the time of the event ({}) is missing", mapping.occurred_at))
        })?;
        let occurred_at = moment::parse(occurred_at).ok_or_else(|| {
            refuse(
                "TIME_INVALID",
                format!(
                    "the time of the event ({}) is not a moment with an offset from UTC",
                    mapping.occurred_at
                ),
            )
        })?;
        Ok(ReadLead {
            lead_key: lead_key.clone(),
            stage,
            occurred_at,
            campaign_id: identifier(event, &mapping.campaign, "the campaign")?,
            account_id: identifier(event, &mapping.account, "the ad account")?,
            amount: amount(event, &mapping.amount)?,
            currency: currency_of(event, &mapping.currency)?,
        })
    };
    read().map_err(|refusal: Refusal| Refusal { lead_key: Some(lead_key.clone()), ..refusal })
}

fn stage(mapping: &CrmMapping, event: &Value) -> Result<LeadStage, Refusal> {
    let refuse = |code, sentence| Refusal { code, sentence, lead_key: None };
    let name = present(event, &mapping.event_type).and_then(Value::as_str).ok_or_else(|| {
        refuse("FIELD_MISSING", format!("the type of the event ({}) is missing", mapping.event_type))
    })?;
    mapping.stages.get(name).copied().ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        refuse("TYPE_UNKNOWN", format!("no stage is mapped for events of type {name:?}"))
    })
}

/// An id as text: a string, or a whole number as older payloads have it.
fn identifier(event: &Value, pointer: &str, what: &str) -> Result<Option<String>, Refusal> {
    let invalid = |why: &str| Refusal {
        code: "ID_INVALID",
        sentence: format!("{what} ({pointer}) {why}"),
        lead_key: None,
    };
    match present(event, pointer) {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() > ID_BYTES_MAX => Err(invalid("is longer than 256 bytes")),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
        Some(_) => Err(invalid("is neither text nor a whole number")),
    }
}

fn amount(event: &Value, pointer: &str) -> Result<Option<Micros>, Refusal> {
    let refuse = |sentence| Refusal { code: "AMOUNT_INVALID", sentence, lead_key: None };
    let text = match present(event, pointer) {
        None => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(refuse(format!("the amount ({pointer}) is neither text nor a number"))),
    };
    let micros =
        Micros::parse(&text).map_err(|e| refuse(format!("the amount ({pointer}) is not usable: {e}")))?;
    if micros < Micros::ZERO {
        return Err(refuse(format!("the amount ({pointer}) is negative")));
    }
    Ok(Some(micros))
}

fn currency_of(event: &Value, pointer: &str) -> Result<Option<&'static str>, Refusal> {
    let Some(value) = present(event, pointer) else { return Ok(None) };
    value.as_str().and_then(|text| currency::parse(text.trim())).map(Some).ok_or_else(|| Refusal {
        code: "CURRENCY_UNKNOWN",
        sentence: format!("the currency ({pointer}) is not a code of ISO 4217"),
        lead_key: None,
    })
}

/// The value at a pointer, unless it is absent or null.
fn present<'v>(event: &'v Value, pointer: &str) -> Option<&'v Value> {
    event.pointer(pointer).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(event: &Value) -> Result<ReadLead, &'static str> {
        read("crm", &CrmMapping::default(), event).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_canonical_body_is_read_whole() {
        let event = json!({"type": "lead.won", "timestamp": "2026-10-02T05:00:00Z",
            "data": {"lead_id": "L:1", "campaign": 120_210_000_000_000_001_u64, "amount": "2500.10", "currency": "usd"}});
        let read = check(&event).unwrap();
        assert_eq!(read.lead_key, "crm:L%3A1");
        assert_eq!((read.stage, read.occurred_at), (LeadStage::Won, TimestampMs(1_790_917_200_000)));
        assert_eq!(read.campaign_id.as_deref(), Some("120210000000000001"));
        assert_eq!((read.amount, read.currency), (Some(Micros(2_500_100_000)), Some("USD")));
    }

    #[test]
    fn what_is_missing_or_wrong_has_its_own_reason() {
        let good = json!({"type": "lead.won", "timestamp": 1_790_917_200, "data": {"lead_id": "L"}});
        assert!(check(&good).is_ok());
        for (pointer, value, code) in [
            ("/type", json!(null), "FIELD_MISSING"),
            ("/type", json!("lead.sneezed"), "TYPE_UNKNOWN"),
            ("/timestamp", json!(null), "FIELD_MISSING"),
            ("/timestamp", json!("yesterday"), "TIME_INVALID"),
            ("/data/lead_id", json!(" "), "FIELD_MISSING"),
            ("/data/lead_id", json!(1.5), "ID_INVALID"),
            ("/data/lead_id", json!("x".repeat(257)), "ID_INVALID"),
            ("/data", json!({"lead_id": "L", "amount": "1.234,5"}), "AMOUNT_INVALID"),
            ("/data", json!({"lead_id": "L", "amount": -1}), "AMOUNT_INVALID"),
            ("/data", json!({"lead_id": "L", "amount": true}), "AMOUNT_INVALID"),
            ("/data", json!({"lead_id": "L", "currency": "QQQ"}), "CURRENCY_UNKNOWN"),
            ("/data", json!({"lead_id": "L", "campaign": []}), "ID_INVALID"),
        ] {
            let mut event = good.clone();
            *event.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(check(&event), Err(code), "{pointer} {value}");
        }
        assert_eq!(check(&json!([])), Err("NOT_AN_OBJECT"));
    }
}
