//! A client of the Confluent schema registry's REST interface. Blocking, because it is asked a dozen times in a
//! process's life: at the start, and when a record names a schema that was never met.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::RegistryError;

const TIMEOUT: Duration = Duration::from_secs(10);
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// No schema of ours is near; a larger answer is not a schema.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// How far a subject's schemas may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// A new schema reads everything written with any earlier one. What adpulse asks for.
    BackwardTransitive,
}

impl Compatibility {
    const fn name(self) -> &'static str {
        match self {
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
        }
    }
}

/// A schema registry, found by its base address such as `http://registry:8081`.
#[derive(Clone)]
pub struct RegistryClient {
    agent: ureq::Agent,
    base: String,
    shown: String,
    authorization: Option<String>,
}

impl std::fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryClient").field("url", &self.shown).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct SchemaText<'a> {
    schema: &'a str,
    #[serde(rename = "schemaType")]
    schema_type: &'static str,
}

#[derive(Deserialize)]
struct SchemaId {
    id: u32,
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

#[derive(Serialize)]
struct ConfigBody {
    compatibility: &'static str,
}

impl RegistryClient {
    /// A client of the registry at `url`, with the value of an `Authorization` header if it asks for one.
    #[must_use]
    pub fn new(url: &str, authorization: Option<String>) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        let base = url.trim_end_matches('/').to_owned();
        let shown = match base.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
            None => base.clone(),
        };
        Self { agent, base, shown, authorization }
    }

    /// The address without credentials.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Registers a schema under a subject that keeps [`Compatibility::BackwardTransitive`]; the id of one that is
    /// there already is returned as it is.
    ///
    /// # Errors
    /// When the registry does not answer or refuses, above all as incompatible.
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        if let Ok(id) = self.find(subject, schema) {
            return Ok(id);
        }
        let mode = Compatibility::BackwardTransitive;
        let subject_path = escape(subject);
        let path = format!("/config/{subject_path}");
        let (status, body) = self.send("PUT", &path, Some(&ConfigBody { compatibility: mode.name() }))?;
        if !(200..300).contains(&status) {
            return Err(refused(status, &path, &body));
        }
        let path = format!("/subjects/{subject_path}/versions");
        let (status, body) = self.send("POST", &path, Some(&SchemaText { schema, schema_type: "AVRO" }))?;
        match status {
            200..300 => self.read::<SchemaId>(&path, &body).map(|answer| answer.id),
            409 => Err(RegistryError::Incompatible {
                subject: subject.to_owned(),
                reason: message(&body),
                mode: mode.name(),
            }),
            _ => Err(refused(status, &path, &body)),
        }
    }

    /// The id of a schema that is registered under a subject.
    ///
    /// # Errors
    /// When the registry does not answer, or does not have it.
    pub fn find(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}", escape(subject));
        let (status, body) = self.send("POST", &path, Some(&SchemaText { schema, schema_type: "AVRO" }))?;
        match status {
            200..300 => self.read::<SchemaId>(&path, &body).map(|answer| answer.id),
            _ => Err(refused(status, &path, &body)),
        }
    }

    /// The schema of an id, or `None` when the registry knows none.
    ///
    /// # Errors
    /// When the registry does not answer or refuses to say.
    pub fn schema_by_id(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let path = format!("/schemas/ids/{id}");
        let (status, body) = self.send("GET", &path, None::<&()>)?;
        match status {
            200..300 => self.read::<SchemaAnswer>(&path, &body).map(|answer| Some(answer.schema)),
            404 => Ok(None),
            _ => Err(refused(status, &path, &body)),
        }
    }

    /// Asks for the list of subjects, to see that the registry answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn ping(&self) -> Result<(), RegistryError> {
        match self.send("GET", "/subjects", None::<&()>)? {
            (200..300, _) => Ok(()),
            (status, body) => Err(refused(status, "/subjects", &body)),
        }
    }

    fn send<B: Serialize>(
        &self,
        method: &str,
        path: &str,
        body: Option<&B>,
    ) -> Result<(u16, String), RegistryError> {
        let unreachable = |reason: String| RegistryError::Unreachable { url: self.shown.clone(), reason };
        let body = body.map(serde_json::to_vec).transpose().map_err(|e| unreachable(e.to_string()))?;
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("accept", CONTENT_TYPE)
            .header("content-type", CONTENT_TYPE);
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        let answer = match body {
            Some(body) => request.body(body).map(|r| self.agent.run(r)),
            None => request.body(()).map(|r| self.agent.run(r)),
        };
        let mut answer =
            answer.map_err(|e| unreachable(e.to_string()))?.map_err(|e| unreachable(e.to_string()))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .map_err(|e| unreachable(e.to_string()))?;
        Ok((answer.status().as_u16(), text))
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, path: &str, body: &str) -> Result<T, RegistryError> {
        serde_json::from_str(body).map_err(|e| RegistryError::Unreachable {
            url: self.shown.clone(),
            reason: format!("the answer to {path} is not the registry's: {e}"),
        })
    }
}

fn refused(status: u16, what: &str, body: &str) -> RegistryError {
    RegistryError::Refused { status, what: what.to_owned(), reason: message(body) }
}

/// The registry's own words, or the start of whatever else answered.
fn message(body: &str) -> String {
    match serde_json::from_str::<Refusal>(body) {
        Ok(refusal) if !refusal.message.is_empty() => refusal.message,
        _ => body.chars().take(200).collect(),
    }
}

/// Percent-escapes a subject for use as one path segment.
fn escape(subject: &str) -> String {
    use std::fmt::Write as _;
    subject.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
        out
    })
}
