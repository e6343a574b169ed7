//! Fetches the records of the partitions that a member was given.
//!
//! One request to each leader is always under way: as soon as a response is here the next one is asked for, and waits in the
//! socket while this one is worked off. So what is fetched ahead is bounded by one response in memory and one in the
//! kernel for each broker. Everything happens on the caller's thread, inside of [`Fetcher::fill`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use self::link::Link;
use self::part::{Part, Step};
use super::batch::BatchReader;
use super::leaders::Leaders;
use crate::bounded::Span;
use crate::metrics;
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::Isolation;

mod answer;
mod exchange;
mod link;
mod part;

/// Records handed out between two looks at rebalances.
const SLICE: usize = 512;

/// A partition that has more than fits keeps its turn for so many answers. Far behind, a transaction then touches few
/// partitions, so fewer campaigns, for each of which it has more records.
const STAY: u32 = 8;

/// How often the lag is told.
const LAG_EVERY: Duration = Duration::from_secs(1);

/// How records are asked for.
#[derive(Debug, Clone)]
pub(crate) struct FetchOptions {
    /// Label of the metrics.
    pub(crate) group: String,
    pub(crate) client_id: String,
    pub(crate) isolation: Isolation,
    /// A broker without records holds its answer back for so long.
    pub(crate) wait: Duration,
    pub(crate) min_bytes: i32,
    /// Of one answer.
    pub(crate) max_bytes: i32,
    /// Of one partition in an answer.
    pub(crate) partition_max_bytes: i32,
    /// Pause after an error.
    pub(crate) backoff: Duration,
    /// Limit of connecting, and of an answer beyond `wait`.
    pub(crate) request_timeout: Duration,
}

/// Finds the leaders of all partitions of these topics.
pub(crate) type FindLeaders<'a> = dyn FnMut(&[TopicPartition]) -> Result<Leaders, ClientError> + 'a;

/// A partition and how far it has been read.
#[derive(Debug)]
struct Cursor {
    at: TopicPartition,
    /// The offset to ask for next.
    fetch: i64,
    /// The first offset that was not handed out. Told by the batch.
    next: i64,
    /// Where reading ends; nothing from here on is handed out or asked for.
    until: i64,
    /// Up to where it can be read, as of the last answer.
    stable: i64,
    /// Index of the link to its leader.
    link: Option<usize>,
    /// It was reported that nothing can be read here; the caller decides.
    failed: bool,
}

impl Cursor {
    fn is_wanted(&self) -> bool {
        !self.failed && self.fetch < self.until
    }
}

/// The partitions of a member and the connections to their leaders.
#[derive(Debug)]
pub(crate) struct Fetcher {
    options: FetchOptions,
    cursors: Vec<Cursor>,
    links: Vec<Link>,
    /// Positions were set so often; an answer to a question from before is of no use.
    epoch: u64,
    leaders_known: bool,
    not_before: Option<Instant>,
    paused: bool,
    /// The partition that comes first in the next request, and how many answers it has filled in a row.
    turn: usize,
    stayed: u32,
    parts: VecDeque<Part>,
    reader: BatchReader,
    errors: VecDeque<ClientError>,
    slice: usize,
    lag_told: Instant,
}

impl Fetcher {
    pub(crate) fn new(options: FetchOptions) -> Self {
        Self {
            options,
            cursors: Vec::new(),
            links: Vec::new(),
            epoch: 0,
            leaders_known: false,
            not_before: None,
            paused: false,
            turn: 0,
            stayed: 0,
            parts: VecDeque::new(),
            reader: BatchReader::default(),
            errors: VecDeque::new(),
            slice: 0,
            lag_told: Instant::now(),
        }
    }

    /// Reads these partitions from these offsets on, and no others.
    pub(crate) fn assign(&mut self, starts: &[(TopicPartition, i64)]) {
        let span = |(at, from): &(TopicPartition, i64)| Span { at: at.clone(), from: *from, until: i64::MAX };
        self.assign_spans(&starts.iter().map(span).collect::<Vec<_>>());
    }

    /// The same, each up to its end.
    pub(crate) fn assign_spans(&mut self, spans: &[Span]) {
        self.discard();
        let cursor = |Span { at, from, until }: &Span| Cursor {
            at: at.clone(),
            fetch: *from,
            next: *from,
            until: *until,
            stable: *from,
            link: None,
            failed: false,
        };
        self.cursors = spans.iter().map(cursor).collect();
        self.leaders_known = false;
        self.not_before = None;
        self.paused = false;
        (self.turn, self.stayed) = (0, 0);
    }

