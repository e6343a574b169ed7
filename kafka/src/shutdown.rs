//! The wish to stop, shared between the binary's signal handler and the worker threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cloneable flag; once requested it stays so. Workers look at it between polls, at least ten times a second.
#[derive(Debug, Clone, Default)]
pub struct ShutdownToken(Arc<AtomicBool>);

impl ShutdownToken {
    /// A token nobody has pulled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every holder to finish its batch, commit, and return.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
