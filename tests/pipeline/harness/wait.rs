//! Waiting for conditions. Deadlines are far beyond what a loaded machine needs: they end a test that hangs, and measure
//! nothing.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// What anything of the pipeline may take before a test gives up.
pub const SLOW: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until `look` finds something.
///
/// # Panics
/// At the deadline, with what was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SLOW, "waited {} s in vain: {what}", SLOW.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `look` returns what is expected.
///
/// # Panics
/// At the deadline, with what was seen last.
pub fn becomes<T: PartialEq + Debug>(what: &str, expected: &T, mut look: impl FnMut() -> T) {
    let begun = Instant::now();
    loop {
        let seen = look();
        if seen == *expected {
            return;
        }
        if begun.elapsed() > SLOW {
            assert_eq!(seen, *expected, "waited {} s in vain: {what}", SLOW.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
