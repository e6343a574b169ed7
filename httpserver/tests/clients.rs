//! Clients that misbehave, and what they get: spoken over raw sockets, because no HTTP client sends such things.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use httpserver::{Limits, ServeError, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A bound that only a hanging server exceeds.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), ServeError>>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (slow_entered, slow_release) = (entered.clone(), release.clone());
        let router = Router::new()
            .route("/echo", post(|body: Bytes| async move { body }))
            .route("/hello/{name}", get(|| async { "hello" }))
            .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
            .route("/panic", get(|| async { panics() }))
            .route("/framed", get(|| async { (HeaderMap::from_iter([framed_by_itself()]), "x") }))
            .route(
                "/slow",
                get(move || async move {
                    slow_entered.notify_one();
                    slow_release.notified().await;
                    "finished"
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
        Self { address, shutdown, running, entered, release }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and returns everything that comes until the server closes it.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_close(&mut stream).await
    }

    async fn end(self) -> Result<(), ServeError> {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("the server ends").unwrap()
    }
}

fn panics() -> &'static str {
    panic!("a secret of the inside")
}

fn framed_by_itself() -> (axum::http::HeaderName, axum::http::HeaderValue) {
    (axum::http::header::X_FRAME_OPTIONS, axum::http::HeaderValue::from_static("SAMEORIGIN"))
}

async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes the connection")
        .unwrap();
    String::from_utf8(answer).unwrap()
}

/// Small times and sizes, so that the tests need not wait.
fn small() -> Limits {
    Limits {
        header_timeout_ms: 150,
        body_timeout_ms: 150,
        idle_timeout_ms: 150,
        write_timeout_ms: 150,
        drain_timeout_ms: 10_000,
        body_bytes_max: 1_000,
        body_rate_min: 1_000_000,
        ..Limits::default()
    }
    .named("test")
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

#[tokio::test]
async fn a_partial_header_is_closed() {
    let server = Server::start(small()).await;
    assert_eq!(server.exchange(b"").await, "");
    assert_eq!(server.exchange(b"GET /hello/x HTTP/1.1\r\nhost: x\r\n").await, "");
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_header_that_trickles_in_is_closed() {
    let server = Server::start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /hello/x HTTP/1.1\r\nx: ").await.unwrap();
    let trickle = async {
        while stream.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickle).await.expect("the server closes the connection");
    server.end().await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = Server::start(small()).await;
    let answer = server.exchange(b"GET /hello/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    assert!(answer.ends_with("hello"), "{answer}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_stalled_body_gets_408() {
    let server = Server::start(small()).await;
    let answer = server.exchange(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_body_below_the_rate_is_cut_by_the_request_timeout() {
    // The body earns more time than the request has.
    let limits = Limits { body_rate_min: 1, body_timeout_ms: 60_000, request_timeout_ms: 200, ..small() };
    let server = Server::start(limits).await;
    let answer = server.exchange(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(status(&answer), "408", "{answer}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn an_over_long_body_gets_413_announced_or_not() {
    let server = Server::start(small()).await;
    let announced = server
        .exchange(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(status(&announced), "413", "{announced}");
    let mut chunked =
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3e9\r\n"
            .to_vec();
    chunked.extend([b'x'; 1_001]);
    chunked.extend(b"\r\n0\r\n\r\n");
    let answer = server.exchange(&chunked).await;
    assert_eq!(status(&answer), "413", "{answer}");
    let mut exact =
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n".to_vec();
    exact.extend([b'x'; 1_000]);
    assert_eq!(status(&server.exchange(&exact).await), "200");
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let server = Server::start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // The server ends only when it has given the client up: nothing here reads.
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_connection_beyond_the_cap_is_answered_503() {
    let server = Server::start(Limits { connections_max: 1, idle_timeout_ms: 60_000, ..small() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.entered.notified().await;
    let mut second = server.connect().await;
    assert_eq!(status(&read_to_close(&mut second).await), "503");
    server.release.notify_one();
    assert_eq!(status(&read_to_close(&mut first).await), "200");
    server.end().await.unwrap();
}

#[tokio::test]
async fn the_end_finishes_the_running_request() {
    let server = Server::start(Limits { request_timeout_ms: 60_000, ..small() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.entered.notified().await;
    server.shutdown.cancel();
    server.release.notify_one();
    let answer = read_to_close(&mut stream).await;
    assert!(answer.ends_with("finished"), "{answer}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_wait_longer_than_its_deadline() {
    let server = Server::start(Limits { drain_timeout_ms: 50, request_timeout_ms: 600_000, ..small() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.entered.notified().await;
    assert!(matches!(server.end().await, Err(ServeError::Drain { open: 1, .. })));
}

#[tokio::test]
async fn a_request_that_takes_too_long_gets_503() {
    let server = Server::start(Limits { request_timeout_ms: 50, ..small() }).await;
    let answer = server.exchange(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "503", "{answer}");
    assert!(answer.to_lowercase().contains("retry-after: 5"), "{answer}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn failures_are_problems_without_internals_and_carry_the_security_headers() {
    let server = Server::start(small()).await;
    for (request, expected) in [
        ("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n", "404"),
        ("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n", "500"),
        ("DELETE /echo HTTP/1.1\r\nhost: x\r\n\r\n", "405"),
        ("TRACE /hello/x HTTP/1.1\r\nhost: x\r\n\r\n", "405"),
        ("CONNECT a.example:443 HTTP/1.1\r\nhost: x\r\n\r\n", "405"),
        ("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", "415"),
    ] {
        let answer = server.exchange(request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
    let framed = server.exchange(b"GET /framed HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(framed.contains("x-frame-options: SAMEORIGIN"), "a handler's own header stands: {framed}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn too_large_a_header_gets_431() {
    let server = Server::start(Limits { header_bytes_max: 8_192, ..small() }).await;
    let mut request = b"GET /hello/x HTTP/1.1\r\nhost: x\r\nx: ".to_vec();
    request.extend([b'y'; 9_000]);
    let mut stream = server.connect().await;
    stream.write_all(&request).await.unwrap();
    let mut start = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
    server.end().await.unwrap();
}
