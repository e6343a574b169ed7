//! What a request fails with, and what the caller of the API is told.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use deadpool_postgres::PoolError;
use httpserver::Problem;
use tokio_postgres::error::SqlState;

/// Why the API could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request is at fault; the sentence is for its sender.
    #[error("the request was refused: {0}")]
    Refused(String),
    /// There is no such thing.
    #[error("not found: {0}")]
    NotFound(String),
    /// Postgres cannot be reached, is starting, or is too slow: the same request may work later.
    #[error("postgres is unavailable: {0}")]
    Unavailable(String),
    /// Postgres refused the query, or a row is not as this program expects it: run the migrations of this version.
    #[error("postgres refused a query: {0}")]
    Query(#[source] tokio_postgres::Error),
}

impl ApiError {
    /// How the failure is counted.
    pub(crate) fn outcome(&self) -> &'static str {
        if matches!(self, Self::Unavailable(_)) { "unavailable" } else { "failed" }
    }
}

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for ApiError {
    fn from(error: tokio_postgres::Error) -> Self {
        // The text of the driver's error is only its kind; what happened is in its source.
        let source = std::error::Error::source(&error);
        let told = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        let passes = match error.code() {
            // No answer from the server at all: the connection was refused, reset or ended.
            None => error.is_closed() || source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>),
            Some(state) => [
                SqlState::QUERY_CANCELED,
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::T_R_SERIALIZATION_FAILURE,
            ]
            .contains(state),
        };
        if passes { Self::Unavailable(told) } else { Self::Query(error) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = match &self {
            Self::Refused(sentence) => Problem::new(StatusCode::BAD_REQUEST, sentence.clone()),
            Self::NotFound(sentence) => Problem::new(StatusCode::NOT_FOUND, sentence.clone()),
            Self::Unavailable(_) => {
                tracing::warn!(error = %self, "a request could not be answered");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The store is not available at the moment.")
                    .retry_after(5)
            }
            Self::Query(source) => {
                tracing::error!(error = ?source, "a request failed");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The store could not answer this request.")
            }
        };
        problem.into_response()
    }
}
