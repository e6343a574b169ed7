//! A corpus onto topics, in one transaction: all of it is there or nothing.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{KafkaSettings, Placement, Record, TransactionalUpload};
use schemas::{Encoder, Schemas, Topic, TopicValue};

use crate::corpus::steady::Damage;

/// Brokers allow no longer transaction by default.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Writes values to topics, placed by their keys.
pub struct Loader {
    upload: TransactionalUpload,
    prefix: &'static str,
    topics: Vec<(Topic, String, Encoder)>,
    buffer: Vec<u8>,
    bar: ProgressBar,
}

impl Loader {
    pub(super) fn begin(
        settings: &KafkaSettings,
        prefix: &'static str,
        records: u64,
    ) -> anyhow::Result<Self> {
        let upload = TransactionalUpload::begin(settings, "bench-load", TIMEOUT).context("loading")?;
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new(records) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("loading {bar:40} {pos}/{len} {per_sec} {eta}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Ok(Self { upload, prefix, topics: Vec::new(), buffer: Vec::new(), bar })
    }

    /// Adds a record.
    pub fn put<'a, T: TopicValue<'a>>(&mut self, topic: Topic, key: &str, value: &T) -> anyhow::Result<()> {
        self.encode(topic, value)?;
        self.send(topic, Placement::ByKey, key)
    }

    /// Adds a record to a partition.
    pub fn put_in<'a, T: TopicValue<'a>>(
        &mut self,
        topic: Topic,
        partition: i32,
        key: &str,
        value: &T,
    ) -> anyhow::Result<()> {
        self.encode(topic, value)?;
        self.send(topic, Placement::Explicit(partition), key)
    }

    /// Adds a record that nobody can read.
    pub fn put_damaged<'a, T: TopicValue<'a>>(
        &mut self,
        topic: Topic,
        key: &str,
        value: &T,
        damage: Damage,
    ) -> anyhow::Result<()> {
        self.encode(topic, value)?;
        match damage {
            Damage::Unframed => self.buffer[0] = b'{',
            Damage::CutShort => self.buffer.truncate(self.buffer.len() / 2),
            Damage::Trailing => self.buffer.push(0),
        }
        self.send(topic, Placement::ByKey, key)
    }

    /// Puts the framed value into the buffer.
    fn encode<'a, T: TopicValue<'a>>(&mut self, topic: Topic, value: &T) -> anyhow::Result<()> {
        let at = self.position(topic);
        self.buffer.clear();
        Ok(self.topics[at].2.encode(value, &mut self.buffer)?)
    }

    fn position(&mut self, topic: Topic) -> usize {
        let known = self.topics.iter().position(|(known, ..)| *known == topic);
        known.unwrap_or_else(|| {
            let name = format!("{}{}", self.prefix, topic.name());
            self.topics.push((topic, name, Schemas::compiled().encoder(topic)));
            self.topics.len() - 1
        })
    }

    fn send(&mut self, topic: Topic, placement: Placement, key: &str) -> anyhow::Result<()> {
        let at = self.position(topic);
        let (_, name, _) = &self.topics[at];
        self.upload
            .send(&Record { placement, ..Record::new(name, Some(key.as_bytes()), Some(&self.buffer)) })?;
        if self.upload.records().is_multiple_of(1_024) {
            self.bar.set_position(self.upload.records());
        }
        Ok(())
    }

    pub(super) fn commit(self) -> anyhow::Result<()> {
        self.upload.commit().context("loading")?;
        self.bar.finish_and_clear();
        Ok(())
    }
}
