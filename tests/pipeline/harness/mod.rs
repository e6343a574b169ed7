//! What every test stands on: engines, installations, roles as child processes, and looks into the stores.

mod wait;
mod engines;
mod installation;
mod role;
mod topics;
mod stores;
mod door;
mod traffic;
mod processes;

pub use door::Door;
pub use engines::{block_on, exclusive, shared};
pub use installation::{Installation, PARTITIONS};
pub use processes::{Sandbox, signal};
pub use role::{Role, RoleName};
pub use stores::{Figures, Totals};
pub use traffic::Traffic;
pub use wait::{becomes, until};

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Once;

/// The folder of the real files, if the machine has them. Otherwise says so, once.
pub fn real_data() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let Some(folder) = std::env::var_os("ADPULSE_REAL_DATA").filter(|folder| !folder.is_empty()) else {
        // Written past the test program's capture, which shows only what failing tests print.
        SAID.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "ADPULSE_REAL_DATA is not set: the cases on real data are left out"
            );
        });
        return None;
    };
    let folder = PathBuf::from(folder);
    assert!(folder.is_dir(), "ADPULSE_REAL_DATA = {}: there is no such folder", folder.display());
    Some(folder)
}

/// The moment, in milliseconds since 1970.
pub fn now() -> schemas::TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    schemas::TimestampMs(i64::try_from(since.as_millis()).unwrap())
}
