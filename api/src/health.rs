//! `/livez`, `/readyz`, `/healthz` and `/metrics`, which every role serves.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::Readiness;

/// Renders a process's metrics.
pub type Renderer = Arc<dyn Fn() -> String + Send + Sync>;

/// The addresses for those who watch a process. The binary serves them alone for roles without another HTTP address.
pub fn health_router(readiness: Arc<Readiness>, metrics: Renderer) -> Router {
    let readyz = get(ready).with_state(readiness);
    let rendered = get(move || {
        let metrics = metrics.clone();
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics()) }
    });
    Router::new()
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/readyz", readyz)
        .route("/metrics", rendered)
}

/// The process runs and answers. A dependency's outage is not a reason to restart it.
async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let checks = readiness.states();
    let ready = checks.values().all(|check| check.ready);
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let status = if ready { "ready" } else { "unready" };
    (code, Json(serde_json::json!({ "status": status, "checks": checks }))).into_response()
}
