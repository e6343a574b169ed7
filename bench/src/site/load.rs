//! A corpus onto topics, in one transaction: all of it is there or nothing.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{KafkaSettings, Record, TransactionalUpload};
use schemas::{Encoder, Schemas, Topic};
use serde::Serialize;

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
    pub fn put<T: Serialize>(&mut self, topic: Topic, key: &str, value: &T) -> anyhow::Result<()> {
        let known = self.topics.iter().position(|(known, ..)| *known == topic);
        let at = known.unwrap_or_else(|| {
            let name = format!("{}{}", self.prefix, topic.name());
            self.topics.push((topic, name, Schemas::compiled().encoder(topic)));
            self.topics.len() - 1
        });
        let (_, name, encoder) = &mut self.topics[at];
        self.buffer.clear();
        encoder.encode(value, &mut self.buffer)?;
        self.upload.send(&Record::new(name, Some(key.as_bytes()), Some(&self.buffer)))?;
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
