//! The counters, in a process of their own because the recorder is global.

use axum::Router;
use axum::routing::get;
use httpserver::{Limits, serve};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn requests_are_counted_by_route_template_and_never_by_path() {
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    httpserver::metrics::describe();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/campaigns/{key}", get(|| async { "x" }));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serve(listener, router, Limits::default().named("test"), shutdown.clone()));
    for path in ["/campaigns/a", "/campaigns/b", "/secret/path"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
    shutdown.cancel();
    running.await.unwrap().unwrap();
    let text = recorder.render();
    let expected = [
        r#"adpulse_http_requests_total{server="test",route="/campaigns/{key}",method="GET",code="200"} 2"#,
        r#"adpulse_http_requests_total{server="test",route="unmatched",method="GET",code="404"} 1"#,
        r#"adpulse_http_connections{server="test"} 0"#,
        r#"adpulse_http_connections_closed_total{server="test",reason="done"} 3"#,
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}
