//! The dashboard: one page and its few files, compiled in. It talks to this server alone, and its
//! Content-Security-Policy holds it to that: no inline script or style, nothing from another host.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use httpserver::Problem;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, content type and bytes of every file under `/assets`.
const ASSETS: [(&str, &str, &str); 7] = [
    ("dashboard.css", CSS, include_str!("assets/dashboard.css")),
    ("main.js", SCRIPT, include_str!("assets/main.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("list.js", SCRIPT, include_str!("assets/list.js")),
    ("detail.js", SCRIPT, include_str!("assets/detail.js")),
    ("chart.js", SCRIPT, include_str!("assets/chart.js")),
    ("icon.svg", SVG, include_str!("assets/icon.svg")),
];

pub(crate) fn router() -> Router {
    Router::new().route("/", get(page)).route("/assets/{name}", get(asset))
}

async fn page() -> Response {
    file(HTML, include_str!("assets/index.html"))
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, text)) => file(kind, text),
        None => Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.").into_response(),
    }
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Asked for anew each time: the files belong together, and a new version replaces all of them at once.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
