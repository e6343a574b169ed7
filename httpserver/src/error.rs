//! Why a server did not run, or did not end well.

/// What [`serve`](crate::serve) fails with.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A limit that would refuse every request or never end one. Correct the setting.
    #[error("http limit `{name}` is {value}, it must be at least {least}")]
    Limit {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The least that works.
        least: u64,
    },
    /// Requests were still running when the time to drain was over, and were cut off.
    #[error("{open} connections were cut off after {waited_ms} ms of draining; their clients got no answer")]
    Drain {
        /// Connections cut off.
        open: usize,
        /// How long they were given, milliseconds.
        waited_ms: u64,
    },
}
