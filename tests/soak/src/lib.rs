//! Breaks a running adpulse on purpose and proves that nothing is lost and nothing counted twice.
//!
//! A run has two phases. While faults are injected from one seed, a generator writes down what it sends before it sends it, and
//! watchers sample what must hold at every moment. Then everything is healed, the pipeline has a bounded time to catch up,
//! and the oracle recomputes from the committed raw log what topics, stores and API must say.
//!
//! It promises that a schedule follows from its seed alone, that every violated invariant is named with the first keys that differ,
//! and that the oracle finds each seeded defect. It refuses to judge a run whose faults were not injected. Called by
//! the binary of this package and by its tests.

pub mod points;
pub mod role;
pub mod proxy;
pub mod fault;
pub mod schedule;
pub mod binary;
pub mod ports;
pub mod disk;
pub mod engines;
pub mod process;
pub mod fleet;
pub mod site;
pub mod journal;
pub mod generator;
pub mod inject;
pub mod watch;
pub mod oracle;
pub mod report;
pub mod run;
pub mod bugs;
pub mod cases;

use std::sync::OnceLock;

use tokio::runtime::Runtime;

/// Runs a future to its end from a plain thread.
///
/// # Panics
/// When the runtime cannot be started, which only a machine out of threads does.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// The runtime that proxies and clients of this process live on.
///
/// # Panics
/// When it cannot be started.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let start = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    RUNTIME.get_or_init(|| start().expect("a runtime needs two threads and no more"))
}

/// The moment, in milliseconds since 1970.
#[must_use]
pub fn now() -> schemas::TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    schemas::TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
