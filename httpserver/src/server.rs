//! The accept loop: one task per connection, a cap on their number, and an end that lets requests finish.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::connection::{Clock, GuardedBody, TimedStream};
use crate::{Limits, ServeError, metrics, policy};

/// What a client beyond the cap is told; written without waiting for it.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// Pause after a failure to accept, such as running out of file descriptors, which the next try would only repeat.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown`, then stops accepting and gives the requests under way
/// [`Limits::drain_timeout_ms`] to finish.
///
/// # Errors
/// [`ServeError::Limit`] before anything is accepted, [`ServeError::Drain`] when requests had to be cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    limits.check()?;
    let limits = Arc::new(limits);
    let router = policy::around(router, limits.clone());
    metrics::start(limits.server);
    let slots = Arc::new(Semaphore::new(limits.connections_max as usize));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            // Collects ended connections, so that the set holds open ones only.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match slots.clone().try_acquire_owned() {
                Ok(slot) => {
                    connections.spawn(connection(
                        stream,
                        slot,
                        router.clone(),
                        limits.clone(),
                        shutdown.clone(),
                    ));
                }
                Err(_) => refuse(&stream, limits.server),
            },
            // The client gave up before it was accepted.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                ::metrics::counter!(metrics::ACCEPT_ERRORS_TOTAL, "server" => limits.server).increment(1);
                tracing::warn!(server = limits.server, %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain(connections, &limits).await
}

/// Answers a client beyond the cap with what its socket takes at once.
fn refuse(stream: &TcpStream, server: &'static str) {
    metrics::closed(server, "refused");
    if let Err(error) = stream.try_write(FULL) {
        tracing::debug!(server, %error, "a refused client was not told so");
    }
}

async fn drain(mut connections: JoinSet<()>, limits: &Limits) -> Result<(), ServeError> {
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(limits.drain_timeout_ms), all_done).await.is_ok() {
        return Ok(());
    }
    let open = connections.len();
    connections.shutdown().await;
    for _ in 0..open {
        metrics::closed(limits.server, "cut_off");
    }
    Err(ServeError::Drain { open, waited_ms: limits.drain_timeout_ms })
}

/// Counts a connection while it lives, also when its task is aborted.
struct Open(&'static str);

impl Open {
    fn new(server: &'static str) -> Self {
        ::metrics::gauge!(metrics::CONNECTIONS, "server" => server).increment(1.0);
        Self(server)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        ::metrics::gauge!(metrics::CONNECTIONS, "server" => self.0).decrement(1.0);
    }
}

async fn connection(
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
    router: Router,
    limits: Arc<Limits>,
    shutdown: CancellationToken,
) {
    let _open = Open::new(limits.server);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(server = limits.server, %error, "could not turn Nagle's algorithm off");
    }
    let clock = Clock::start();
    let service_clock = clock.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let guard = service_clock.request();
        let response = router.clone().oneshot(request.map(Body::new));
        async move {
            let response = response.await?;
            Ok::<_, Infallible>(response.map(|inner| GuardedBody { inner, _guard: guard }))
        }
    });
    let io = TokioIo::new(TimedStream::new(stream, clock.clone(), limits.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The socket's own clock tells a header that does not come from a connection that is idle.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes_max as usize)
        .max_headers(limits.header_fields_max as usize)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    let reason = match (outcome, clock.expired()) {
        (_, Some(reason)) => reason,
        (Ok(()), None) => "done",
        (Err(error), None) => {
            tracing::debug!(server = limits.server, %error, "a connection ended badly");
            "error"
        }
    };
    metrics::closed(limits.server, reason);
}
