//! Loopback ports for whoever must be found there again after being killed.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::bail;

/// A free loopback port below the range that the kernel gives to outgoing connections, so that it is still free when whoever
/// listens there was killed.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static FIRST: OnceLock<u16> = OnceLock::new();
    // Runs that begin together must not take the same ports one after the other.
    let first = *FIRST.get_or_init(|| rand::random::<u16>() % 5_000);
    for _ in 0..5_000 {
        let port = 5_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 5_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free between 5000 and 10000")
}
