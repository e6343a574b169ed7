//! Questions to the brokers about topics and offsets, on the calling thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Offset, TopicPartitionList};

use super::{ClusterInfo, PartitionLag, PartitionOffsets};
use crate::client::{QuietContext, Transience as _};
use crate::error::KafkaError;
use crate::record::TopicPartition;
use crate::settings::{Isolation, KafkaSettings};
use crate::wire::{Broker, Leaders};

/// The leaders are asked for with this patience; the caller has other things to see to.
const LEADERS_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn lag_of(end: PartitionOffsets, committed: &TopicPartitionList) -> PartitionLag {
    let found = committed.find_partition(&end.partition.topic, end.partition.partition);
    let committed = match found.map(|element| element.offset()) {
        Some(Offset::Offset(offset)) => Some(offset),
        _ => None,
    };
    let lag = (end.end - committed.unwrap_or(end.low).max(end.low)).max(0);
    PartitionLag { partition: end.partition, committed, end: end.end, lag }
}

pub(crate) fn inspector(
    settings: &KafkaSettings,
    isolation: Isolation,
) -> Result<BaseConsumer<QuietContext>, KafkaError> {
    BaseConsumer::from_config_and_context(&settings.inspector(isolation)?, QuietContext)
        .map_err(KafkaError::client("consumer"))
}

pub(crate) fn cluster_info(
    client: &BaseConsumer<QuietContext>,
    settings: &KafkaSettings,
) -> Result<ClusterInfo, KafkaError> {
    let metadata = client.fetch_metadata(None, settings.request_timeout).map_err(|error| {
        KafkaError::Unreachable { brokers: settings.brokers.clone(), reason: error.to_string() }
    })?;
    let topics =
        metadata.topics().iter().filter(|topic| topic.error().is_none()).map(|topic| {
            (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX))
        });
    Ok(ClusterInfo { brokers: metadata.brokers().len(), topics: topics.collect() })
}

pub(crate) fn partitions_of(
    client: &BaseConsumer<QuietContext>,
    settings: &KafkaSettings,
    topics: &[String],
) -> Result<Vec<TopicPartition>, KafkaError> {
    let existing = cluster_info(client, settings)?.topics;
    let mut partitions = Vec::new();
    for topic in topics {
        let Some(count) = existing.get(topic) else {
            return Err(KafkaError::TopicMissing { topic: topic.clone() });
        };
        let name: Arc<str> = topic.as_str().into();
        partitions.extend((0..*count).map(|partition| TopicPartition::new(Arc::clone(&name), partition)));
    }
    Ok(partitions)
}

/// Asks the cluster who leads the partitions of these topics.
pub(crate) fn leaders<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<Leaders, ClientError> {
    let mut leaders = Leaders::default();
    let topics: std::collections::BTreeSet<&str> = partitions.iter().map(|at| &*at.topic).collect();
    for topic in topics {
        let answer = client.fetch_metadata(Some(topic), LEADERS_PATIENCE)?;
        leaders.brokers.extend(answer.brokers().iter().map(|broker| Broker {
            id: broker.id(),
            host: broker.host().to_owned(),
            port: u16::try_from(broker.port()).unwrap_or_default(),
        }));
        for found in answer.topics() {
            let led = found.partitions().iter().filter(|partition| partition.leader() >= 0);
            leaders.of.extend(
                led.map(|partition| (TopicPartition::new(found.name(), partition.id()), partition.leader())),
            );
        }
    }
    Ok(leaders)
}

/// Low watermark, and high watermark or last stable offset by the client's isolation, of each partition in the order
/// asked. Two requests to each leader, however many partitions: one by one they would dominate a restart.
pub(crate) fn watermarks<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    settings: &KafkaSettings,
    partitions: &[TopicPartition],
) -> Result<Vec<(i64, i64)>, KafkaError> {
    let lows = list_offsets(client, settings, partitions, Offset::Beginning)?;
    let ends = list_offsets(client, settings, partitions, Offset::End)?;
    Ok(lows.into_iter().zip(ends).collect())
}

/// ListOffsets for one end of the logs. The client passes `Beginning` and `End` on as the protocol's own timestamps for
/// the earliest and the latest offset (-2 and -1).
fn list_offsets<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    settings: &KafkaSettings,
    partitions: &[TopicPartition],
    which: Offset,
) -> Result<Vec<i64>, KafkaError> {
    let unreachable = |reason: String| KafkaError::Unreachable { brokers: settings.brokers.clone(), reason };
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let end = Instant::now() + settings.request_timeout;
    loop {
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked
                .add_partition_offset(&partition.topic, partition.partition, which)
                .map_err(KafkaError::client("listing offsets"))?;
        }
        let answer = client.offsets_for_times(asked, settings.request_timeout).and_then(|answer| {
            let offset_of = |partition: &TopicPartition| {
                let found = answer.find_partition(&partition.topic, partition.partition);
                found.map_or(Ok(None), |element| {
                    element.error()?;
                    Ok(match element.offset() {
                        Offset::Offset(offset) => Some(offset),
                        _ => None,
                    })
                })
            };
            partitions.iter().map(offset_of).collect::<Result<Option<Vec<i64>>, ClientError>>()
        });
        match answer {
            Ok(Some(offsets)) => return Ok(offsets),
            Ok(None) => {
                return Err(unreachable("the answer does not name every partition asked for".to_owned()));
            }
            // A leader is being elected; a topic just created answers this way for a moment.
            Err(error) if error.is_transient() && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
                // This question goes to the leaders that the client remembers, and does not make it look for others.
                let _ = client.fetch_metadata(None, settings.request_timeout);
            }
            Err(error) => return Err(unreachable(format!("offsets of {}: {error}", partitions[0].topic))),
        }
    }
}

/// OffsetFetch, asked again while the group's coordinator moves or loads: a broker answers so for a moment after its start, and
/// when it takes the group over. Blocks for at most `patience` and one more request.
pub(crate) fn committed_offsets<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    patience: Duration,
) -> Result<TopicPartitionList, KafkaError> {
    let end = Instant::now() + patience;
    loop {
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked.add_partition(&partition.topic, partition.partition);
        }
        match client.committed_offsets(asked, patience) {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_transient() && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(KafkaError::client("asking for committed offsets")(error)),
        }
    }
}
