//! The recorded topic `events`, read once from its oldest record to where it ends now: what backtests and explanations
//! stand on.
//!
//! Promises one decoding of each event, the order of each partition, and the same boundaries for everybody. Refuses to
//! write anything: no group, no offsets, no topic. What cannot be decoded is counted and passed over, as the score role
//! sends it to the dead letters and goes on.
//!
//! **Boundaries.** The rules score a campaign when a transaction ends, so what is announced depends on where
//! transactions end, and the log does not keep that. A replay ends one in a partition at the first tick of every quarter
//! of an hour of log time (days of all time zones begin at quarters), after every [`EVENTS_MAX`] events, and at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use kafka::{ConsumedRecord, KafkaError, KafkaSettings, PartitionSpan, ReadRange, TopicReader};
use schemas::record::{Event, EventBody, Origin};
use schemas::{CodecError, Decoder, Schemas, TimestampMs, Topic};

use crate::config::Config;
use crate::connect;
use crate::roles::codec_code;
use crate::topics::TopicNames;

/// Names the client towards the broker's access control; nothing is committed under it.
pub const GROUP: &str = "replay";
/// A transaction has at most so many events of a partition: what a busy second of the score role takes in.
pub const EVENTS_MAX: u32 = 50_000;
/// Days of all time zones begin at quarters of an hour.
const TICK_EVERY_MS: i64 = 15 * 60 * 1_000;
/// How often the progress bar is told; more often would show in the speed.
const PROGRESS_EVERY: u64 = 16_384;

/// Plays a replay. What it returns for an event says whether to go on.
pub trait Player {
    /// The next event of a partition.
    fn event(&mut self, key: Option<&str>, event: &Event<'_>, at: &Origin<'_>) -> bool;
    /// A transaction of the partition ends here.
    fn boundary(&mut self, partition: i32);
    /// Nothing more comes of the partition, whose last transaction has ended. Partitions come one after the other.
    fn ended(&mut self, partition: i32);
}

/// Where the log is.
pub struct Log {
    pub kafka: KafkaSettings,
    pub names: TopicNames,
    pub schemas: Arc<Schemas>,
    group: String,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Decoded events.
    pub events: u64,
    /// Records that are not events, by reason code.
    pub undecodable: BTreeMap<&'static str, u64>,
    /// What was covered of each partition.
    pub spans: Vec<PartitionSpan>,
    /// Smallest and largest moment of observation.
    pub observed: Option<(TimestampMs, TimestampMs)>,
}

impl Replayed {
    /// Partitions whose oldest records have been deleted by retention.
    pub fn truncated(&self) -> impl Iterator<Item = &PartitionSpan> {
        self.spans.iter().filter(|span| span.oldest > 0)
    }
}

impl Log {
    /// The log of the configured installation. Blocks on the registry, where there is one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            kafka: connect::kafka_settings(&config.kafka)?,
            names: TopicNames::new(&config.kafka),
            schemas: connect::schemas(config)?,
            group: format!("{}{GROUP}", config.kafka.topic_prefix),
        })
    }

    /// Opens a bounded read of a topic. Blocks.
    pub fn open(&self, topic: Topic, partitions: Option<Vec<i32>>) -> Result<TopicReader, KafkaError> {
        let range = ReadRange { partitions, ..ReadRange::whole(&self.names.name(topic)) };
        TopicReader::open(&self.kafka, &self.group, &range)
    }

    /// Opens a bounded read of a topic, one partition after the other. Blocks.
    pub fn open_in_turn(&self, topic: Topic) -> Result<TopicReader, KafkaError> {
        TopicReader::open_in_turn(&self.kafka, &self.group, &ReadRange::whole(&self.names.name(topic)))
    }

    /// Replays `events`, or some partitions of it. Blocks.
    pub fn replay(&self, partitions: Option<Vec<i32>>, player: &mut impl Player) -> anyhow::Result<Replayed> {
        let range = ReadRange { partitions, ..ReadRange::whole(&self.names.name(Topic::Events)) };
        let mut reader = TopicReader::open_in_turn(&self.kafka, &self.group, &range)?;
        let mut reading = Reading::new(self.schemas.decoder(), reader.spans());
        reader.for_each(|record| reading.take(&record, player))?;
        if let Some(error) = reading.failure {
            return Err(error.into());
        }
        reading.finish(player);
        reading.bar.finish_and_clear();
        Ok(reading.replayed)
    }
}

struct Reading {
    decoder: Decoder,
    /// The partition being read, and where its transactions end.
    current: Option<(i32, Boundaries)>,
    replayed: Replayed,
    bar: ProgressBar,
    records: u64,
    failure: Option<CodecError>,
}

impl Reading {
    fn new(decoder: Decoder, spans: &[PartitionSpan]) -> Self {
        let length: i64 = spans.iter().map(|span| span.until - span.from).sum();
        Self {
            decoder,
            current: None,
            replayed: Replayed { spans: spans.to_vec(), ..Replayed::default() },
            bar: bar(length),
            records: 0,
            failure: None,
        }
    }

