//! The topic `events` as `normalize` writes it: figures of campaigns' days.
//!
//! Two in a hundred are late, from a poll up to two days ago; one in a hundred restates one of the seven days before.

use std::collections::HashSet;

use schemas::Day;
use schemas::record::{BatchRow, Event, EventBody, MetricsObserved, Origin, Source};

use super::{Dice, POLL_ROWS, Poll, Size, day_share, signed};

const LATE_PER_MILLE: u64 = 20;
const RESTATED_PER_MILLE: u64 = 10;

/// Hands every event and its key to `visit`. Returns how many campaigns there were.
pub fn generate(
    size: Size,
    mut visit: impl FnMut(&str, &Event<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let mut dice = Dice::new(size.seed);
    let mut poll = Poll::new(size.campaigns());
    let mut met = HashSet::new();
    for number in 0..size.records {
        let mut of_poll = number / POLL_ROWS;
        if number % POLL_ROWS == 0 {
            poll.begin();
        }
        let campaign = poll.draw(&mut dice);
        if dice.per_mille(LATE_PER_MILLE) {
            of_poll = of_poll.saturating_sub(1 + dice.below(2 * size.polls_a_day()));
        }
        let observed_at = size.poll_at(of_poll);
        let (mut day, mut share) = (observed_at.day_utc(), day_share(observed_at));
        if dice.per_mille(RESTATED_PER_MILLE) {
            day = Day(day.0 - 1 - i32::try_from(dice.below(7))?);
            share = 1_000 + dice.below(10);
        }
        let (key, batch_id) = (campaign.key(), format!("poll-{of_poll}-{observed_at}"));
        met.insert(campaign.0);
        let event = Event {
            observed_at,
            origin: Origin { topic: "bench.raw.facebook", partition: 0, offset: signed(number) },
            flags: Vec::new(),
            doubts: Vec::new(),
            body: EventBody::MetricsObserved(MetricsObserved {
                source: Source::Facebook,
                day,
                batch: BatchRow { batch_id: &batch_id, row_index: 0, row_count: 1 },
                currency: Some("USD"),
                figures: campaign.figures(day, share).into(),
            }),
        };
        visit(&key, &event)?;
    }
    Ok(met.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let all = |seed| {
            let mut found = Vec::new();
            let visit = |key: &str, event: &Event<'_>| {
                found.push(format!("{key} {event:?}"));
                Ok(())
            };
            generate(Size { records: 500, seed }, visit).unwrap();
            found
        };
        assert_eq!(all(3), all(3));
        assert_ne!(all(3), all(4));
    }
}
