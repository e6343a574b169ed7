//! Topics and offsets as the cluster knows them: create what is missing, verify what exists, ask for ends and lag.
//!
//! Promises never to change an existing topic: differences are reported, a different partition count is an error.
//! Called by `adpulse topics`, `adpulse check`, `/readyz` and the tests.

mod offsets;
mod report;

pub(crate) use offsets::{cluster_info, committed_offsets, inspector, leaders, partitions_of, watermarks};
pub use report::{ClusterInfo, ConfigDifference, PartitionLag, PartitionOffsets, TopicReport, TopicSpec};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode;

use crate::client::QuietContext;
use crate::error::KafkaError;
use crate::settings::{Isolation, KafkaSettings};

/// Questions and orders to the cluster. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    settings: KafkaSettings,
    orders: Arc<AdminClient<QuietContext>>,
    questions: Arc<BaseConsumer<QuietContext>>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Admin {
    /// Builds the clients; does not connect yet.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] or [`KafkaError::Client`].
    pub fn new(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let orders = AdminClient::from_config_and_context(&settings.admin()?, QuietContext)
            .map_err(KafkaError::client("admin client"))?;
        let questions = inspector(settings, Isolation::ReadCommitted)?;
        Ok(Self { settings: settings.clone(), orders: Arc::new(orders), questions: Arc::new(questions) })
    }

    /// Asks for the metadata of the whole cluster.
    ///
    /// # Errors
    /// [`KafkaError::Unreachable`] when no broker answers in time.
    pub async fn ping(&self) -> Result<ClusterInfo, KafkaError> {
        let (client, settings) = (Arc::clone(&self.questions), self.settings.clone());
        on_blocking_thread(move || cluster_info(&client, &settings)).await
    }

    /// Creates what is missing, then verifies everything.
    ///
    /// # Errors
    /// [`KafkaError::PartitionCount`] for an existing topic of another size, [`KafkaError::Topic`] when the broker refuses.
    pub async fn ensure(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, KafkaError> {
        let existing = self.ping().await?.topics;
        let missing: Vec<&TopicSpec> =
            specs.iter().filter(|spec| !existing.contains_key(&spec.name)).collect();
        // Refuse before creating anything, so that a wrong count leaves no half-made set of topics behind.
        verify_counts(specs.iter().filter(|spec| existing.contains_key(&spec.name)), &existing)?;
        if !missing.is_empty() {
            self.create(&missing).await?;
            self.wait_until_visible(&missing).await?;
        }
        let mut reports = self.verify(specs).await?;
        for report in &mut reports {
            report.created = missing.iter().any(|spec| spec.name == report.topic);
        }
        Ok(reports)
    }

    /// Compares without changing anything.
    ///
    /// # Errors
    /// [`KafkaError::TopicMissing`], [`KafkaError::PartitionCount`].
    pub async fn verify(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, KafkaError> {
        let existing = self.ping().await?.topics;
        verify_counts(specs.iter(), &existing)?;
        let resources: Vec<_> = specs.iter().map(|spec| ResourceSpecifier::Topic(&spec.name)).collect();
        let described = self
            .orders
            .describe_configs(&resources, &self.options())
            .await
            .map_err(KafkaError::client("describing topics"))?;
        let mut reports = Vec::with_capacity(specs.len());
        for (spec, resource) in specs.iter().zip(described) {
            let resource = resource.map_err(|code| refused(&spec.name, code))?;
            let differences = spec.config.iter().filter_map(|(key, expected)| {
                let found = resource.get(key).and_then(|entry| entry.value.clone());
                (found.as_ref() != Some(expected)).then(|| ConfigDifference {
                    key: key.clone(),
                    expected: expected.clone(),
                    found,
                })
            });
            reports.push(TopicReport {
                topic: spec.name.clone(),
                created: false,
                differences: differences.collect(),
            });
        }
        Ok(reports)
    }

    /// Low and end offsets of every partition of the topics.
    ///
    /// # Errors
    /// [`KafkaError::TopicMissing`], [`KafkaError::Unreachable`].
    pub async fn end_offsets(
        &self,
        topics: &[String],
        isolation: Isolation,
    ) -> Result<Vec<PartitionOffsets>, KafkaError> {
        let (settings, topics) = (self.settings.clone(), topics.to_vec());
        on_blocking_thread(move || {
            let client = inspector(&settings, isolation)?;
            let partitions = partitions_of(&client, &settings, &topics)?;
            let offsets = watermarks(&client, &settings, &partitions)?;
            let named = partitions.into_iter().zip(offsets);
            Ok(named.map(|(partition, (low, end))| PartitionOffsets { partition, low, end }).collect())
        })
        .await
    }

    /// Whether every record that the topics hold now can be seen by a reader of committed records: the answer to a commit comes
    /// before its markers are written, and until then such a reader sees nothing of the transaction.
    ///
    /// # Errors
    /// As [`Admin::end_offsets`].
    pub async fn is_decided(&self, topics: &[String]) -> Result<bool, KafkaError> {
        let written = self.end_offsets(topics, Isolation::ReadUncommitted).await?;
        let visible = self.end_offsets(topics, Isolation::ReadCommitted).await?;
        Ok(written.iter().zip(&visible).all(|(written, visible)| visible.end >= written.end))
    }

    /// Committed offsets of a group against the ends of the topics.
    ///
    /// # Errors
    /// [`KafkaError::TopicMissing`], [`KafkaError::Unreachable`].
    pub async fn lag(&self, group: &str, topics: &[String]) -> Result<Vec<PartitionLag>, KafkaError> {
        let ends = self.end_offsets(topics, Isolation::ReadCommitted).await?;
        let (settings, group) = (self.settings.clone(), group.to_owned());
        on_blocking_thread(move || {
            // Uncommitted isolation, or the answer would wait for the group's open transaction.
            let config = settings.assigned_consumer(&group, Isolation::ReadUncommitted, 1 << 20)?;
            let client = BaseConsumer::from_config_and_context(&config, QuietContext)
                .map_err(KafkaError::client("consumer"))?;
            let partitions: Vec<_> = ends.iter().map(|end| end.partition.clone()).collect();
            let committed = committed_offsets(&client, &partitions, settings.request_timeout)?;
            Ok(ends.into_iter().map(|end| offsets::lag_of(end, &committed)).collect())
        })
        .await
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.settings.request_timeout))
            .operation_timeout(Some(self.settings.request_timeout))
    }

    async fn create(&self, missing: &[&TopicSpec]) -> Result<(), KafkaError> {
        let topics = missing.iter().map(|spec| {
            let topic =
                NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(spec.replication_factor));
            spec.config.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        });
        let topics: Vec<NewTopic<'_>> = topics.collect();
        let results = self
            .orders
            .create_topics(&topics, &self.options())
            .await
            .map_err(KafkaError::client("creating topics"))?;
        for result in results {
            match result {
                // Another process may have been quicker; the verification that follows looks at what it made.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(refused(&topic, code)),
            }
        }
        Ok(())
    }

    /// A created topic takes a moment to reach every broker's metadata.
    async fn wait_until_visible(&self, specs: &[&TopicSpec]) -> Result<(), KafkaError> {
        let end = Instant::now() + self.settings.request_timeout;
        loop {
            let existing = self.ping().await?.topics;
            let Some(absent) = specs.iter().find(|spec| !existing.contains_key(&spec.name)) else {
                return Ok(());
            };
            if Instant::now() >= end {
                return Err(KafkaError::TopicMissing { topic: absent.name.clone() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn verify_counts<'a>(
    specs: impl Iterator<Item = &'a TopicSpec>,
    existing: &BTreeMap<String, i32>,
) -> Result<(), KafkaError> {
    for spec in specs {
        match existing.get(&spec.name) {
            None => return Err(KafkaError::TopicMissing { topic: spec.name.clone() }),
            Some(&found) if found != spec.partitions => {
                let topic = spec.name.clone();
                return Err(KafkaError::PartitionCount { topic, expected: spec.partitions, found });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn refused(topic: &str, code: RDKafkaErrorCode) -> KafkaError {
    KafkaError::Topic { topic: topic.to_owned(), reason: code.to_string() }
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(KafkaError::Stopped("admin".to_owned())))
}
