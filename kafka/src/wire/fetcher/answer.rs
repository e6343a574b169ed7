//! Taking in an answer: what is there of each partition, and what stands in the way.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::PartitionData;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;

use super::link::Answer;
use super::part::{Aborted, Part, end_of};
use super::{Fetcher, STAY};

impl Fetcher {
    /// Takes in the answer to a question that is still of interest.
    pub(super) fn accept(&mut self, link: usize, answer: Answer) {
        let Answer { asked, response, frame, .. } = answer;
        if let Some(error) = ResponseError::try_from_code(response.error_code) {
            return self.lost(link, &error);
        }
        let is_nothing = |partition: &PartitionData| {
            partition.error_code == 0 && partition.records.as_ref().is_none_or(bytes::Bytes::is_empty)
        };
        // The broker gives at least one batch if any partition has one.
        let has_none = response.responses.iter().flat_map(|topic| &topic.partitions).all(is_nothing);
        let mut order = asked.into_iter();
        for topic in response.responses {
            for partition in topic.partitions {
                let is_it = |cursor: &usize| {
                    let at = &self.cursors[*cursor].at;
                    at.partition == partition.partition_index && *at.topic == *topic.topic.as_str()
                };
                // Answers come in the order of the questions, or else they are looked for.
                let found = order.next().filter(is_it);
                let Some(cursor) = found.or_else(|| (0..self.cursors.len()).find(is_it)) else { continue };
                self.accept_partition(link, cursor, partition, &frame);
                let cursor = &mut self.cursors[cursor];
                if has_none && cursor.stable >= cursor.until {
                    // What was there before its end has been compacted away.
                    cursor.fetch = cursor.until;
                }
            }
        }
    }

    fn accept_partition(&mut self, link: usize, index: usize, data: PartitionData, frame: &bytes::Bytes) {
        if let Some(error) = ResponseError::try_from_code(data.error_code) {
            return self.refused(index, error);
        }
        let cursor = &mut self.cursors[index];
        cursor.stable =
            if data.last_stable_offset >= 0 { data.last_stable_offset } else { data.high_watermark };
        let Some(records) = data.records.filter(|records| !records.is_empty()) else { return };
        let end = match end_of(&records) {
            Ok(Some(end)) => end,
            Ok(None) => return self.unreadable(index, "a batch that is cut off"),
            Err(reason) => return self.unreadable(index, &reason),
        };
        cursor.fetch = cursor.fetch.max(end);
        let mut aborted: Vec<Aborted> = data
            .aborted_transactions
            .into_iter()
            .flatten()
            .map(|entry| Aborted { producer_id: entry.producer_id.0, first_offset: entry.first_offset })
            .collect();
        aborted.sort_by_key(|aborted| aborted.first_offset);
        self.take_turns(index, records.len());
        self.parts.push_back(Part {
            cursor: index,
            link,
            frame: frame.clone(),
            records,
            aborted,
            aborting: Vec::new(),
            open_until: None,
        });
    }

    /// Decides who comes first next time: a partition that fills its answers for some time, then the one after it.
    fn take_turns(&mut self, index: usize, bytes: usize) {
        let limit = usize::try_from(self.options.partition_max_bytes).unwrap_or(usize::MAX);
        if index != self.turn % self.cursors.len() {
            return;
        }
        self.stayed += 1;
        if bytes < limit / 2 || self.stayed >= STAY {
            (self.turn, self.stayed) = (index + 1, 0);
        }
    }

    fn unreadable(&mut self, index: usize, reason: &str) {
        let cursor = &mut self.cursors[index];
        cursor.failed = true;
        tracing::error!(group = self.options.group, partition = %cursor.at, offset = cursor.fetch, reason,
            "what was fetched cannot be read");
        self.errors.push_back(ClientError::MessageConsumption(Code::BadMessage));
    }