    fn take(&mut self, record: &ConsumedRecord<'_>, player: &mut impl Player) -> bool {
        self.records += 1;
        if self.records.is_multiple_of(PROGRESS_EVERY) {
            self.tell(record);
        }
        let event = match self.decoder.decode::<Event<'_>>(record.value) {
            Ok(event) => event,
            // The registry does not answer; the record may be sound.
            Err(error) if error.is_transient() => {
                self.failure = Some(error);
                return false;
            }
            Err(error) => return self.refuse(codec_code(&error)),
        };
        let Ok(key) = record.key.map(schemas::text).transpose() else {
            return self.refuse("KEY_INVALID");
        };
        self.replayed.events += 1;
        let (first, last) = self.replayed.observed.unwrap_or((event.observed_at, event.observed_at));
        self.replayed.observed = Some((first.min(event.observed_at), last.max(event.observed_at)));
        let at = Origin { topic: record.topic, partition: record.partition, offset: record.offset };
        self.begin(record.partition, player);
        let goes_on = player.event(key, &event, &at);
        if self.current.as_mut().is_some_and(|(_, boundaries)| boundaries.ends(&event)) {
            player.boundary(record.partition);
        }
        goes_on
    }

    /// Where transactions of the partition end that is now being read.
    fn begin(&mut self, partition: i32, player: &mut impl Player) {
        if self.current.is_none_or(|(current, _)| current != partition) {
            self.finish(player);
            self.current = Some((partition, Boundaries::default()));
        }
    }

    fn finish(&mut self, player: &mut impl Player) {
        if let Some((partition, _)) = self.current.take() {
            player.boundary(partition);
            player.ended(partition);
        }
    }

    fn refuse(&mut self, code: &'static str) -> bool {
        *self.replayed.undecodable.entry(code).or_default() += 1;
        true
    }

    fn tell(&mut self, record: &ConsumedRecord<'_>) {
        let before = self.replayed.spans.iter().take_while(|span| span.partition < record.partition);
        let done: i64 = before.map(|span| span.until - span.from).sum();
        let here = self.replayed.spans.iter().find(|span| span.partition == record.partition);
        let done = done + here.map_or(0, |span| record.offset + 1 - span.from);
        self.bar.set_position(done.try_into().unwrap_or(0));
    }
}

/// Where transactions of one partition end.
#[derive(Clone, Copy, Debug, Default)]
struct Boundaries {
    events: u32,
    /// The quarter of an hour of the last tick that ended one.
    quarter: Option<i64>,
}

impl Boundaries {
    /// Whether a transaction ends after this event.
    fn ends(&mut self, event: &Event<'_>) -> bool {
        self.events += 1;
        let mut ends = self.events >= EVENTS_MAX;
        if matches!(event.body, EventBody::Tick(_)) {
            let quarter = event.observed_at.0.div_euclid(TICK_EVERY_MS);
            ends |= self.quarter.is_none_or(|last| quarter > last);
            self.quarter = self.quarter.max(Some(quarter));
        }
        if ends {
            self.events = 0;
        }
        ends
    }
}

/// Draws on the standard error, and only on a terminal.
fn bar(length: i64) -> ProgressBar {
    let style = ProgressStyle::with_template("replaying {bar:40} {human_pos}/{human_len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length.try_into().unwrap_or(0)).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::record::Tick;

    fn tick(minute: i64) -> Event<'static> {
        Event {
            observed_at: TimestampMs(minute * 60_000),
            origin: Origin { topic: "raw.clock", partition: 0, offset: minute },
            flags: Vec::new(),
            doubts: Vec::new(),
            body: EventBody::Tick(Tick {}),
        }
    }

    #[test]
    fn a_transaction_ends_at_the_first_tick_of_each_quarter_of_an_hour_and_not_when_time_goes_back() {
        let mut boundaries = Boundaries::default();
        let ends: Vec<i64> = [3, 4, 14, 15, 16, 29, 31, 20, 32, 59, 61]
            .into_iter()
            .filter(|minute| boundaries.ends(&tick(*minute)))
            .collect();
        assert_eq!(ends, [3, 15, 31, 59, 61]);
    }

    #[test]
    fn a_transaction_without_ticks_ends_after_its_last_event_allowed() {
        let mut boundaries = Boundaries::default();
        let mut event = tick(0);
        event.body = EventBody::QualityCounted(schemas::record::QualityCounted {
            hour_start: TimestampMs(0),
            records: 1,
            incomplete: 0,
            outlier: 0,
            rejected: 0,
        });
        let ends: Vec<u32> = (1..=2 * EVENTS_MAX + 1).filter(|_| boundaries.ends(&event)).collect();
        assert_eq!(ends, [EVENTS_MAX, 2 * EVENTS_MAX]);
    }
}
