//! A moment in the time zones of the campaigns: told once for each zone, because a transaction scores many campaigns of
//! few zones.

use chrono_tz::Tz;
use schemas::{Day, TimestampMs};

use crate::calendar;

/// What a moment is in each zone met.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) at: TimestampMs,
    /// Whether a record of `scores` tells the moment, so that no watermark has to.
    pub(super) is_told: bool,
    known: Vec<(Tz, Moment)>,
}

/// A moment in a time zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) day: Day,
    /// 0 to 23.
    pub(super) hour: u8,
    /// The next day does not begin before.
    pub(super) next_day: TimestampMs,
}

impl Moments {
    pub(super) fn new(at: TimestampMs) -> Self {
        Self { at, is_told: false, known: Vec::new() }
    }

    pub(super) fn in_zone(&mut self, zone: Tz) -> Moment {
        if let Some((_, moment)) = self.known.iter().find(|(known, _)| *known == zone) {
            return *moment;
        }
        let (day, hour) = calendar::local(zone, self.at);
        let moment = Moment { day, hour, next_day: calendar::next_day(zone, self.at) };
        self.known.push((zone, moment));
        moment
    }
}
