//! Reads known spans of partitions to their ends: restore, dead letters, backtests.
//!
//! Promises every record of a span in order, and then to be done, also when the last offsets of a span hold markers of transactions,
//! aborted records, or nothing at all because compaction took it. Records come through connections of our own, or, where
//! those are protected, through the client library.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as ClientError;

use crate::client::{QuietContext, Transience as _};
use crate::error::KafkaError;
use crate::group::offset_list;
use crate::native::FetchingConsumer;
use crate::record::{ConsumedRecord, TopicPartition};
use crate::settings::{Isolation, KafkaSettings};
use crate::topics::leaders;
use crate::wire::Fetcher;

/// A part of a partition: from one offset to one before the other.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) at: TopicPartition,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// What one call brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The reading got on.
    Some,
    /// Nothing came for as long as was waited.
    Nothing,
    /// The visitor wants no more.
    Stopped,
}

/// A consumer outside of any group.
pub(crate) struct BoundedConsumer {
    via: Via,
    /// Named in errors.
    operation: &'static str,
}

enum Via {
    Direct {
        fetcher: Box<Fetcher>,
        /// Asked for leaders.
        asking: Arc<BaseConsumer<QuietContext>>,
        /// How far the fetcher was when that was last looked at.
        progress: i64,
    },
    Library {
        client: Box<FetchingConsumer<QuietContext>>,
        open: Vec<Span>,
    },
}

impl BoundedConsumer {
    /// `asking` is asked who leads which partition.
    pub(crate) fn new(
        settings: &KafkaSettings,
        (group, isolation): (&str, Isolation),
        prefetch_bytes: usize,
        asking: Arc<BaseConsumer<QuietContext>>,
        operation: &'static str,
    ) -> Result<Self, KafkaError> {
        let config = settings.assigned_consumer(group, isolation, prefetch_bytes)?;
        let via = match settings.direct_fetch(&config, (group, isolation), prefetch_bytes) {
            Some(options) => Via::Direct { fetcher: Box::new(Fetcher::new(options)), asking, progress: 0 },
            None => BaseConsumer::from_config_and_context(&config, QuietContext)
                .map(FetchingConsumer::new)
                .map(|client| Via::Library { client: Box::new(client), open: Vec::new() })
                .map_err(KafkaError::client("consumer"))?,
        };
        Ok(Self { via, operation })
    }

    /// Reads these spans from now on, all of one topic, and nothing of earlier ones.
    pub(crate) fn assign(&mut self, mut spans: Vec<Span>) -> Result<(), KafkaError> {
        spans.retain(|span| span.from < span.until);
        match &mut self.via {
            Via::Direct { fetcher, .. } => fetcher.assign_spans(&spans),
            Via::Library { client, open } => {
                let list = offset_list(spans.iter().map(|Span { at, from, .. }| (at.clone(), *from)))?;
                client.join_queues(spans.iter().map(|span| &span.at))?;
                client.assign(&list).map_err(KafkaError::client("assigning"))?;
                *open = spans;
            }
        }
        Ok(())
    }

    /// Whether every span has been handed out to its end.
    pub(crate) fn is_done(&self) -> bool {
        match &self.via {
            Via::Direct { fetcher, .. } => fetcher.is_done(),
            Via::Library { open, .. } => open.is_empty(),
        }
    }

    /// A partition that has not been read to its end.
    pub(crate) fn unfinished(&self) -> Option<i32> {
        match &self.via {
            Via::Direct { fetcher, .. } => fetcher.unfinished().next().map(|at| at.partition),
            Via::Library { open, .. } => open.first().map(|span| span.at.partition),
        }
    }

    /// Hands the records that are here to `visit`, which may stop the reading by returning `false`; waits at most so long for
    /// the first.
    ///
    /// # Errors
    /// What the client reports and does not mend by itself, and what `visit` reports.
    pub(crate) fn take(
        &mut self,
        wait: Duration,
        visit: impl FnMut(ConsumedRecord<'_>) -> Result<bool, KafkaError>,
    ) -> Result<Taken, KafkaError> {
        let operation = self.operation;
        let failed = |source| KafkaError::Client { operation, source };
        match &mut self.via {
            Via::Direct { fetcher, asking, progress } => {
                let filled = fetcher.fill(wait, &mut |partitions| leaders(asking, partitions));
                if !filled {
                    let before = std::mem::replace(progress, fetcher.progress());
                    return Ok(if *progress == before { Taken::Nothing } else { Taken::Some });
                }
                take_direct(fetcher, visit, failed)
            }
            Via::Library { client, open } => {
                if let Some(error) = client.serve().filter(|error| !error.is_transient()) {
                    return Err(failed(error));
                }
                if !client.fill(wait) {
                    return Ok(Taken::Nothing);
                }
                take_library(client, open, visit, failed)
            }
        }
    }
}

fn take_direct(
    fetcher: &mut Fetcher,
    mut visit: impl FnMut(ConsumedRecord<'_>) -> Result<bool, KafkaError>,
    failed: impl Fn(ClientError) -> KafkaError,
) -> Result<Taken, KafkaError> {
    while let Some(next) = fetcher.next() {
        match next {
            Ok(record) => {
                if !visit(record)? {
                    return Ok(Taken::Stopped);
                }
            }
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Taken::Some)
}

fn take_library(
    client: &mut FetchingConsumer<QuietContext>,
    open: &mut Vec<Span>,
    mut visit: impl FnMut(ConsumedRecord<'_>) -> Result<bool, KafkaError>,
    failed: impl Fn(ClientError) -> KafkaError,
) -> Result<Taken, KafkaError> {
    // Records of a partition come in runs.
    let mut run = 0;
    while let Some(next) = client.next() {
        match next {
            Ok(record) => {
                let is_its = |span: &Span| span.at.partition == record.partition;
                if !open.get(run).is_some_and(is_its) {
                    let Some(found) = open.iter().position(is_its) else { continue };
                    run = found;
                }
                // The end of an earlier topic's partitions may still have been on its way.
                if record.topic != &*open[run].at.topic {
                    continue;
                }
                let (until, offset) = (open[run].until, record.offset);
                if offset < until && !visit(record)? {
                    return Ok(Taken::Stopped);
                }
                if offset + 1 >= until {
                    open.remove(run);
                }
            }
            // The fetch position has passed everything that is readable, markers included.
            Err(ClientError::PartitionEOF(partition)) => open.retain(|span| span.at.partition != partition),
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Taken::Some)
}
