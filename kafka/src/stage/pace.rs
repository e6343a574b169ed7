//! When a transaction ends. Pure: every moment is an argument.
//!
//! A small transaction is no sign of a backlog: it ends when nothing more is at hand, so that a record is visible as soon as
//! commits allow. A large one is likely to have overtaken the fetching for a moment only: it ends after a pause, or when it
//! is old enough. Where commits are slow, transactions grow with them, so that at least half of the time goes into records.

use std::time::{Duration, Instant};

use super::StageConfig;

/// A transaction of fewer records is small.
const SMALL: usize = 1_000;

/// What comes so soon after a commit was waiting for its end.
const AT_ONCE: Duration = Duration::from_millis(1);

/// The limits of a worker, and what its last commit took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    interval: Duration,
    idle: Duration,
    interval_max: Duration,
    last_commit: Option<(Instant, Instant)>,
}

/// An open transaction, as far as its end depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    since: Instant,
    /// Since when its first record has waited, at the most.
    waiting_since: Instant,
}

impl Pace {
    pub(super) fn new(config: &StageConfig) -> Self {
        Self {
            interval: config.commit_interval,
            idle: config.commit_interval_idle,
            interval_max: config.commit_interval.max(config.transaction_timeout / 10),
            last_commit: None,
        }
    }

    /// A transaction begins with the record that has just come. One that is at hand right after a commit may have come at
    /// the beginning of that.
    pub(super) fn begin(&self, now: Instant) -> Age {
        let during = self.last_commit.filter(|(_, end)| now.duration_since(*end) < AT_ONCE);
        Age { since: now, waiting_since: during.map_or(now, |(begin, _)| begin) }
    }

    pub(super) fn committed(&mut self, begin: Instant, end: Instant) {
        self.last_commit = Some((begin, end));
    }

    /// How old a transaction becomes under load.
    fn interval(&self) -> Duration {
        let cost = self.last_commit.map_or(Duration::ZERO, |(begin, end)| end.duration_since(begin));
        self.interval.max(cost.min(self.interval_max))
    }

    /// Whether it ends here. Asked after the records at hand, and when there are none with how long there have been none.
    pub(super) fn is_due(&self, age: Age, records: usize, pause: Option<Duration>, now: Instant) -> bool {
        let waited = |pause| if records < SMALL { now.duration_since(age.waiting_since) } else { pause };
        now.duration_since(age.since) >= self.interval()
            || pause.is_some_and(|pause| waited(pause) >= self.idle)
    }

    /// How long the next record may be waited for once none is at hand.
    pub(super) fn patience(&self, age: Age, records: usize, now: Instant) -> Duration {
        let left = self.interval().saturating_sub(now.duration_since(age.since));
        let small = self.idle.saturating_sub(now.duration_since(age.waiting_since));
        left.min(if records < SMALL { small } else { self.idle })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE_AT_HAND: Option<Duration> = Some(Duration::ZERO);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Commits every 100 ms, 5 ms when idle, transactions of 20 s.
    fn pace() -> Pace {
        let mut config = StageConfig::new("group", "id", &["in"], &[]);
        config.commit_interval_idle = ms(5);
        Pace::new(&config)
    }

    #[test]
    fn a_small_transaction_ends_when_nothing_more_is_at_hand_and_its_first_record_has_waited() {
        let (pace, start) = (pace(), Instant::now());
        let age = pace.begin(start);
        assert!(!pace.is_due(age, 10, NONE_AT_HAND, start + ms(4)));
        assert_eq!(pace.patience(age, 10, start + ms(4)), ms(1));
        assert!(pace.is_due(age, 10, NONE_AT_HAND, start + ms(5)));
        assert!(!pace.is_due(age, 10, None, start + ms(5)), "more is at hand");
    }

    #[test]
    fn what_came_during_a_commit_has_waited_since_that_began() {
        let (mut pace, start) = (pace(), Instant::now());
        pace.committed(start, start + ms(20));
        let at_once = pace.begin(start + ms(20));
        assert!(pace.is_due(at_once, 10, NONE_AT_HAND, start + ms(20)));
        let later = pace.begin(start + ms(22));
        assert!(!pace.is_due(later, 10, NONE_AT_HAND, start + ms(22)));
    }

    #[test]
    fn a_large_transaction_waits_for_a_pause_and_not_for_ever() {
        let (pace, start) = (pace(), Instant::now());
        let age = pace.begin(start);
        assert!(!pace.is_due(age, SMALL, NONE_AT_HAND, start + ms(50)));
        assert!(pace.is_due(age, SMALL, Some(ms(5)), start + ms(50)));
        assert_eq!(pace.patience(age, SMALL, start + ms(97)), ms(3));
        assert!(pace.is_due(age, SMALL, None, start + ms(100)));
    }

    #[test]
    fn under_load_a_transaction_is_as_long_as_the_last_commit_took_up_to_a_limit() {
        let (mut pace, start) = (pace(), Instant::now());
        pace.committed(start, start + ms(300));
        let begun = start + ms(300);
        let age = pace.begin(begun);
        assert!(!pace.is_due(age, 50_000, None, begun + ms(299)));
        assert!(pace.is_due(age, 50_000, None, begun + ms(300)));
        pace.committed(start, start + ms(60_000));
        let begun = start + ms(60_000);
        assert!(
            pace.is_due(pace.begin(begun), 50_000, None, begun + ms(2_000)),
            "a tenth of a transaction's time"
        );
    }
}