    /// A broker gave an error instead of records: it is not the leader (any more), or nothing can be read here.
    fn refused(&mut self, index: usize, error: ResponseError) {
        if error.is_retriable() {
            let partition = self.cursors[index].at.to_string();
            return self.trouble(&partition, &error);
        }
        self.cursors[index].failed = true;
        let code = RDKafkaRespErr::try_from(i32::from(error.code())).map_or(Code::Unknown, Code::from);
        self.errors.push_back(ClientError::MessageConsumption(code));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use kafka_protocol::messages::fetch_response::FetchableTopicResponse;
    use kafka_protocol::messages::{FetchResponse, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::bounded::Span;
    use crate::record::TopicPartition;
    use crate::settings::Isolation;
    use crate::wire::FetchOptions;
    use crate::wire::fetcher::part::tests::log;

    /// A fetcher of two partitions, each to be read from offset 0 to 6.
    fn fetcher() -> Fetcher {
        let mut fetcher = Fetcher::new(FetchOptions {
            group: "group".to_owned(),
            client_id: "client".to_owned(),
            isolation: Isolation::ReadCommitted,
            wait: Duration::ZERO,
            min_bytes: 1,
            max_bytes: 1 << 20,
            partition_max_bytes: 1 << 20,
            backoff: Duration::ZERO,
            request_timeout: Duration::ZERO,
        });
        let span = |number| Span { at: TopicPartition::new("topic", number), from: 0, until: 6 };
        fetcher.assign_spans(&[span(0), span(1)]);
        fetcher
    }

    /// What a broker says of both partitions: the last stable offset and the records.
    fn answer(partitions: [(i64, Bytes); 2]) -> Answer {
        let data = partitions.into_iter().zip(0..).map(|((stable, records), number)| {
            PartitionData::default()
                .with_partition_index(number)
                .with_high_watermark(stable)
                .with_last_stable_offset(stable)
                .with_records(Some(records))
        });
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(StrBytes::from_static_str("topic")))
            .with_partitions(data.collect());
        let response = FetchResponse::default().with_responses(vec![topic]);
        Answer { epoch: 1, asked: vec![0, 1], response, frame: Bytes::new() }
    }

    fn offsets(fetcher: &mut Fetcher) -> Vec<(i32, i64)> {
        let mut offsets = Vec::new();
        let mut find = |_: &[TopicPartition]| Err(ClientError::MetadataFetch(Code::AllBrokersDown));
        while fetcher.fill(Duration::ZERO, &mut find) {
            while let Some(record) = fetcher.next() {
                let record = record.unwrap();
                offsets.push((record.partition, record.offset));
            }
        }
        offsets
    }

    #[test]
    fn a_span_ends_after_the_batch_that_reaches_its_end_whatever_that_batch_is() {
        let mut fetcher = fetcher();
        fetcher.accept(0, answer([(6, log()), (6, log())]));
        assert!(!fetcher.is_done(), "records wait to be handed out");
        let read = |number| [0, 1, 2, 4].map(|offset| (number, offset));
        assert_eq!(offsets(&mut fetcher), [read(0), read(1)].concat());
        assert!(fetcher.is_done());
    }

    #[test]
    fn nothing_from_the_end_of_a_span_on_is_handed_out() {
        let mut fetcher = fetcher();
        let span = |number| Span { at: TopicPartition::new("topic", number), from: 1, until: 2 };
        fetcher.assign_spans(&[span(0), span(1)]);
        fetcher.accept(0, answer([(6, log()), (6, log())]));
        assert_eq!(offsets(&mut fetcher), [(0, 1), (1, 1)]);
        assert!(fetcher.is_done());
    }

    #[test]
    fn a_span_whose_last_records_were_compacted_away_ends_when_the_broker_has_nothing_more() {
        let mut fetcher = fetcher();
        fetcher.accept(0, answer([(6, Bytes::new()), (6, log())]));
        offsets(&mut fetcher);
        assert!(!fetcher.is_done(), "the answer may have had no room for the first partition");
        fetcher.accept(0, answer([(5, Bytes::new()), (6, Bytes::new())]));
        assert!(!fetcher.is_done(), "a transaction hides what lies before the end");
        fetcher.accept(0, answer([(6, Bytes::new()), (6, Bytes::new())]));
        assert!(fetcher.is_done());
    }
}
