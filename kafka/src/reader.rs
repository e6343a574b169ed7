//! Reads a range of a topic once, outside any group: dead letters, backtests, scripts, tests.
//!
//! Promises to deliver every record between the start and the end offsets captured at `open`, in order per partition, and then to end,
//! also when the last offsets hold control or aborted records. Blocks: call it from a plain thread.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::QuietContext;
use crate::error::KafkaError;
use crate::native::FetchingConsumer;
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::{Isolation, KafkaSettings};
use crate::topics::{PartitionLag, inspector, partitions_of, watermarks};

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
    client: FetchingConsumer<QuietContext>,
    topic: String,
    spans: Vec<PartitionSpan>,
    /// Partitions not yet read to their end, with that end.
    open: BTreeMap<i32, i64>,
    /// Partitions to be fetched after the present ones, the next one last.
    waiting: Vec<PartitionSpan>,
    stall_timeout: Duration,
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader")
            .field("topic", &self.topic)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl TopicReader {
    /// Captures the end offsets and starts fetching. `group` only names the client towards access control; nothing is committed.
    ///
    /// # Errors
    /// [`KafkaError::TopicMissing`], [`KafkaError::Unreachable`], [`KafkaError::OffsetsLost`] when `from` lies before the oldest record.
    pub fn open(settings: &KafkaSettings, group: &str, range: &ReadRange) -> Result<Self, KafkaError> {
        let mut reader = Self::prepared(settings, group, range)?;
        reader.fetch(|_| true)?;
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
        let mut reader = Self::prepared(settings, group, range)?;
        reader.fetch(|fetched| fetched == 0)?;
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
        let mut reader = Self::prepared(settings, group, range)?;
        for span in &mut reader.spans {
            span.until = i64::MAX;
        }
        reader.waiting.clone_from(&reader.spans);
        reader.fetch(|_| true)?;
        loop {
            let goes_on = match reader.client.next_within(QUIET) {
                Some(Ok(record)) => visit(Some(record)),
                Some(Err(ClientError::PartitionEOF(_))) => true,
                Some(Err(error)) if error.is_transient() => visit(None),
                Some(Err(error)) => return Err(KafkaError::Client { operation: "following", source: error }),
                None => visit(None),
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn prepared(settings: &KafkaSettings, group: &str, range: &ReadRange) -> Result<Self, KafkaError> {
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
        let config = settings.assigned_consumer(group, range.isolation, 16 << 20)?;
        let client = BaseConsumer::from_config_and_context(&config, QuietContext)
            .map(FetchingConsumer::new)
            .map_err(KafkaError::client("consumer"))?;
        Ok(Self {
            client,
            topic: range.topic.clone(),
            open: spans.iter().map(|span| (span.partition, span.until)).collect(),
            waiting: spans.iter().copied().rev().collect(),
            spans,
            stall_timeout: settings.request_timeout * 3,
        })
    }

    /// Fetches from here on the next of the waiting partitions, as many as `more` wants when so many are fetched.
    /// Partitions that have nothing are done.
    fn fetch(&mut self, more: impl Fn(usize) -> bool) -> Result<(), KafkaError> {
        let mut assignment = TopicPartitionList::new();
        let mut fetched = Vec::new();
        while more(assignment.count()) {
            let Some(span) = self.waiting.pop() else { break };
            if span.from == span.until {
                self.open.remove(&span.partition);
                continue;
            }
            assignment
                .add_partition_offset(&self.topic, span.partition, Offset::Offset(span.from))
                .map_err(KafkaError::client("assigning"))?;
            fetched.push(TopicPartition::new(self.topic.as_str(), span.partition));
        }
        self.client.join_queues(&fetched)?;
        self.client.assign(&assignment).map_err(KafkaError::client("assigning"))
    }

    /// A partition has been read to its end.
    fn finish(&mut self, partition: i32) -> Result<(), KafkaError> {
        // Partitions wait only where they are read in turn, so nothing else is being fetched.
        if self.open.remove(&partition).is_some() && !self.waiting.is_empty() {
            self.fetch(|fetched| fetched == 0)?;
        }
        Ok(())
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
        // Records of a partition come in runs, and the clock is only asked while nothing comes: both looked up for each
        // record would cost a twentieth of the reading.
        let mut run: Option<(i32, i64)> = None;
        let mut idle_since: Option<Instant> = None;
        while !self.open.is_empty() {
            match self.client.next_within(QUIET) {
                Some(Ok(record)) => {
                    idle_since = None;
                    let until = match run {
                        Some((partition, until)) if partition == record.partition => until,
                        _ => {
                            let Some(&until) = self.open.get(&record.partition) else { continue };
                            run = Some((record.partition, until));
                            until
                        }
                    };
                    let (partition, ends) = (record.partition, record.offset + 1 >= until);
                    let goes_on = record.offset >= until || visit(record);
                    if !goes_on {
                        self.open.clear();
                        self.waiting.clear();
                    } else if ends {
                        run = None;
                        self.finish(partition)?;
                    }
                    continue;
                }
                // The fetch position has passed everything that is readable, control records included.
                Some(Err(ClientError::PartitionEOF(partition))) => {
                    idle_since = None;
                    run = None;
                    self.finish(partition)?;
                    continue;
                }
                Some(Err(error)) if error.is_transient() => {}
                Some(Err(error)) => return Err(KafkaError::Client { operation: "reading", source: error }),
                None => {}
            }
            if idle_since.get_or_insert_with(Instant::now).elapsed() >= self.stall_timeout {
                let seconds = self.stall_timeout.as_secs_f64();
                return Err(KafkaError::TimedOut { operation: "waiting for records", seconds });
            }
        }
        Ok(())
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

/// Whether the client goes on by itself after reporting this error.
pub(crate) trait Transience {
    /// `true` for lost connections and leader changes, also where offsets are asked for.
    fn is_transient(&self) -> bool;
}

impl Transience for ClientError {
    fn is_transient(&self) -> bool {
        use rdkafka::error::RDKafkaErrorCode as Code;
        let (Self::MessageConsumption(code) | Self::MetadataFetch(code) | Self::OffsetFetch(code)) = self
        else {
            return false;
        };
        // What this client knows of the leaders is older or newer than what the broker knows: after a restart. While consuming
        // the client sees to it by itself and does not report it.
        let asks = matches!(self, Self::OffsetFetch(_));
        if asks
            && matches!(code, Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch | Code::OffsetNotAvailable)
        {
            return true;
        }
        matches!(
            code,
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::WaitingForCoordinator
                | Code::NetworkException
                | Code::Authentication
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode as Code;

    #[test]
    fn a_leader_that_is_being_found_is_waited_for_also_where_offsets_are_asked_for() {
        for code in [Code::LeaderNotAvailable, Code::UnknownLeaderEpoch, Code::FencedLeaderEpoch] {
            assert!(ClientError::OffsetFetch(code).is_transient(), "{code:?}");
        }
        assert!(!ClientError::OffsetFetch(Code::TopicAuthorizationFailed).is_transient());
        assert!(!ClientError::MessageConsumption(Code::OffsetOutOfRange).is_transient());
    }
}
