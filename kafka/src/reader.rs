//! Reads a range of a topic once, outside any group: dead letters, backtests, scripts, tests.
//!
//! Promises to deliver every record between the start and the end offsets captured at `open`, in order per partition, and then to end,
//! also when the last offsets hold control or aborted records. Blocks: call it from a plain thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bounded::{BoundedConsumer, Span, Taken};
use crate::error::KafkaError;
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::{Isolation, KafkaSettings};
use crate::topics::{PartitionLag, inspector, partitions_of, watermarks};

/// Fetched ahead.
const PREFETCH_BYTES: usize = 16 << 20;

/// How long nothing may come before the reader looks around.
const QUIET: Duration = Duration::from_millis(100);

/// Which part of a topic to read.
#[derive(Debug, Clone)]
pub struct ReadRange {
    /// The topic.
    pub topic: String,
    /// Partitions; `None` reads all of them.
    pub partitions: Option<Vec<i32>>,
    /// First offset per partition; a partition not named is read from its oldest record.
    pub from: BTreeMap<i32, i64>,
    /// One past the last offset per partition; a partition not named is read to its present end.
    pub until: BTreeMap<i32, i64>,
    /// Which records to see.
    pub isolation: Isolation,
}

impl ReadRange {
    /// The whole topic as it is now, committed records only.
    #[must_use]
    pub fn whole(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions: None,
            from: BTreeMap::new(),
            until: BTreeMap::new(),
            isolation: Isolation::ReadCommitted,
        }
    }
}

/// What a read covers of one partition, as it was when the reader was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSpan {
    /// Partition number.
    pub partition: i32,
    /// Offset of the oldest record that the topic still keeps.
    pub oldest: i64,
    /// First offset read.
    pub from: i64,
    /// One past the last offset read; equal to `from` when there is nothing.
    pub until: i64,
}

