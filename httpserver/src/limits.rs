//! What one server grants its clients. Every field is a setting; unknown ones are refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ServeError;

/// What one server grants its clients. Times are milliseconds, sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The server's name in metrics, such as `api`. Given by the program, not by settings.
    #[serde(skip, default = "unnamed")]
    pub server: &'static str,
    /// Connections held at once; one more is answered 503 and closed.
    pub connections_max: u32,
    /// From the first byte of a request (or from accepting the connection) to the end of its header.
    pub header_timeout_ms: u64,
    /// Size of request line and header together, at least 8192.
    pub header_bytes_max: u32,
    /// Number of header fields.
    pub header_fields_max: u32,
    /// Time for the body to arrive, before [`body_rate_min`](Self::body_rate_min) grants more.
    pub body_timeout_ms: u64,
    /// Bytes per second: each second's worth that arrives extends the body's time by a second.
    pub body_rate_min: u64,
    /// Size of a request's body.
    pub body_bytes_max: u64,
    /// From the end of the header to the head of the response, whatever the body's rate.
    pub request_timeout_ms: u64,
    /// How long a client may take nothing of a response before it is given up.
    pub write_timeout_ms: u64,
    /// How long a connection is kept without a request.
    pub idle_timeout_ms: u64,
    /// How long requests under way may go on after the server was told to end.
    pub drain_timeout_ms: u64,
    /// Whether requests with `Content-Encoding` reach the handlers, which must then bound what they unpack.
    pub content_encoding_allowed: bool,
}

fn unnamed() -> &'static str {
    "http"
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            server: unnamed(),
            connections_max: 1_024,
            header_timeout_ms: 5_000,
            header_bytes_max: 16_384,
            header_fields_max: 64,
            body_timeout_ms: 10_000,
            body_rate_min: 1_024,
            body_bytes_max: 1_048_576,
            request_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            idle_timeout_ms: 60_000,
            drain_timeout_ms: 20_000,
            content_encoding_allowed: false,
        }
    }
}

impl Limits {
    /// The same limits under a name for metrics.
    #[must_use]
    pub fn named(mut self, server: &'static str) -> Self {
        self.server = server;
        self
    }

    /// # Errors
    /// When a limit would refuse every request, or never end one.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        let bounds = [
            ("connections_max", u64::from(self.connections_max), 1),
            ("header_timeout_ms", self.header_timeout_ms, 1),
            // hyper keeps a buffer of at least this size.
            ("header_bytes_max", u64::from(self.header_bytes_max), 8_192),
            ("header_fields_max", u64::from(self.header_fields_max), 1),
            ("body_timeout_ms", self.body_timeout_ms, 1),
            ("body_rate_min", self.body_rate_min, 1),
            ("request_timeout_ms", self.request_timeout_ms, 1),
            ("write_timeout_ms", self.write_timeout_ms, 1),
            ("idle_timeout_ms", self.idle_timeout_ms, 1),
        ];
        for (name, value, least) in bounds {
            if value < least {
                return Err(ServeError::Limit { name, value, least });
            }
        }
        Ok(())
    }

    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long a body may have taken when `received` bytes of it are here.
    pub(crate) fn body_time(&self, received: u64) -> Duration {
        let earned_ms = received.saturating_mul(1_000) / self.body_rate_min;
        Duration::from_millis(self.body_timeout_ms.saturating_add(earned_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_over_the_defaults_and_unknown_ones_are_refused() {
        let read: Limits = toml::from_str("body_bytes_max = 7\ncontent_encoding_allowed = true").unwrap();
        assert_eq!(read, Limits { body_bytes_max: 7, content_encoding_allowed: true, ..Limits::default() });
        assert!(toml::from_str::<Limits>("body_bytes = 7").is_err());
        assert!(toml::from_str::<Limits>("server = \"x\"").is_err());
    }

    #[test]
    fn a_body_earns_time_by_its_rate() {
        let limits = Limits { body_timeout_ms: 10, body_rate_min: 100, ..Limits::default() };
        assert_eq!(limits.body_time(0), Duration::from_millis(10));
        assert_eq!(limits.body_time(250), Duration::from_millis(2_510));
    }

    #[test]
    fn a_limit_that_refuses_everything_is_refused() {
        assert!(Limits::default().check().is_ok());
        let refused = Limits { connections_max: 0, ..Limits::default() }.check().unwrap_err();
        assert_eq!(refused.to_string(), "http limit `connections_max` is 0, it must be at least 1");
        assert!(Limits { header_bytes_max: 100, ..Limits::default() }.check().is_err());
    }
}
