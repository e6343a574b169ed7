//! When a transaction ends. Pure: every moment is an argument.
//!
//! A small transaction is no sign of a backlog: it ends when nothing more is at hand, so that a record is visible as soon as
//! commits allow. A large one is likely to have overtaken the fetching for a moment only: it ends after a pause, or when it
//! is old enough. Where commits are slow, transactions grow with them, so that at least half of the time goes into records;
//! a small one only where two commits in a row were slow, because a single pause of a broker is over when it is noticed.

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
    /// What the commit before the last one took.
    cost_before: Duration,
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
            cost_before: Duration::ZERO,
        }
    }

    /// A transaction begins with the record that has just come. One that is at hand right after a commit may have come at
    /// the beginning of that.
    pub(super) fn begin(&self, now: Instant) -> Age {
        let during = self.last_commit.filter(|(_, end)| now.duration_since(*end) < AT_ONCE);
        Age { since: now, waiting_since: during.map_or(now, |(begin, _)| begin) }
    }

    pub(super) fn committed(&mut self, begin: Instant, end: Instant) {
        self.cost_before = self.cost();
        self.last_commit = Some((begin, end));
    }

    /// What the last commit took.
    fn cost(&self) -> Duration {
        self.last_commit.map_or(Duration::ZERO, |(begin, end)| end.duration_since(begin))
    }

    /// How old a transaction becomes under load.
    fn interval(&self) -> Duration {
        self.interval.max(self.cost().min(self.interval_max))
    }

    /// How long a small transaction waits in any case: as long as both of the last two commits took, from the end of the
    /// last one.
    fn rest(&self, now: Instant) -> Duration {
        let Some((_, end)) = self.last_commit else { return Duration::ZERO };
        let rest = self.cost().min(self.cost_before).min(self.interval);
        rest.saturating_sub(now.duration_since(end))
    }

    /// Whether it ends here. Asked after the records at hand, and when there are none with how long there have been none.
    pub(super) fn is_due(&self, age: Age, records: usize, pause: Option<Duration>, now: Instant) -> bool {
        let has_waited = |pause| match records < SMALL {
            true => now.duration_since(age.waiting_since) >= self.idle && self.rest(now).is_zero(),
            false => pause >= self.idle,
        };
        now.duration_since(age.since) >= self.interval() || pause.is_some_and(has_waited)
    }

    /// How long the next record may be waited for once none is at hand.
    pub(super) fn patience(&self, age: Age, records: usize, now: Instant) -> Duration {
        let left = self.interval().saturating_sub(now.duration_since(age.since));
        let small = self.idle.saturating_sub(now.duration_since(age.waiting_since)).max(self.rest(now));
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
    fn a_small_transaction_waits_for_as_long_as_two_commits_in_a_row_took() {
        let (mut pace, start) = (pace(), Instant::now());
        pace.committed(start, start + ms(40));
        let begun = start + ms(40);
        assert!(pace.is_due(pace.begin(begun), 10, NONE_AT_HAND, begun), "one slow commit is a pause");
        pace.committed(begun, begun + ms(60));
        let begun = begun + ms(60);
        let age = pace.begin(begun);
        assert!(!pace.is_due(age, 10, NONE_AT_HAND, begun + ms(39)));
        assert_eq!(pace.patience(age, 10, begun + ms(30)), ms(10));
        assert!(pace.is_due(age, 10, NONE_AT_HAND, begun + ms(40)));
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
