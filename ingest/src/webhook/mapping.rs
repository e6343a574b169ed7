//! Where a source keeps what adpulse needs: JSON pointers, names of its event types, and what may be stored.
//!
//! Personal data stays at the door: unless a source says `keep_payload`, only the mapped fields of an event are
//! stored, in the shape the source sent them, and everything else in the body is dropped before it reaches the log.

use std::collections::BTreeMap;

use schemas::record::LeadStage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// JSON pointers (RFC 6901) into one event, and the stages its types stand for. The default is the canonical body:
/// `{"type":"lead.won","timestamp":"…","data":{"lead_id":"…","campaign":"…","amount":"123.45","currency":"EUR"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrmMapping {
    /// The type of the event, which names the stage. Required in every event.
    pub event_type: String,
    /// When it happened: RFC 3339, also with an offset such as `-0700`, or epoch seconds or milliseconds. Required.
    pub occurred_at: String,
    /// The lead's id at the source. Required. It is stored and becomes part of the key: map an id, not an address.
    pub lead_id: String,
    /// The campaign's id at the ad platform.
    pub campaign: String,
    /// The ad account, where the events say it; otherwise it is the source's.
    pub account: String,
    /// Amount of a won deal, decimal text or number in major units.
    pub amount: String,
    /// ISO 4217 currency of the amount.
    pub currency: String,
    /// The stage that each type stands for.
    pub stages: BTreeMap<String, LeadStage>,
}

impl Default for CrmMapping {
    fn default() -> Self {
        let stages = [
            ("lead.created", LeadStage::Created),
            ("lead.qualified", LeadStage::Qualified),
            ("lead.disqualified", LeadStage::Disqualified),
            ("lead.won", LeadStage::Won),
            ("lead.lost", LeadStage::Lost),
        ];
        Self {
            event_type: "/type".to_owned(),
            occurred_at: "/timestamp".to_owned(),
            lead_id: "/data/lead_id".to_owned(),
            campaign: "/data/campaign".to_owned(),
            account: "/data/account".to_owned(),
            amount: "/data/amount".to_owned(),
            currency: "/data/currency".to_owned(),
            stages: stages.into_iter().map(|(name, stage)| (name.to_owned(), stage)).collect(),
        }
    }
}

impl CrmMapping {
    fn pointers(&self) -> [&str; 7] {
        [
            &self.event_type,
            &self.occurred_at,
            &self.lead_id,
            &self.campaign,
            &self.account,
            &self.amount,
            &self.currency,
        ]
    }

    /// What is wrong with the mapping, if anything.
    pub(super) fn defect(&self) -> Option<String> {
        if let Some(pointer) = self.pointers().into_iter().find(|pointer| !pointer.starts_with('/')) {
            return Some(format!("{pointer:?} is not a JSON pointer; write it as /data/lead_id"));
        }
        self.stages.is_empty().then(|| "the mapping names no stages; no event could be read".to_owned())
    }

    /// The event with nothing but the mapped fields, in the places where they were.
    pub(super) fn mapped_only(&self, event: &Value) -> Value {
        let paths: Vec<Vec<String>> = self.pointers().into_iter().map(tokens).collect();
        let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        keep(event, &paths).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// The part of a value that the paths lead to. Only scalars are kept at a path's end: an object there would be
/// something that nobody mapped.
fn keep(value: &Value, paths: &[&[String]]) -> Option<Value> {
    let below = |token: &str| -> Vec<&[String]> {
        paths
            .iter()
            .filter(|path| path.first().is_some_and(|first| first == token))
            .map(|path| &path[1..])
            .collect()
    };
    match value {
        Value::Object(map) => {
            let kept: Map<String, Value> = map
                .iter()
                .filter_map(|(name, value)| keep(value, &below(name)).map(|value| (name.clone(), value)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<Option<Value>> = items
                .iter()
                .enumerate()
                .map(|(index, item)| keep(item, &below(&index.to_string())))
                .collect();
            let end = kept.iter().rposition(Option::is_some)?;
            Some(Value::Array(kept.into_iter().take(end + 1).map(Option::unwrap_or_default).collect()))
        }
        scalar => paths.iter().any(|path| path.is_empty()).then(|| scalar.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_mapped_fields_are_stored_and_they_keep_their_places() {
        let mapping = CrmMapping {
            campaign: "/data/tags/1".to_owned(),
            lead_id: "/data/a~1b".to_owned(),
            ..CrmMapping::default()
        };
        let event = json!({
            "type": "lead.won", "timestamp": 1, "email": "a@example.org",
            "data": {"a/b": "L-1", "phone": "+1", "tags": ["secret", "c1", "secret"], "amount": {"raw": "secret"}},
        });
        let stored = mapping.mapped_only(&event);
        assert_eq!(
            stored,
            json!({"type": "lead.won", "timestamp": 1, "data": {"a/b": "L-1", "tags": [null, "c1"]}})
        );
        let again = mapping.mapped_only(&stored);
        assert_eq!(again, stored, "what is stored reads the same when it is replayed through the door");
        assert_eq!(mapping.mapped_only(&json!("a@example.org")), json!({}));
    }

    #[test]
    fn a_pointer_without_a_slash_is_refused() {
        assert_eq!(CrmMapping::default().defect(), None);
        assert!(CrmMapping { lead_id: "id".to_owned(), ..CrmMapping::default() }.defect().is_some());
        assert!(CrmMapping { stages: BTreeMap::new(), ..CrmMapping::default() }.defect().is_some());
    }
}
