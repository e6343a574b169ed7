//! What every request goes through, around the router: the refusals, the request's time, the shape of failures, the
//! security headers and the counting. It is laid inside the router, where the route's template is known.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::body::{BodyProgress, BoundedBody};
use crate::metrics::{REQUEST_DURATION_SECONDS, REQUESTS_TOTAL};
use crate::{Limits, Problem};

/// Set on every response unless the handler chose otherwise.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The router with the policy around each of its routes and its fallback.
pub(crate) fn around(router: Router, limits: Arc<Limits>) -> Router {
    router.layer(DefaultBodyLimit::disable()).layer(from_fn_with_state(limits, apply))
}

async fn apply(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let mut response = match refusal(&request, &limits) {
        Some(problem) => problem.into_response(),
        None => answer(request, next, &limits, &route).await,
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    let code = response.status().as_u16().to_string();
    metrics::counter!(REQUESTS_TOTAL, "server" => limits.server, "route" => route.clone(), "method" => method, "code" => code)
        .increment(1);
    metrics::histogram!(REQUEST_DURATION_SECONDS, "server" => limits.server, "route" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

/// Why a request does not reach its handler.
fn refusal(request: &Request, limits: &Limits) -> Option<Problem> {
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Some(Problem::of_status(StatusCode::METHOD_NOT_ALLOWED));
    }
    if !limits.content_encoding_allowed && is_encoded(request.headers()) {
        return Some(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "This server takes bodies without Content-Encoding only.",
        ));
    }
    let announced = request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    (announced > limits.body_bytes_max).then(|| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Runs the handler within its time and gives failures their one shape.
async fn answer(request: Request, next: Next, limits: &Arc<Limits>, route: &str) -> Response {
    let progress = BodyProgress::default();
    let request = request.map(|body| Body::new(BoundedBody::new(body, limits.clone(), progress.clone())));
    let outcome = tokio::time::timeout(limits.request_timeout(), catch_panic(next.run(request))).await;
    let response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(
                server = limits.server,
                route,
                panic = panic_text(&*panic),
                "a request's handler panicked"
            );
            return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        }
        Err(_) if progress.is_reading() => {
            return Problem::of_status(StatusCode::REQUEST_TIMEOUT).into_response();
        }
        Err(_) => {
            tracing::warn!(
                server = limits.server,
                route,
                limit_ms = limits.request_timeout_ms,
                "a request took too long"
            );
            return Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(5).into_response();
        }
    };
    if !response.status().is_success()
        && let Some(status) = progress.fault()
    {
        return Problem::of_status(status).into_response();
    }
    as_problem(response)
}

/// Replaces what the framework says of a failure; a handler that has something to say answers with a [`Problem`] or
/// with JSON of its own.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if kind.starts_with(b"application/problem+json") || kind.starts_with(b"application/json") {
        return response;
    }
    let mut problem = Problem::of_status(status).into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// Polls a future and turns its panic into an error, so that the other requests of the connection live on.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        // What the handler shares with others is behind locks that poison; nothing of the future is polled again.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

/// The method as a label; a client must not be able to invent series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
