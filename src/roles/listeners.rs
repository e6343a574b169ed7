//! Addresses to listen on: bound when a role starts, or held since before.

use std::collections::BTreeMap;
use std::net::TcpListener as Bound;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::net::TcpListener;

/// Listeners that were bound early, by address. Each is taken once.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<BTreeMap<String, Bound>>>);

impl Listeners {
    /// Binds the address, or the same host with a free port if somebody has it, and holds on to it. Gives the address
    /// that it came to.
    pub fn hold_near(&self, address: &str) -> anyhow::Result<String> {
        let bound = Bound::bind(address).or_else(|_| {
            let host = address.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
            Bound::bind(format!("{host}:0"))
        });
        let bound = bound.with_context(|| format!("listening near {address}"))?;
        let address = bound.local_addr()?.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone(), bound);
        Ok(address)
    }

    /// The listener of an address.
    pub async fn listen(&self, address: &str) -> anyhow::Result<TcpListener> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
        match held {
            Some(bound) => {
                bound.set_nonblocking(true)?;
                Ok(TcpListener::from_std(bound)?)
            }
            None => TcpListener::bind(address).await.with_context(|| format!("listening on {address}")),
        }
    }
}
