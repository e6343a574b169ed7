//! The webhook door from outside: one attempt at a time, signed as senders sign.

use std::time::Duration;

use ingest::webhook::{Secret, sign};

use crate::now;
use crate::site::SECRET;

/// The webhook door from outside.
pub struct Door {
    url: String,
    address: String,
    secret: Secret,
    agent: ureq::Agent,
}

impl Door {
    /// The door of an installation.
    ///
    /// # Errors
    /// Never: the secret is well formed.
    pub fn new(address: &str) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        // A door that was killed or frozen may leave a connection half open.
        let agent = config.timeout_global(Some(Duration::from_secs(5))).build().into();
        let url = format!("http://{address}/webhooks/crm/sample");
        Ok(Self { url, address: address.to_owned(), secret: SECRET.parse()?, agent })
    }

    pub(super) fn forged(&self) -> anyhow::Result<Self> {
        Ok(Self { secret: Secret::from_bytes(&[7; 32])?, ..Self::new(&self.address)? })
    }

    /// Posts once, signed now. Status 0 is no answer.
    #[must_use]
    pub fn post(&self, id: &str, body: &[u8]) -> u16 {
        let timestamp = now().0 / 1_000;
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp.to_string());
        let sent = request.header("webhook-signature", sign(&self.secret, id, timestamp, body)).send(body);
        sent.map_or(0, |answer| answer.status().as_u16())
    }
}
