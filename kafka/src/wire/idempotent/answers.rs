//! What leaders have answered, and what becomes of the batches.

use std::time::Instant;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceResponse;

use super::link::Place;
use super::verdict::{Verdict, judge};
use super::worker::Worker;
use crate::error::ProduceError;

impl Worker {
    /// Takes in what leaders have answered.
    pub(super) fn receive(&mut self) {
        for leader in 0..self.leaders.len() {
            match self.leaders[leader].answer(Instant::now(), self.options.request_timeout) {
                Ok(None) => {}
                Ok(Some((response, places))) => self.settle(&response, &places),
                Err(error) => self.lost(leader, &error),
            }
        }
    }

    fn settle(&mut self, response: &ProduceResponse, places: &[Place]) {
        for &(topic, place) in places {
            let number = i32::try_from(place).unwrap_or(i32::MAX);
            let name = self.topics[topic].name.clone();
            let of_topic = response.responses.iter().filter(|answer| answer.name.as_str() == name);
            let mut answers = of_topic.flat_map(|answer| &answer.partition_responses);
            let answer = answers.find(|answer| answer.index == number);
            let partition = &mut self.topics[topic].partitions[place];
            partition.busy = false;
            let Some(answer) = answer else {
                self.again((topic, place), "the leader has not answered about the partition");
                continue;
            };
            let Some(error) = ResponseError::try_from_code(answer.error_code) else {
                partition.written(&self.shared, &name, number, answer.base_offset);
                continue;
            };
            let more = answer.error_message.as_ref().map(|message| format!(" ({})", message.as_str()));
            let reason = format!("{error}{}", more.unwrap_or_default());
            match judge(error) {
                Verdict::Again => self.again((topic, place), &reason),
                Verdict::Anew => {
                    self.identity = None;
                    self.again((topic, place), &reason);
                }
                Verdict::Duplicate => partition.duplicate(&self.shared, &name),
                Verdict::Refused => partition.give_up(&self.shared, &name, || ProduceError::Refused {
                    topic: name.clone(),
                    reason: reason.clone(),
                }),
                Verdict::Unknown => {
                    partition.give_up(&self.shared, &name, || ProduceError::NotAcknowledged {
                        topic: name.clone(),
                        reason: reason.clone(),
                    });
                    self.identity = None;
                }
            }
        }
    }

    /// The batch stays first in its partition; who leads is asked before it is sent again.
    fn again(&mut self, (topic, place): Place, reason: &str) {
        self.topics[topic].learned = None;
        self.topics[topic].partitions[place].leader = None;
        self.trouble(&reason);
    }
}
