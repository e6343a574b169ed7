//! Names of this crate's metrics, each with its sentence. Labels are groups, topics and partition numbers, never keys.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::{Duration, Instant};

/// Records read, by `group` and `topic`.
pub const CONSUMED_TOTAL: &str = "adpulse_kafka_records_consumed_total";
/// Records acknowledged, by `topic`.
pub const PRODUCED_TOTAL: &str = "adpulse_kafka_records_produced_total";
/// Records whose delivery failed, by `topic`.
pub const DELIVERY_FAILURES_TOTAL: &str = "adpulse_kafka_delivery_failures_total";
/// Transactions (or at-least-once batches) made durable, by `group`.
pub const COMMITTED_TOTAL: &str = "adpulse_kafka_transactions_committed_total";
/// Transactions aborted, by `group`.
pub const ABORTED_TOTAL: &str = "adpulse_kafka_transactions_aborted_total";
/// Seconds from the end of processing to a durable commit, by `group`.
pub const COMMIT_SECONDS: &str = "adpulse_kafka_commit_duration_seconds";
/// What of it a phase took, by `group` and `phase`: `flush` writes the outputs, `send_offsets` and `end` ask the
/// coordinator, `drain` waits for acknowledgements.
pub const COMMIT_PHASE_SECONDS: &str = "adpulse_kafka_commit_phase_duration_seconds";
/// Input records of a transaction, by `group`.
pub const BATCH_RECORDS: &str = "adpulse_kafka_batch_records";
/// Assignments received, by `group`.
pub const REBALANCES_TOTAL: &str = "adpulse_kafka_rebalances_total";
/// Seconds from assignment to restored state, by `group`.
pub const RESTORE_SECONDS: &str = "adpulse_kafka_restore_duration_seconds";
/// Records read from changelogs, by `group`.
pub const RESTORED_TOTAL: &str = "adpulse_kafka_restored_records_total";
/// Records in a producer's queue, by `producer`.
pub const PRODUCER_QUEUE: &str = "adpulse_kafka_producer_queue_records";
/// Records readable but not yet processed, by `group`, `topic`, `partition`.
pub const LAG: &str = "adpulse_kafka_consumer_lag_records";
/// Producers dropped and built anew, by `group`.
pub const REBUILDS_TOTAL: &str = "adpulse_kafka_producer_rebuilds_total";
/// Partitions that a sink does not fetch because its store takes nothing, by `group`.
pub const PAUSED: &str = "adpulse_kafka_paused_partitions";

/// Transaction calls that did not return in time and have not returned since.
pub const HUNG_CALLS: &str = "adpulse_kafka_hung_calls";
/// Partitions given back to a worker that still had their state, by `group`.
pub const KEPT_TOTAL: &str = "adpulse_kafka_kept_partitions_total";

/// Registers the description of every metric; call once after installing the recorder.
pub fn describe() {
    describe_counter!(CONSUMED_TOTAL, "Records read from a topic by a consumer group");
    describe_counter!(PRODUCED_TOTAL, "Records acknowledged by Kafka");
    describe_counter!(DELIVERY_FAILURES_TOTAL, "Records Kafka did not acknowledge");
    describe_counter!(COMMITTED_TOTAL, "Transactions made durable");
    describe_counter!(ABORTED_TOTAL, "Transactions aborted; their records are read again");
    describe_histogram!(COMMIT_SECONDS, "Seconds a commit took");
    describe_histogram!(COMMIT_PHASE_SECONDS, "Seconds a phase of a commit took");
    describe_histogram!(BATCH_RECORDS, "Input records of a transaction");
    describe_counter!(REBALANCES_TOTAL, "Partition assignments received");
    describe_histogram!(RESTORE_SECONDS, "Seconds from assignment to restored state");
    describe_counter!(RESTORED_TOTAL, "Records read from changelogs");
    describe_gauge!(PRODUCER_QUEUE, "Records waiting for their acknowledgement");
    describe_gauge!(LAG, "Records readable but not yet processed");
    describe_gauge!(HUNG_CALLS, "Transaction calls that did not return in time");
    describe_counter!(KEPT_TOTAL, "Partitions given back to a worker that still had their state");
    describe_gauge!(PAUSED, "Partitions that a sink does not fetch because its store takes nothing");
    describe_counter!(REBUILDS_TOTAL, "Producers built anew after an indefinite outcome");
}

