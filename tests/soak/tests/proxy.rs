//! Each mode of the proxy does to a connection what it says.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use soak::block_on;
use soak::proxy::{Mode, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server that tells what it got and answers each piece with the same bytes.
async fn echo() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, got) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 1_024];
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    let _ = sender.send(bytes[..length].to_vec());
                    if stream.write_all(&bytes[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, got)
}

async fn ask(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[test]
fn what_passes_is_unchanged_and_a_mode_that_ends_leaves_no_trace() {
    block_on(async {
        let (server, _got) = echo().await;
        let proxy = Proxy::start(0, server, 1).await.unwrap();
        for mode in [Mode::Pass, Mode::Latency(Duration::from_millis(1)), Mode::Throttle(1 << 20)] {
            proxy.set(mode);
            let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
            assert_eq!(ask(&mut stream, b"hello").await.unwrap(), b"hello", "{mode:?}");
        }
        proxy.set(Mode::Reset);
        let refused = async { ask(&mut TcpStream::connect(proxy.address()).await?, b"hello").await };
        assert!(refused.await.is_err());
        proxy.set(Mode::Pass);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut stream, b"again").await.unwrap(), b"again");
        assert!(proxy.passed() > 0);
    });
}

#[test]
fn a_reset_takes_open_connections_along_and_a_refusal_new_ones_too() {
    block_on(async {
        let (server, _got) = echo().await;
        let proxy = Proxy::start(0, server, 1).await.unwrap();
        for mode in [Mode::Reset, Mode::Refuse] {
            proxy.set(Mode::Pass);
            let mut stream = loop {
                // After a refusal the proxy listens again in a moment.
                if let Ok(stream) = TcpStream::connect(proxy.address()).await {
                    break stream;
                }
            };
            ask(&mut stream, b"1").await.unwrap();
            proxy.set(mode);
            assert!(stream.read_exact(&mut [0]).await.is_err(), "{mode:?} ends an open connection");
        }
        while TcpStream::connect(proxy.address()).await.is_ok() {}
    });
}

#[test]
fn a_hang_holds_bytes_back_and_lets_them_go_at_its_end() {
    block_on(async {
        let (server, mut got) = echo().await;
        let proxy = Proxy::start(0, server, 1).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut stream, b"1").await.unwrap();
        assert_eq!(got.recv().await.unwrap(), b"1");
        proxy.set(Mode::Hang);
        stream.write_all(b"2").await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(200), got.recv()).await;
        assert!(early.is_err(), "{early:?} came through");
        proxy.set(Mode::Pass);
        assert_eq!(got.recv().await.unwrap(), b"2");
    });
}

#[test]
fn a_cut_lets_so_many_bytes_through_and_a_cut_answer_all_but_the_answer() {
    block_on(async {
        let (server, mut got) = echo().await;
        let proxy = Proxy::start(0, server, 1).await.unwrap();
        proxy.set(Mode::CutAfter(3));
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"abcdef").await.unwrap();
        assert_eq!(got.recv().await.unwrap(), b"abc");
        while stream.read_exact(&mut [0]).await.is_ok() {}

        proxy.set(Mode::CutAnswer);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let answer = ask(&mut stream, b"commit").await;
        assert!(answer.is_err(), "the answer is lost");
        assert_eq!(got.recv().await.unwrap(), b"commit", "and the server has acted");
    });
}
