//! The CRM door: `POST /webhooks/crm/{source}` takes one lead event or an array of them, signed as Standard Webhooks
//! asks, and answers 2xx only after the log has acknowledged every one.
//!
//! It refuses what is not signed (401, the same for an unknown source), not JSON (400), too large (413), compressed
//! (415), another method (405); it passes on that the log is down (503) or behind (429), with `Retry-After`. One bad
//! event among good ones does not fail the request, because no retry would cure it: it becomes a dead letter.
//! Personal data stays outside: see [`CrmMapping`] and [`CrmSource::keep_payload`]. The binary mounts [`router`].

mod mapping;
mod moment;
mod problem;
mod reading;
mod record;
mod standard;
#[cfg(test)]
mod properties;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, Limited};
use metrics::counter;
use schemas::TimestampMs;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

pub use mapping::CrmMapping;
pub use standard::{Secret, sign};

use crate::{Ack, RecordSink, SourceError, metrics as names};
use problem::Problem;
use standard::Forged;

/// One sender of lead events.
#[derive(Clone, Debug)]
pub struct CrmSource {
    /// The last segment of its address.
    pub name: String,
    /// Active signing secrets, at least one; several while one is being rotated out.
    pub secrets: Vec<Secret>,
    /// First part of the lead key. Two senders that speak of the same leads share it.
    pub system: String,
    /// Ad platform of the campaigns that its events name.
    pub platform: String,
    /// Ad account of those campaigns, unless the event names one.
    pub account_id: String,
    /// Where the fields are.
    pub mapping: CrmMapping,
    /// Store bodies exactly as received, personal data included. Off by default: then only mapped fields are stored,
    /// in records and in dead letters.
    pub keep_payload: bool,
    /// What `observed_at` is.
    pub clock: SourceClock,
}

/// Whose clock says when an event was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceClock {
    /// The moment of arrival.
    #[default]
    Arrival,
    /// The event's own time, for history that is posted later.
    Data,
}

/// Limits of the door.
#[derive(Clone, Copy, Debug)]
pub struct CrmLimits {
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// Most events in one body.
    pub events_max: usize,
    /// Most requests being written at the same time; beyond it the answer is 429.
    pub in_flight_max: usize,
    /// How far `webhook-timestamp` may lie from the arrival, in seconds, either way.
    pub tolerance_s: u64,
    /// What a 429 of the door's own says in `Retry-After`.
    pub retry_after: Duration,
}

impl Default for CrmLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 256 * 1024,
            events_max: 1_000,
            in_flight_max: 256,
            tolerance_s: 300,
            retry_after: Duration::from_secs(1),
        }
    }
}

/// Reads one stored event with a source's present mapping, as the door would if it arrived at `at`, and hands what becomes of it
/// to the sink. Returns the reason if it is refused, otherwise nothing.
pub fn read_again<S: RecordSink>(
    sink: &S,
    source: &CrmSource,
    message_id: &str,
    event: &[u8],
    at: TimestampMs,
) -> &'static str {
    // The sink takes the record before it returns; nobody waits for an acknowledgement here.
    let (ack, _, reason) = record::send(sink, source, message_id, event, at);
    drop(ack);
    reason
}

/// Says what time it is at arrival.
pub type Now = Arc<dyn Fn() -> TimestampMs + Send + Sync>;

struct Door<S> {
    sources: HashMap<String, CrmSource>,
    limits: CrmLimits,
    /// Checked in place of the secrets of a source that does not exist, so that the answer takes as long.
    nobody: Vec<Secret>,
    in_flight: Semaphore,
    now: Now,
    sink: S,
}

/// The route of the door, for the binary's HTTP server.
///
/// # Errors
/// When a source has no secret, no name, a name twice, or a mapping that cannot work.
pub fn router<S: RecordSink>(
    sources: Vec<CrmSource>,
    limits: CrmLimits,
    now: Now,
    sink: S,
) -> Result<Router, SourceError> {
    let mut by_name = HashMap::new();
    for source in sources {
        source.check()?;
        let name = source.name.clone();
        if by_name.insert(name.clone(), source).is_some() {
            return Err(SourceError::Invalid { name, reason: "the name is used twice".to_owned() });
        }
    }
    let door = Door {
        sources: by_name,
        limits,
        nobody: vec![Secret::from_bytes(&[0; 32])?],
        in_flight: Semaphore::new(limits.in_flight_max),
        now,
        sink,
    };
    let refuse_method = || async {
        let mut response =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", "use POST").into_response();
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        response
    };
    Ok(Router::new()
        .route("/webhooks/crm/{source}", post(receive::<S>).fallback(refuse_method))
        .with_state(Arc::new(door)))
}

