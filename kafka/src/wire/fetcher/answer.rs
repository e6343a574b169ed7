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
