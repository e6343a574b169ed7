//! Pauses between attempts: doubled each time up to a limit, and spread, so that members that lost a store together do not
//! come back together.

use std::time::Duration;

use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(200);
/// Also how long it takes at most to notice that a store is back.
const MAX: Duration = Duration::from_secs(30);

/// The pauses of one batch.
pub struct Backoff(Duration);

impl Backoff {
    pub const fn new() -> Self {
        Self(FIRST)
    }

    /// The next pause: between half of what is due and all of it.
    pub fn next(&mut self) -> Duration {
        let due = self.0;
        self.0 = (due * 2).min(MAX);
        due.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_no_two_members_wait_alike() {
        let (mut one, mut other) = (Backoff::new(), Backoff::new());
        let pauses: Vec<(Duration, Duration)> = (0..20).map(|_| (one.next(), other.next())).collect();
        let mut due = FIRST;
        for (pause, _) in &pauses {
            assert!((due / 2..=due).contains(pause), "{pause:?} where {due:?} is due");
            due = (due * 2).min(MAX);
        }
        assert_eq!(due, MAX);
        assert!(pauses.iter().any(|(pause, other)| pause != other));
    }
}
