//! The webhook door from outside: signed requests, sent as often as it takes, and what was answered.

use std::time::Duration;

use ingest::webhook::{Secret, sign};
use ureq::Agent;

use super::now;
use super::wait::until;

/// A sender's side of the door.
pub struct Door {
    url: String,
    secret: Secret,
    agent: Agent,
}

/// An answer. Status 0 is none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: String,
}

impl Door {
    pub(super) fn new(address: &str, crm: &str, secret: Secret) -> Self {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            // A door that was killed may leave a connection half open.
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Self { url: format!("http://{address}/webhooks/crm/{crm}"), secret, agent }
    }

    /// The same door with another secret: what it signs is forged.
    #[must_use]
    pub fn forged(mut self) -> Self {
        self.secret = Secret::from_bytes(&[7; 32]).unwrap();
        self
    }

    /// Posts once, signed now.
    pub fn post(&self, id: &str, body: &[u8]) -> Answer {
        let timestamp = now().0 / 1_000;
        let request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", sign(&self.secret, id, timestamp, body));
        let Ok(mut answer) = request.send(body) else {
            return Answer { status: 0, retry_after: None, body: String::new() };
        };
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let body = answer.body_mut().read_to_string().unwrap_or_default();
        Answer { status: answer.status().as_u16(), retry_after, body }
    }

    /// Posts as a sender does: the same message again until it is taken.
    pub fn deliver(&self, id: &str, body: &[u8]) {
        until(&format!("{} takes {id}", self.url), || {
            let answer = self.post(id, body);
            match answer.status {
                200..300 => Some(()),
                0 | 429 | 503 => None,
                _ => panic!("{} answered {answer:?} to {id}", self.url),
            }
        });
    }

    /// Delivers many messages, several at a time.
    pub fn deliver_all(&self, messages: &[(String, Vec<u8>)]) {
        const SENDERS: usize = 16;
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                scope.spawn(move || {
                    for (id, body) in messages.iter().skip(sender).step_by(SENDERS) {
                        self.deliver(id, body);
                    }
                });
            }
        });
    }
}