    /// Goes on from these offsets; partitions that are not named stay where they are.
    pub(crate) fn seek(&mut self, offsets: &[(TopicPartition, i64)]) {
        self.discard();
        for cursor in &mut self.cursors {
            let sought = offsets.iter().find(|(at, _)| *at == cursor.at).map(|(_, offset)| *offset);
            cursor.next = sought.unwrap_or(cursor.next);
            cursor.fetch = cursor.next;
            cursor.failed = false;
        }
    }

    /// Drops what was fetched and not handed out.
    pub(crate) fn discard(&mut self) {
        self.epoch += 1;
        self.reader.close();
        self.parts.clear();
        self.errors.clear();
    }

    /// Whether everything up to the ends has been handed out or passed over, and every error told.
    pub(crate) fn is_done(&self) -> bool {
        self.unfinished().next().is_none() && self.parts.is_empty() && self.errors.is_empty()
    }

    /// Partitions of which something has still to be asked for.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &TopicPartition> {
        self.cursors.iter().filter(|cursor| cursor.fetch < cursor.until).map(|cursor| &cursor.at)
    }

    /// Grows whenever the reading gets on.
    pub(crate) fn progress(&self) -> i64 {
        self.cursors.iter().map(|cursor| cursor.next).fold(0, i64::wrapping_add)
    }

    /// Asks for nothing while paused. What is here or on its way stays.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether [`Fetcher::next`] has something, waiting at most so long. Asks the leaders' brokers for more.
    pub(crate) fn fill(&mut self, wait: Duration, find: &mut FindLeaders<'_>) -> bool {
        self.slice = SLICE;
        let deadline = Instant::now() + wait;
        loop {
            if self.advance() {
                return true;
            }
            if !self.cursors.is_empty() && self.is_done() {
                return false;
            }
            self.ask(find);
            if self.collect() {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.wait(left);
        }
    }

    /// The next record, borrowed until the next call, or what stands in the way of one.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Result<ConsumedRecord<'_>, ClientError>> {
        let span = loop {
            if self.slice == 0 {
                return None;
            }
            match self.reader.next() {
                Ok(Some(span)) => {
                    let Cursor { next, until, .. } = self.cursors[self.parts.front()?.cursor];
                    // A batch may begin before the offset that was asked for, and end after the last.
                    if (next..until).contains(&self.reader.offset_of(&span)) {
                        break span;
                    }
                }
                Ok(None) => {
                    if !self.advance() {
                        return None;
                    }
                    if let Some(error) = self.errors.pop_front() {
                        return Some(Err(error));
                    }
                }
                Err(reason) => {
                    self.damaged(&reason);
                    return self.errors.pop_front().map(Err);
                }
            }
        };
        self.slice -= 1;
        let cursor = &self.cursors[self.parts.front()?.cursor];
        Some(Ok(self.reader.record(span, &cursor.at.topic, cursor.at.partition)))
    }

    /// Goes to the next batch that has records for the caller.
    fn advance(&mut self) -> bool {
        loop {
            if !self.errors.is_empty() || self.reader.has_more() {
                return true;
            }
            let Some(part) = self.parts.front_mut() else { return false };
            let cursor = &mut self.cursors[part.cursor];
            match part.step(&mut self.reader, self.options.isolation) {
                Ok(Step::Opened) => {}
                Ok(Step::Passed { next }) => cursor.next = cursor.next.max(next),
                Ok(Step::Done) => self.finish_part(),
                Err(reason) => self.damaged(&reason),
            }
        }
    }

    /// The buffer of an answer is used again when its last part is done.
    fn finish_part(&mut self) {
        let Some(part) = self.parts.pop_front() else { return };
        self.reader.close();
        let Part { link, frame, records, .. } = part;
        drop(records);
        if self.parts.iter().all(|other| other.link != link)
            && let Some(link) = self.links.get_mut(link)
        {
            link.recycle(frame);
        }
    }

    /// The bytes in hand are no records: the rest of this partition is not read, and the caller is told.
    fn damaged(&mut self, reason: &str) {
        if let Some(part) = self.parts.pop_front() {
            let cursor = &mut self.cursors[part.cursor];
            cursor.failed = true;
            tracing::error!(group = self.options.group, partition = %cursor.at, offset = cursor.next, reason,
                "a batch of records cannot be read");
        }
        self.reader.close();
        self.errors.push_back(ClientError::MessageConsumption(Code::BadMessage));
    }

    /// Tells the lag if it is time to. It is counted to the last stable offset: what an open transaction hides cannot be read yet.
    fn tell_lag(&mut self) {
        if self.lag_told.elapsed() < LAG_EVERY {
            return;
        }
        self.lag_told = Instant::now();
        // Whoever reads to a known end is no member that could lag behind.
        for cursor in self.cursors.iter().filter(|cursor| cursor.until == i64::MAX) {
            let lag = (cursor.stable - cursor.next).max(0);
            metrics::set_lag(&self.options.group, &cursor.at.topic, cursor.at.partition, lag);
        }
    }
}
