//! A network that fails around a commit: a TCP proxy before Postgres that cuts connections when it sees a COMMIT pass.
#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What happens to one commit.
#[derive(Clone)]
pub(crate) enum Cut {
    /// The connection closes, and the server never hears of the commit.
    Before,
    /// The server commits; the connection closes before its answer.
    After,
    /// The connection closes; the server hears of the commit when the semaphore gives a permit.
    Late(Arc<Semaphore>),
}

/// Cuts for the next commits, in order.
#[derive(Clone, Default)]
pub(crate) struct Cuts(Arc<Mutex<VecDeque<Cut>>>);

impl Cuts {
    /// Starts the proxy before `host:port` and gives its own.
    pub(crate) async fn before(upstream: &str) -> (Self, String) {
        let cuts = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (planned, upstream) = (cuts.clone(), upstream.to_owned());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(relay(client, server, planned.clone()));
            }
        });
        (cuts, address)
    }

    pub(crate) fn plan(&self, cut: Cut) {
        self.0.lock().unwrap().push_back(cut);
    }
}

async fn relay(client: TcpStream, server: TcpStream, cuts: Cuts) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
        from_server
    });
    let (cut, to_server, commit) = forward(from_client, to_server, &cuts).await;
    // From here on the client hears nothing.
    back.abort();
    match (cut, to_server) {
        (Some(Cut::After), Some(mut server)) => {
            let _ = server.write_all(&commit).await;
            // The server executes what it has received also after we have stopped sending.
            let _ = server.shutdown().await;
        }
        (Some(Cut::Late(go)), Some(mut server)) => {
            go.acquire().await.unwrap().forget();
            let _ = server.write_all(&commit).await;
            let _ = server.shutdown().await;
        }
        _ => {}
    }
}

/// Forwards until the client ends or a planned commit comes, which is given back and not forwarded.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    cuts: &Cuts,
) -> (Option<Cut>, Option<OwnedWriteHalf>, Vec<u8>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let Ok(length @ 1..) = client.read(&mut buffer).await else { return (None, None, Vec::new()) };
        let sent = &buffer[..length];
        if sent.windows(7).any(|bytes| bytes == b"COMMIT\0") {
            let cut = cuts.0.lock().unwrap().pop_front();
            if cut.is_some() {
                return (cut, Some(server), sent.to_vec());
            }
        }
        if server.write_all(sent).await.is_err() {
            return (None, None, Vec::new());
        }
    }
}
