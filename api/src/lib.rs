//! The read-only HTTP API and the dashboard, over what the Postgres sink keeps.
//!
//! It promises that a figure reads here exactly as it is stored, that every list is bounded and can be read on with a
//! cursor, and that a failure says what the caller can do. It refuses to write anything, and query parameters it
//! does not know. The binary's `serve` role joins [`router`] to `httpserver`.
//!
//! | address | answer |
//! |---|---|
//! | `/` | the dashboard |
//! | `/api/campaigns` | campaigns with their scores, sorted and filtered |
//! | `/api/campaigns/{key}` | one of them, with its days, reasons and firing alerts, its account's included |
//! | `/api/recommendations` | announced recommendations, newest first |
//! | `/api/alerts` | alerts that are firing, the most severe first; `history=true`: all, newest first |
//! | `/livez`, `/readyz`, `/healthz` | the process; its dependencies; the same as `/livez` |
//! | `/metrics` | Prometheus |

mod alerts;
mod campaigns;
mod dashboard;
mod error;
mod health;
pub mod metrics;
mod pool;
mod query;
mod readiness;
mod recommendations;
mod value;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use deadpool_postgres::Pool;

pub use error::ApiError;
pub use health::{Renderer, health_router};
pub use readiness::{CheckState, Readiness, ReadinessBuilder};

/// What the API needs from the binary.
#[derive(Clone)]
pub struct ApiState {
    /// Connections to the store that cannot write, as `sink::postgres::pool` makes them.
    pub pool: Pool,
    /// The dependencies' checks; the binary runs them with [`Readiness::run`].
    pub readiness: Arc<Readiness>,
    /// Renders the process's metrics in Prometheus' text format.
    pub metrics: Renderer,
}

/// Every address of the API.
pub fn router(state: ApiState) -> Router {
    let data = Router::new()
        .route("/api/campaigns", get(campaigns::list))
        .route("/api/campaigns/{key}", get(campaigns::detail))
        .route("/api/recommendations", get(recommendations::list))
        .route("/api/alerts", get(alerts::list))
        .with_state(state.pool);
    data.merge(dashboard::router()).merge(health_router(state.readiness, state.metrics))
}
