//! Topic names with the installation's prefix, and what Kafka is to be told about them.

use kafka::TopicSpec;
use schemas::{Cleanup, Topic};

use crate::config;

/// Topics under a prefix.
#[derive(Clone, Debug)]
pub struct TopicNames {
    prefix: String,
}

impl TopicNames {
    /// The names of the configured installation.
    pub fn new(settings: &config::Kafka) -> Self {
        Self { prefix: settings.topic_prefix.clone() }
    }

    /// The full name of a topic.
    pub fn name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The full names of some topics.
    pub fn names(&self, topics: &[Topic]) -> Vec<String> {
        topics.iter().map(|&topic| self.name(topic)).collect()
    }

    /// Which topic a full name belongs to.
    pub fn topic(&self, name: &str) -> Option<Topic> {
        let bare = name.strip_prefix(self.prefix.as_str())?;
        Topic::ALL.into_iter().find(|topic| topic.name() == bare)
    }
}

/// A letter holds a record of the largest size that brokers take by default, its key twice, and the reason.
const LETTER_BYTES_MAX: &str = "4194304";

/// What Kafka is told: partitions, replication, cleanup, retention, and how large a letter may be.
pub fn specs(settings: &config::Kafka) -> anyhow::Result<Vec<TopicSpec>> {
    let names = TopicNames::new(settings);
    Topic::ALL
        .into_iter()
        .map(|topic| {
            let described = topic.spec()?;
            let mut spec =
                TopicSpec::new(&names.name(topic), settings.partitions, settings.replication_factor);
            if topic == Topic::DeadLetters {
                spec = spec.with("max.message.bytes", LETTER_BYTES_MAX);
            }
            Ok(match (described.cleanup, described.retention_days) {
                (Cleanup::Compact, _) => spec.with("cleanup.policy", "compact"),
                (Cleanup::Delete, days) => {
                    let ms = u64::from(days.unwrap_or(7)) * 86_400_000;
                    spec.with("cleanup.policy", "delete").with("retention.ms", &ms.to_string())
                }
            })
        })
        .collect()
}
