//! ClickHouse as a process of its own: the embedded engine behind ClickHouse's HTTP interface.
//!
//! It serves the `clickhouse` crate, curl and what else speaks to port 8123: `/ping`, queries in the URL or
//! the body, `database`, `default_format`, `param_*`, settings as URL parameters for queries and inserts alike,
//! compressed and chunked bodies, and the server's error codes. It refuses sessions over HTTP; answers
//! are complete before they are sent; the rows of one insert are held in memory, 1 GiB at most.
//!
//! Called by the `devstack-engine` program and by the hidden subcommand of `adpulse`, which a
//! [`crate::Stack`] starts.

mod library;
mod statement;
mod compression;
mod request;
mod response;
mod server;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Attempting, DevstackError};
use library::Library;
use server::Server;

/// Requests in progress get this long when the server is asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the server is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The data folder, which one process at a time may open.
    pub data: PathBuf,
    /// The loopback port to listen on.
    pub port: u16,
    /// The embedded engine's library.
    pub library: PathBuf,
}

impl Options {
    /// `--data DIR --port PORT --library PATH`.
    pub fn to_args(&self) -> Vec<OsString> {
        let port = self.port.to_string();
        let args: [OsString; 6] = [
            "--data".into(),
            self.data.clone().into(),
            "--port".into(),
            port.into(),
            "--library".into(),
            self.library.clone().into(),
        ];
        args.to_vec()
    }

    /// Reads what [`Options::to_args`] writes; `None` for anything else.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let args: Vec<OsString> = args.into_iter().collect();
        match args.as_slice() {
            [data_flag, data, port_flag, port, library_flag, library]
                if data_flag == "--data" && port_flag == "--port" && library_flag == "--library" =>
            {
                Some(Self { data: data.into(), port: port.to_str()?.parse().ok()?, library: library.into() })
            }
            _ => None,
        }
    }
}

/// Serves the engine until the process gets SIGTERM or its standard input closes, which happens when
/// the program that started it ends.
///
/// # Errors
/// [`DevstackError::Library`] when the library cannot be loaded or does not open the folder,
/// [`DevstackError::Io`] when the port is taken.
pub async fn serve(options: Options) -> Result<(), DevstackError> {
    let Options { data, port, library: path } = options;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .attempting(|| format!("listen on 127.0.0.1:{port}"))?;
    let mut terminated = signal(SignalKind::terminate()).attempting(|| "watch for SIGTERM".to_owned())?;
    let library = Library::load(&path)?;
    // Held until the end: the engine runs while it has a connection.
    let refused = |reason: String| DevstackError::Library { library: path.clone(), reason };
    let mut engine = library
        .connect(&data)
        .ok_or_else(|| refused(format!("does not open the data folder {}", data.display())))?;
    let timezone = engine
        .query(b"SELECT timezone()", "TSVRaw", &[])
        .map_err(|refusal| refused(format!("does not answer: {}", refusal.0)))?;
    let timezone = String::from_utf8_lossy(&timezone.body).trim().to_owned();
    let mut abandoned = standard_input_closed();
    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut stopping = stopped.clone();
    let serving = axum::serve(listener, Server::new(library, data, &timezone).router())
        .with_graceful_shutdown(async move {
            // An error means that the sender is gone, which is the same message.
            let _ = stopping.changed().await;
        });
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        ended = &mut serving => {
            return ended.attempting(|| "wait for the server".to_owned())?.attempting(|| "serve".to_owned());
        }
        _ = terminated.recv() => {}
        _ = &mut abandoned => {}
    }
    drop(stop);
    // Clients keep idle connections open, for which there is no reason to wait any longer than this.
    let _ = tokio::time::timeout(STOP_WITHIN, serving).await;
    drop(engine);
    Ok(())
}

/// Completes at the end of standard input. A thread waits for it, as reads of a pipe block.
fn standard_input_closed() -> tokio::sync::oneshot::Receiver<()> {
    let (closed, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nothing is ever written to it; an error ends the wait just as its end does.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    receiver
}