pub(crate) fn set_lag(group: &str, topic: &str, partition: i32, lag: i64) {
    // Lag stays far below 2^53, so the float is exact.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(LAG, "group" => group.to_owned(), "topic" => topic.to_owned(), "partition" => partition.to_string())
        .set(lag as f64);
}

pub(crate) fn set_hung(calls: usize) {
    gauge!(HUNG_CALLS).set(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)));
}

pub(crate) fn set_queue(producer: &str, records: i32) {
    gauge!(PRODUCER_QUEUE, "producer" => producer.to_owned()).set(f64::from(records));
}

pub(crate) fn set_paused(group: &str, partitions: usize) {
    // Partitions are numbered by i32.
    gauge!(PAUSED, "group" => group.to_owned()).set(f64::from(u32::try_from(partitions).unwrap_or(u32::MAX)));
}

pub(crate) fn count_consumed(group: &str, topic: &str, records: u64) {
    counter!(CONSUMED_TOTAL, "group" => group.to_owned(), "topic" => topic.to_owned()).increment(records);
}

pub(crate) fn count_produced(topic: &str, records: u64) {
    counter!(PRODUCED_TOTAL, "topic" => topic.to_owned()).increment(records);
}

/// Records by topic, counted one by one and published together. Topics are few, so they are looked for in turn.
#[derive(Debug, Default)]
pub(crate) struct TopicCounts(Vec<(String, u64)>);

impl TopicCounts {
    pub(crate) fn note(&mut self, topic: &str) {
        match self.0.iter_mut().find(|(known, _)| known == topic) {
            Some((_, count)) => *count += 1,
            None => self.0.push((topic.to_owned(), 1)),
        }
    }

    /// Publishes what was counted and begins anew.
    pub(crate) fn publish(&mut self, mut publish: impl FnMut(&str, u64)) {
        for (topic, count) in self.0.iter_mut().filter(|(_, count)| *count > 0) {
            publish(topic, std::mem::take(count));
        }
    }

    /// Forgets what was counted: it did not happen.
    pub(crate) fn forget(&mut self) {
        self.0.iter_mut().for_each(|(_, count)| *count = 0);
    }
}

pub(crate) fn count_delivery_failure(topic: &str) {
    counter!(DELIVERY_FAILURES_TOTAL, "topic" => topic.to_owned()).increment(1);
}

pub(crate) fn count(name: &'static str, group: &str, amount: u64) {
    counter!(name, "group" => group.to_owned()).increment(amount);
}

pub(crate) fn observe_seconds(name: &'static str, group: &str, elapsed: Duration) {
    histogram!(name, "group" => group.to_owned()).record(elapsed.as_secs_f64());
}

pub(crate) fn observe_batch(group: &str, records: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
    histogram!(BATCH_RECORDS, "group" => group.to_owned()).record(records as f64);
}

/// A watch over the phases of one commit.
pub(crate) struct Phases<'a> {
    group: &'a str,
    since: Instant,
}

impl<'a> Phases<'a> {
    pub(crate) fn begin(group: &'a str) -> Self {
        Self { group, since: Instant::now() }
    }

    /// A phase has ended, and the next begins.
    pub(crate) fn end(&mut self, phase: &'static str) {
        let now = Instant::now();
        let labels = [("group", self.group.to_owned()), ("phase", phase.to_owned())];
        histogram!(COMMIT_PHASE_SECONDS, &labels).record(now.duration_since(self.since).as_secs_f64());
        self.since = now;
    }
}
