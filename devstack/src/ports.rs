//! Free loopback ports for engines.
//!
//! A port is free when it was asked for and may be taken when it is used: callers start again with
//! another one. Ports come from below the range that the kernel gives to outgoing connections, so
//! an engine that is killed finds its port free when it is restarted.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::error::{Attempting, DevstackError};

const LOWEST: u16 = 15_000;
const HIGHEST: u16 = 32_000;

/// The ports of an engine: those noted in its data folder if they are free, else new ones. A kept
/// data folder thus keeps its addresses.
pub(crate) fn for_folder<const N: usize>(folder: &Path, fresh: bool) -> Result<[u16; N], DevstackError> {
    let note = folder.join("ports");
    let noted: Vec<u16> = std::fs::read_to_string(&note)
        .map(|text| text.split_whitespace().filter_map(|port| port.parse().ok()).collect())
        .unwrap_or_default();
    if !fresh
        && let Ok(ports) = <[u16; N]>::try_from(noted)
        && ports.iter().all(|port| is_free(*port))
    {
        return Ok(ports);
    }
    let ports = pick::<N>()?;
    std::fs::write(&note, ports.map(|port| port.to_string()).join(" "))
        .attempting(|| format!("note the ports in {}", note.display()))?;
    Ok(ports)
}

fn pick<const N: usize>() -> Result<[u16; N], DevstackError> {
    let mut ports = [0; N];
    let span = u64::from(HIGHEST - LOWEST);
    for index in 0..N {
        ports[index] = (0..1000)
            .filter_map(|_| u16::try_from(RandomState::new().hash_one(index) % span).ok())
            .map(|offset| LOWEST + offset)
            .find(|port| !ports.contains(port) && is_free(*port))
            .ok_or_else(|| DevstackError::Io {
                action: format!("find a free port between {LOWEST} and {HIGHEST}"),
                source: std::io::ErrorKind::AddrInUse.into(),
            })?;
    }
    Ok(ports)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
