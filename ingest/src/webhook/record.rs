//! One event of a body becomes one record: a raw event of its lead, or a dead letter.

use schemas::record::{DeadLetter, LeadReading, RawEvent, RawKind, Reading, Source};
use schemas::{TimestampMs, Topic};
use serde_json::Value;

use super::reading::{self, ReadLead, Refusal};
use super::{CrmSource, SourceClock};
use crate::{Ack, Record, RecordSink};

/// Hands the event to the sink. Gives back what to wait for, and the outcome and its reason for the metric.
pub(super) fn send<S: RecordSink>(
    sink: &S,
    source: &CrmSource,
    message_id: &str,
    bytes: &[u8],
    now: TimestampMs,
) -> (Ack, &'static str, &'static str) {
    // The body as a whole is JSON; what can still fail here is nesting beyond the parser's depth, or a
    // number beyond any float.
    let (event, read) = match serde_json::from_slice::<Value>(bytes) {
        Ok(event) => {
            let read = reading::read(&source.system, &source.mapping, &event);
            (event, read)
        }
        Err(_) => {
            let sentence = "the event is nested too deeply or has a number out of range".to_owned();
            (Value::Null, Err(Refusal { code: "JSON_UNREADABLE", sentence, lead_key: None }))
        }
    };
    let mapped;
    let payload = if source.keep_payload {
        bytes
    } else {
        mapped = source.mapping.mapped_only(&event).to_string();
        mapped.as_bytes()
    };
    match read {
        Ok(lead) => (accept(sink, source, message_id, payload, now, &lead), "accepted", ""),
        Err(refusal) => (refuse(sink, source, message_id, payload, now, &refusal), "refused", refusal.code),
    }
}

fn accept<S: RecordSink>(
    sink: &S,
    source: &CrmSource,
    message_id: &str,
    payload: &[u8],
    now: TimestampMs,
    lead: &ReadLead,
) -> Ack {
    let observed_at = match source.clock {
        SourceClock::Arrival => now,
        // A sender's clock may run ahead, or lie; the log's time follows what is observed.
        SourceClock::Data => lead.occurred_at.min(now),
    };
    let event = RawEvent {
        source: Source::Crm,
        kind: RawKind::Lead,
        platform: &source.platform,
        account_id: lead.account_id.as_deref().unwrap_or(&source.account_id),
        time_zone: None,
        currency: None,
        message_id,
        batch: None,
        observed_at,
        payload,
        reading: Some(Reading::LeadReading(LeadReading {
            lead_key: &lead.lead_key,
            stage: lead.stage,
            occurred_at: lead.occurred_at,
            campaign_id: lead.campaign_id.as_deref(),
            amount_micros: lead.amount,
            currency: lead.currency,
        })),
    };
    sink.send(Record::Raw { topic: Topic::RawCrm, key: &lead.lead_key, event: &event })
}

fn refuse<S: RecordSink>(
    sink: &S,
    source: &CrmSource,
    message_id: &str,
    payload: &[u8],
    now: TimestampMs,
    refusal: &Refusal,
) -> Ack {
    let sentence = if source.keep_payload {
        refusal.sentence.clone()
    } else {
        format!("{} (stored without the fields that are not mapped)", refusal.sentence)
    };
    let letter = DeadLetter {
        stage: "crm",
        reason_code: refusal.code,
        sentence: &sentence,
        origin: None,
        locator: &format!("{}:{message_id}", source.name),
        refused_at: now,
        key: refusal.lead_key.as_deref().map(str::as_bytes),
        payload,
        headers: Vec::new(),
    };
    sink.send(Record::Refused { key: refusal.lead_key.as_deref(), letter: &letter })
}
