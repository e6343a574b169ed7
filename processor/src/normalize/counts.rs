//! How the records of an open transaction fared, by account and hour of observation.
//!
//! There are never more counters than records in the transaction, so a limit on its size limits them too.

use std::collections::BTreeMap;

use schemas::record::{Event, EventBody, Origin, QualityCounted, RawEvent};
use schemas::{AccountKey, TimestampMs};

use crate::Outcome;
use crate::calendar::HOUR_MS;

/// Counters of one transaction and partition.
#[derive(Default)]
pub(super) struct QualityCounts {
    /// By account key, then by the start of the hour.
    accounts: BTreeMap<String, BTreeMap<TimestampMs, HourCount>>,
    /// Reused for the keys of accounts.
    key: String,
}

/// Records of an account observed in one hour.
#[derive(Default)]
struct HourCount {
    records: i32,
    incomplete: i32,
    outlier: i32,
    rejected: i32,
    /// When the newest of them was observed.
    observed_at: TimestampMs,
    /// Where the last of them was read.
    topic: String,
    partition: i32,
    offset: i64,
}

impl QualityCounts {
    /// Counts a record that was read at `at`.
    pub(super) fn note(&mut self, raw: &RawEvent<'_>, at: &Origin<'_>, outcome: Outcome) {
        self.key.clear();
        AccountKey { platform: raw.platform, account_id: raw.account_id }.write(&mut self.key);
        if !self.accounts.contains_key(&self.key) {
            self.accounts.insert(self.key.clone(), BTreeMap::new());
        }
        let hours = self.accounts.get_mut(&self.key).expect("it was inserted if it was absent");
        let hour = TimestampMs(raw.observed_at.0.saturating_sub(raw.observed_at.0.rem_euclid(HOUR_MS)));
        let count = hours
            .entry(hour)
            .or_insert_with(|| HourCount { observed_at: TimestampMs(i64::MIN), ..HourCount::default() });
        count.records = count.records.saturating_add(1);
        match outcome {
            Outcome::Incomplete => count.incomplete = count.incomplete.saturating_add(1),
            Outcome::Outlier => count.outlier = count.outlier.saturating_add(1),
            Outcome::Rejected => count.rejected = count.rejected.saturating_add(1),
            Outcome::Accepted | Outcome::Duplicate | Outcome::Stale | Outcome::Unattributed => {}
        }
        count.observed_at = count.observed_at.max(raw.observed_at);
        at.topic.clone_into(&mut count.topic);
        (count.partition, count.offset) = (at.partition, at.offset);
    }

    /// Writes one event for each account and hour, and forgets them.
    pub(super) fn flush<E>(
        &mut self,
        mut write: impl FnMut(&str, &Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (account_key, hours) in std::mem::take(&mut self.accounts) {
            for (hour_start, count) in hours {
                let HourCount { records, incomplete, outlier, rejected, .. } = count;
                let event = Event {
                    observed_at: count.observed_at,
                    origin: Origin { topic: &count.topic, partition: count.partition, offset: count.offset },
                    flags: Vec::new(),
                    doubts: Vec::new(),
                    body: EventBody::QualityCounted(QualityCounted {
                        hour_start,
                        records,
                        incomplete,
                        outlier,
                        rejected,
                    }),
                };
                write(&account_key, &event)?;
            }
        }
        Ok(())
    }

    /// Forgets everything counted.
    pub(super) fn clear(&mut self) {
        self.accounts.clear();
    }
}