async fn receive<S: RecordSink>(
    State(door): State<Arc<Door<S>>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match door.receive(&source, &headers, body).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err((reason, problem)) => {
            counter!(names::CRM_REFUSED_REQUESTS, "reason" => reason).increment(1);
            problem.into_response()
        }
    }
}

impl<S: RecordSink> Door<S> {
    async fn receive(
        &self,
        source: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), (&'static str, Problem)> {
        let _permit = self
            .in_flight
            .try_acquire()
            .map_err(|_| ("in_flight", Problem::overloaded(self.limits.retry_after)))?;
        let body = self.read_body(headers, body).await?;
        let now = (self.now)();
        let known = self.sources.get(source);
        let secrets = known.map_or(&self.nobody, |source| &source.secrets);
        let verified = standard::verify(headers, &body, now, self.limits.tolerance_s, secrets);
        let (source, id) = match (known, verified) {
            (Some(source), Ok(id)) => (source, id),
            (None, _) => return Err((Forged::Source.reason(), Problem::unauthorized())),
            (_, Err(forged)) => return Err((forged.reason(), Problem::unauthorized())),
        };
        fail::fail_point!("ingest.after_auth");
        let events = self.split(&body)?;
        let mut acks: Vec<(Ack, &'static str, &'static str)> = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let id = if events.len() == 1 { id.to_owned() } else { format!("{id}#{index}") };
            acks.push(record::send(&self.sink, source, &id, event, now));
        }
        fail::fail_point!("ingest.before_ack");
        for (ack, outcome, reason) in acks {
            ack.await.map_err(|error| ("not_written", Problem::from(error)))?;
            counter!(names::CRM_EVENTS, "outcome" => outcome, "reason" => reason).increment(1);
        }
        fail::fail_point!("ingest.before_reply");
        Ok(())
    }

    async fn read_body(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, (&'static str, Problem)> {
        // A compressed body would have to be limited once more after decompression; no CRM of ours sends one.
        if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let detail = "send the body without Content-Encoding";
            return Err((
                "encoding",
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed body", detail),
            ));
        }
        let limit = self.limits.body_bytes_max;
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large(limit, "bytes")),
            Err(_) => Err((
                "body",
                Problem::new(StatusCode::BAD_REQUEST, "incomplete body", "the body ended before its length"),
            )),
        }
    }

    /// The bytes of each event of a body, exactly as they stand in it.
    fn split<'b>(&self, body: &'b [u8]) -> Result<Vec<&'b [u8]>, (&'static str, Problem)> {
        let invalid = |detail| ("json", Problem::new(StatusCode::BAD_REQUEST, "not readable", detail));
        if body.trim_ascii_start().first() != Some(&b'[') {
            serde_json::from_slice::<&RawValue>(body).map_err(|_| invalid("the body is not JSON"))?;
            return Ok(vec![body]);
        }
        let events: Vec<&RawValue> =
            serde_json::from_slice(body).map_err(|_| invalid("the body is not JSON"))?;
        if events.len() > self.limits.events_max {
            return Err(too_large(self.limits.events_max, "events"));
        }
        Ok(events.into_iter().map(|event| event.get().as_bytes()).collect())
    }
}

fn too_large(limit: usize, what: &str) -> (&'static str, Problem) {
    let detail = format!("a body may have {limit} {what}");
    ("too_large", Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too large", detail))
}

impl CrmSource {
    /// A source of canonical bodies: its system is its name, its platform `facebook`, and it stores mapped fields.
    #[must_use]
    pub fn new(name: &str, account_id: &str, secrets: Vec<Secret>) -> Self {
        Self {
            name: name.to_owned(),
            secrets,
            system: name.to_owned(),
            platform: "facebook".to_owned(),
            account_id: account_id.to_owned(),
            mapping: CrmMapping::default(),
            keep_payload: false,
            clock: SourceClock::Arrival,
        }
    }

    fn check(&self) -> Result<(), SourceError> {
        let reason = if self.name.is_empty() || self.name.contains('/') {
            "a name is one segment of an address".to_owned()
        } else if self.secrets.is_empty() {
            "there is no signing secret; without one anybody could write".to_owned()
        } else if self.system.is_empty() || self.platform.is_empty() || self.account_id.is_empty() {
            "system, platform and account_id must not be empty: they are parts of keys".to_owned()
        } else if let Some(defect) = self.mapping.defect() {
            defect
        } else {
            return Ok(());
        };
        Err(SourceError::Invalid { name: self.name.clone(), reason })
    }
}

impl<S> fmt::Debug for Door<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
