//! Answers of the door: `application/problem+json` (RFC 9457), without internals.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::SinkError;

/// An error answer.
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), retry_after: None }
    }

    /// The one answer to an unknown source, a wrong signature and a stale timestamp.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not authorized",
            "the source is unknown or the request is not signed as Standard Webhooks asks",
        )
    }

    pub(super) fn overloaded(retry_after: Duration) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests",
            "send the same message again later",
        );
        problem.retry_after = Some(retry_after);
        problem
    }
}

impl From<SinkError> for Problem {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Overloaded { retry_after } => Self::overloaded(retry_after),
            SinkError::Unavailable { retry_after } => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "not written",
                    "the message was not acknowledged by the log; send the same message again later",
                );
                problem.retry_after = Some(retry_after);
                problem
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank", "title": self.title, "status": self.status.as_u16(), "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
        }
        response
    }
}
