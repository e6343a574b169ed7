//! A TCP proxy that does to a connection what networks do, switchable while it runs.
//!
//! It promises that what it passes on is unchanged and in order, that a mode takes effect at once for open connections too, and
//! that its only chance, the jitter of [`Mode::Latency`], follows from its seed. It knows no protocol.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes.
    Pass,
    /// Nobody listens, and open connections are reset.
    Refuse,
    /// Connections are accepted and reset at their first bytes; open ones at once.
    Reset,
    /// Connections stay open, and nothing passes.
    Hang,
    /// Each piece is held back for this long, give or take a half.
    Latency(Duration),
    /// So many bytes a second in each direction.
    Throttle(u64),
    /// After so many bytes to the server since the mode was set, a connection is reset in the middle.
    CutAfter(u64),
    /// The server gets everything and acts on it; its answers are lost with the connection.
    CutAnswer,
}

/// A running proxy. It ends with its runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    target: watch::Sender<SocketAddr>,
    passed: Arc<AtomicU64>,
}

/// What the two directions of a connection share.
struct Wire {
    mode: watch::Receiver<Mode>,
    chance: StdRng,
    passed: Arc<AtomicU64>,
    to_server: bool,
}

const PIECE: usize = 16 << 10;
const LISTEN_AGAIN: Duration = Duration::from_millis(20);

impl Proxy {
    /// Listens on a free loopback port and passes everything on to `target`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(port: u16, target: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (mode, watched) = watch::channel(Mode::Pass);
        let (target, place) = watch::channel(target);
        let passed = Arc::new(AtomicU64::new(0));
        tokio::spawn(accept(listener, address, place, seed, watched, Arc::clone(&passed)));
        Ok(Self { address, mode, target, passed })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Passes new connections on to another server, as the name of a database does after a failover.
    pub fn redirect(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// Bytes passed on so far, both directions.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    target: watch::Receiver<SocketAddr>,
    seed: u64,
    mut mode: watch::Receiver<Mode>,
    passed: Arc<AtomicU64>,
) {
    let mut open = Some(listener);
    let mut number = seed;
    loop {
        if *mode.borrow_and_update() == Mode::Refuse {
            open = None;
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(listener) = &open else {
            open = TcpListener::bind(address).await.ok();
            if open.is_none() {
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
            continue;
        };
        let client = tokio::select! {
            changed = mode.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = client else { continue };
        number = number.wrapping_add(1);
        let server = *target.borrow();
        tokio::spawn(carry(client, server, number, mode.clone(), Arc::clone(&passed)));
    }
}

/// One connection. When either direction ends for good, both streams are reset, so that nobody waits for the rest.
async fn carry(
    client: TcpStream,
    target: SocketAddr,
    seed: u64,
    mode: watch::Receiver<Mode>,
    passed: Arc<AtomicU64>,
) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    for stream in [&client, &server] {
        // Small requests must not wait for each other; a reset is wanted rather than an orderly end.
        let _ = stream.set_nodelay(true).and(stream.set_zero_linger());
    }
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let wire = |to_server| Wire {
        mode: mode.clone(),
        chance: StdRng::seed_from_u64(seed.wrapping_mul(2) + u64::from(to_server)),
        passed: Arc::clone(&passed),
        to_server,
    };
    tokio::select! {
        () = pump(client_read, server_write, wire(true)) => {}
        () = pump(server_read, client_write, wire(false)) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: Wire) {
    let mut piece = vec![0; PIECE];
    let mut since_mode = 0;
    loop {
        let mode = *wire.mode.borrow_and_update();
        if mode == Mode::Refuse {
            return;
        }
        let read = tokio::select! {
            changed = wire.mode.changed() => {
                since_mode = 0;
                // Open connections are reset at once, not at their next bytes.
                if changed.is_err() || matches!(*wire.mode.borrow(), Mode::Refuse | Mode::Reset) { return }
                continue;
            }
            read = from.read(&mut piece) => read,
        };
        let Ok(length @ 1..) = read else { return };
        let Some(allowed) = allowed(&mut wire, since_mode, length).await else { return };
        since_mode += allowed as u64;
        if to.write_all(&piece[..allowed]).await.is_err() || allowed < length {
            return;
        }
        wire.passed.fetch_add(allowed as u64, Ordering::Relaxed);
    }
}

/// Waits as long as the mode says and tells how much of a piece may pass; `None` resets the connection.
async fn allowed(wire: &mut Wire, since_mode: u64, length: usize) -> Option<usize> {
    loop {
        let mode = *wire.mode.borrow_and_update();
        match mode {
            Mode::Pass => return Some(length),
            Mode::Refuse | Mode::Reset => return None,
            Mode::CutAnswer => return wire.to_server.then_some(length),
            Mode::Latency(delay) => {
                let share = wire.chance.random_range(0.5..1.5);
                tokio::time::sleep(delay.mul_f64(share)).await;
                return Some(length);
            }
            Mode::Throttle(rate) => {
                let seconds =
                    u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(1_000_000) / rate.max(1);
                tokio::time::sleep(Duration::from_micros(seconds)).await;
                return Some(length);
            }
            Mode::CutAfter(limit) if wire.to_server => {
                let left = usize::try_from(limit.saturating_sub(since_mode)).unwrap_or(usize::MAX);
                return Some(left.min(length));
            }
            Mode::CutAfter(_) => return Some(length),
            Mode::Hang => {
                if wire.mode.changed().await.is_err() {
                    return None;
                }
            }
        }
    }
}