/// A bounded read of one topic.
pub struct TopicReader {
    consumer: BoundedConsumer,
    topic: Arc<str>,
    spans: Vec<PartitionSpan>,
    /// Partitions to be fetched after the present ones, the next one last.
    waiting: Vec<PartitionSpan>,
    stall_timeout: Duration,
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader")
            .field("topic", &self.topic)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl TopicReader {
    /// Captures the end offsets and starts fetching. `group` only names the client towards access control; nothing is committed.
    ///
    /// # Errors
    /// [`KafkaError::TopicMissing`], [`KafkaError::Unreachable`], [`KafkaError::OffsetsLost`] when `from` lies before the oldest record.
    pub fn open(settings: &KafkaSettings, group: &str, range: &ReadRange) -> Result<Self, KafkaError> {
        let mut reader = Self::prepared(settings, group, range, "reading")?;
        reader.fetch(usize::MAX)?;
        Ok(reader)
    }

    /// The same, but reads one partition after the other, in their order, so that the caller needs the state of one only.
    ///
    /// # Errors
    /// As [`TopicReader::open`].
    pub fn open_in_turn(
        settings: &KafkaSettings,
        group: &str,
        range: &ReadRange,
    ) -> Result<Self, KafkaError> {
        let mut reader = Self::prepared(settings, group, range, "reading")?;
        reader.fetch(1)?;
        Ok(reader)
    }

    /// Hands every record from the range's beginning on to `visit`, also those that are yet to come, and `None` whenever
    /// nothing came for a tenth of a second; until it returns `false`.
    ///
    /// # Errors
    /// As [`TopicReader::open`], and what the client reports.
    pub fn follow(
        settings: &KafkaSettings,
        group: &str,
        range: &ReadRange,
        mut visit: impl FnMut(Option<ConsumedRecord<'_>>) -> bool,
    ) -> Result<(), KafkaError> {
        let mut reader = Self::prepared(settings, group, range, "following")?;
        for span in &mut reader.waiting {
            span.until = i64::MAX;
        }
        reader.fetch(usize::MAX)?;
        loop {
            match reader.consumer.take(QUIET, |record| Ok(visit(Some(record))))? {
                Taken::Stopped => return Ok(()),
                Taken::Nothing if !visit(None) => return Ok(()),
                Taken::Nothing | Taken::Some => {}
            }
        }
    }

    fn prepared(
        settings: &KafkaSettings,
        group: &str,
        range: &ReadRange,
        operation: &'static str,
    ) -> Result<Self, KafkaError> {
        let asking = inspector(settings, range.isolation)?;
        let mut wanted = partitions_of(&asking, settings, std::slice::from_ref(&range.topic))?;
        wanted.retain(|partition| {
            range.partitions.as_ref().is_none_or(|numbers| numbers.contains(&partition.partition))
        });
        let kept = watermarks(&asking, settings, &wanted)?;
        let mut spans = Vec::with_capacity(wanted.len());
        for (partition, (oldest, end)) in wanted.into_iter().zip(kept) {
            let number = partition.partition;
            let from = range.from.get(&number).copied().unwrap_or(oldest);
            let until = range.until.get(&number).copied().unwrap_or(end).min(end);
            if from < oldest {
                return Err(lost(group, &partition, from, oldest));
            }
            spans.push(PartitionSpan { partition: number, oldest, from, until: until.max(from) });
        }
        let asks = (group, range.isolation);
        Ok(Self {
            consumer: BoundedConsumer::new(settings, asks, PREFETCH_BYTES, Arc::new(asking), operation)?,
            topic: range.topic.as_str().into(),
            waiting: spans.iter().copied().rev().collect(),
            spans,
            stall_timeout: settings.request_timeout * 3,
        })
    }

    /// Fetches from here on the next of the waiting partitions that have anything, at most so many.
    fn fetch(&mut self, most: usize) -> Result<(), KafkaError> {
        let mut fetched = Vec::new();
        while fetched.len() < most {
            let Some(PartitionSpan { partition, from, until, .. }) = self.waiting.pop() else { break };
            if from < until {
                let at = TopicPartition::new(Arc::clone(&self.topic), partition);
                fetched.push(Span { at, from, until });
            }
        }
        self.consumer.assign(fetched)
    }

    /// What is read of each partition, by partition number; their lengths are what a progress bar counts to.
    #[must_use]
    pub fn spans(&self) -> &[PartitionSpan] {
        &self.spans
    }

    /// Hands every record of the range to `visit`, which may stop the reading by returning `false`.
    ///
    /// # Errors
    /// [`KafkaError::TimedOut`] when nothing arrives for three request timeouts, and what the client reports.
    pub fn for_each(&mut self, mut visit: impl FnMut(ConsumedRecord<'_>) -> bool) -> Result<(), KafkaError> {
        let mut idle_since: Option<Instant> = None;
        loop {
            if self.consumer.is_done() {
                // Partitions wait only where they are read in turn.
                if self.waiting.is_empty() {
                    return Ok(());
                }
                self.fetch(1)?;
                continue;
            }
            match self.consumer.take(QUIET, |record| Ok(visit(record)))? {
                Taken::Some => idle_since = None,
                Taken::Stopped => {
                    self.waiting.clear();
                    return self.consumer.assign(Vec::new());
                }
                Taken::Nothing => {
                    if idle_since.get_or_insert_with(Instant::now).elapsed() >= self.stall_timeout {
                        let seconds = self.stall_timeout.as_secs_f64();
                        return Err(KafkaError::TimedOut { operation: "waiting for records", seconds });
                    }
                }
            }
        }
    }
}

fn lost(group: &str, partition: &TopicPartition, expected: i64, found: i64) -> KafkaError {
    KafkaError::OffsetsLost {
        group: group.to_owned(),
        topic: partition.topic.to_string(),
        partition: partition.partition,
        expected,
        found,
    }
}

/// Whether no record lies between a group's committed offsets and the ends that these lags were taken at. Offsets alone
/// cannot tell, because transactions leave markers behind the last record; so the rest is read, and must be empty. Blocks.
///
/// # Errors
/// As [`TopicReader::open`] and [`TopicReader::for_each`].
pub fn nothing_left(
    settings: &KafkaSettings,
    group: &str,
    lags: Vec<PartitionLag>,
) -> Result<bool, KafkaError> {
    let mut behind: BTreeMap<String, Vec<PartitionLag>> = BTreeMap::new();
    for lag in lags.into_iter().filter(|lag| lag.lag > 0) {
        behind.entry(lag.partition.topic.to_string()).or_default().push(lag);
    }
    for (topic, lags) in behind {
        let range = ReadRange {
            topic,
            partitions: Some(lags.iter().map(|lag| lag.partition.partition).collect()),
            from: lags.iter().filter_map(|lag| Some((lag.partition.partition, lag.committed?))).collect(),
            until: lags.iter().map(|lag| (lag.partition.partition, lag.end)).collect(),
            isolation: Isolation::ReadCommitted,
        };
        let mut found = false;
        TopicReader::open(settings, group, &range)?.for_each(|_| {
            found = true;
            false
        })?;
        if found {
            return Ok(false);
        }
    }
    Ok(true)
}
