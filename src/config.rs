//! Settings: `default.toml`, then a file, then the environment; unknown keys refused, secrets masked.
//!
//! Raw settings become [`Config`] once, at the start; everything else is handed the part it needs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize, Serializer};

const DEFAULTS: &str = include_str!("../default.toml");
const FILE: &str = "adpulse.toml";
const MASK: &str = "********";

/// A value that no log, metric, error or listing shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that was made rather than read.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { MASK })
    }
}

/// All settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub kafka: Kafka,
    pub registry: Registry,
    pub processing: Processing,
    pub clock: Clock,
    pub ingest: Ingest,
    pub csv: Csv,
    pub api: Listen,
    pub metrics: Listen,
    pub http: httpserver::Limits,
    pub clickhouse: ClickHouse,
    pub postgres: Postgres,
    #[serde(default)]
    pub policy: toml::Table,
    #[serde(default)]
    pub crm: BTreeMap<String, Crm>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub brokers: String,
    pub client_id: String,
    pub topic_prefix: String,
    pub partitions: i32,
    pub replication_factor: i32,
    pub security_protocol: String,
    pub sasl_mechanism: String,
    pub sasl_username: String,
    pub sasl_password: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl_password_file: Option<PathBuf>,
    pub ssl_ca_path: String,
    pub ssl_certificate_path: String,
    pub ssl_key_path: String,
    pub request_timeout_ms: u64,
    pub delivery_timeout_ms: u64,
    pub queue_bytes: usize,
    pub direct: bool,
    #[serde(default)]
    pub extra: BTreeMap<String, Secret>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    pub url: String,
    pub username: String,
    pub password: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    pub register: bool,
}

/// How much a crash may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Transactions.
    ExactlyOnce,
    /// Acknowledged outputs, then offsets.
    AtLeastOnce,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    pub guarantee: Guarantee,
    pub instance: String,
    pub workers: usize,
    pub commit_interval_ms: u64,
    pub commit_interval_idle_ms: u64,
    pub max_batch_records: usize,
    pub max_batch_bytes: usize,
    pub prefetch_bytes: usize,
    pub session_timeout_ms: u64,
    pub transaction_timeout_ms: u64,
    pub shutdown_deadline_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub tick_interval_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    pub listen: String,
    pub acknowledge_timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    pub transaction_timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub listen: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClickHouse {
    pub url: String,
    pub database: String,
    pub user: String,
    pub password: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    pub compress: bool,
    pub send_timeout_ms: u64,
    pub answer_timeout_ms: u64,
    pub batch_rows_max: usize,
    pub batch_bytes_max: usize,
    pub batch_wait_ms: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    pub url: String,
    pub password: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    pub tls: PostgresTls,
    pub ca_path: String,
    pub connections_max: usize,
    pub statement_timeout_ms: u64,
    pub batch_rows_max: usize,
    pub batch_bytes_max: usize,
    pub batch_wait_ms: u64,
}

/// Whether the connection to Postgres is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostgresTls {
    /// No: for a database on this machine or in a trusted network.
    Disable,
    /// Yes, and the server must prove its name.
    VerifyFull,
}

/// One CRM that posts webhooks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crm {
    /// `whsec_…`, or the same in a file; a second one while rotating.
    pub secret: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    pub previous_secret: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_file: Option<PathBuf>,
    /// First part of the lead key; the name of the table if empty. Senders that speak of the same leads share it.
    pub system: String,
    /// Ad platform of the campaigns that its events name.
    pub platform: String,
    /// Ad account of those campaigns, unless the event names one.
    pub account_id: String,
    /// Store bodies exactly as received, personal data included.
    pub keep_payload: bool,
    /// `arrival`, or `data` for history that is posted later.
    pub clock: ingest::webhook::SourceClock,
    /// Where its events keep what adpulse needs; unset keys keep the canonical body's.
    pub mapping: ingest::webhook::CrmMapping,
}

impl Default for Crm {
    fn default() -> Self {
        Self {
            secret: Secret::default(),
            secret_file: None,
            previous_secret: Secret::default(),
            previous_secret_file: None,
            system: String::new(),
            platform: "facebook".to_owned(),
            account_id: "default".to_owned(),
            keep_payload: false,
            clock: ingest::webhook::SourceClock::default(),
            mapping: ingest::webhook::CrmMapping::default(),
        }
    }
}

impl Config {
    /// Reads all layers. Without `file`, `./adpulse.toml` is read if it is there.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut layers =
            config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        let optional = PathBuf::from(FILE);
        let path = file.or_else(|| optional.exists().then_some(optional.as_path()));
        if let Some(path) = path {
            layers = layers.add_source(config::File::from(path).format(config::FileFormat::Toml));
        }
        let environment = config::Environment::with_prefix("ADPULSE").prefix_separator("__").separator("__");
        let layers = layers.add_source(environment).build().context("reading the settings")?;
        let mut config: Self = layers.try_deserialize().context("settings")?;
        config.read_secret_files()?;
        config.validate()?;
        Ok(config)
    }

    /// The effective settings as TOML, secrets masked.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        toml::to_string_pretty(self).context("printing the settings")
    }

    fn read_secret_files(&mut self) -> anyhow::Result<()> {
        secret_file(
            "kafka.sasl_password",
            &mut self.kafka.sasl_password,
            self.kafka.sasl_password_file.as_deref(),
        )?;
        secret_file(
            "registry.password",
            &mut self.registry.password,
            self.registry.password_file.as_deref(),
        )?;
        secret_file(
            "clickhouse.password",
            &mut self.clickhouse.password,
            self.clickhouse.password_file.as_deref(),
        )?;
        secret_file(
            "postgres.password",
            &mut self.postgres.password,
            self.postgres.password_file.as_deref(),
        )?;
        for (name, crm) in &mut self.crm {
            secret_file(&format!("crm.{name}.secret"), &mut crm.secret, crm.secret_file.as_deref())?;
            let file = crm.previous_secret_file.as_deref();
            secret_file(&format!("crm.{name}.previous_secret"), &mut crm.previous_secret, file)?;
        }
        Ok(())
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(1..=1_000).contains(&self.kafka.partitions) {
            bail!("kafka.partitions = {}: must be between 1 and 1000", self.kafka.partitions);
        }
        if self.processing.workers == 0 {
            bail!("processing.workers = 0: a stage needs at least one worker");
        }
        if (1..100).contains(&self.clock.tick_interval_ms) {
            bail!(
                "clock.tick_interval_ms = {}: must be at least 100, or 0 for no scheduler",
                self.clock.tick_interval_ms
            );
        }
        for (name, crm) in &self.crm {
            if crm.secret.reveal().is_empty() {
                bail!(
                    "crm.{name}.secret is missing: set it, or crm.{name}.secret_file; webhooks without a signature are never accepted"
                );
            }
        }
        if self.postgres.url.rsplit_once('@').is_some_and(|(head, _)| {
            head.trim_start_matches("postgres").contains(':') && head.matches(':').count() > 1
        }) {
            bail!(
                "postgres.url holds a password: set it as postgres.password or postgres.password_file, which are masked"
            );
        }
        let (clickhouse, postgres) = (&self.clickhouse, &self.postgres);
        bounded("clickhouse.batch_rows_max", clickhouse.batch_rows_max, &(1..=BLOCK_ROWS_MAX))?;
        bounded("clickhouse.batch_bytes_max", clickhouse.batch_bytes_max, &(1..=BATCH_BYTES_MAX))?;
        bounded("clickhouse.batch_wait_ms", clickhouse.batch_wait_ms, &(1..=BATCH_WAIT_MS_MAX))?;
        bounded("postgres.batch_rows_max", postgres.batch_rows_max, &(1..=100_000))?;
        bounded("postgres.batch_bytes_max", postgres.batch_bytes_max, &(1..=BATCH_BYTES_MAX))?;
        bounded("postgres.batch_wait_ms", postgres.batch_wait_ms, &(1..=BATCH_WAIT_MS_MAX))?;
        Ok(())
    }
}

/// What one insert may hold to stay one block of ClickHouse.
const BLOCK_ROWS_MAX: usize = 500_000;
/// A batch is held in memory until its store has acknowledged it.
const BATCH_BYTES_MAX: usize = 1 << 30;
/// Beyond a minute nobody would call the figures live.
const BATCH_WAIT_MS_MAX: u64 = 60_000;

fn bounded<T>(key: &str, value: T, range: &std::ops::RangeInclusive<T>) -> anyhow::Result<()>
where
    T: Copy + PartialOrd + std::fmt::Display,
{
    if !range.contains(&value) {
        bail!("{key} = {value}: must be between {} and {}", range.start(), range.end());
    }
    Ok(())
}

fn secret_file(key: &str, secret: &mut Secret, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    if !secret.0.is_empty() {
        bail!("{key} and {key}_file are both set: keep one");
    }
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{key}_file: reading {}", file.display()))?;
    text.trim_end_matches(['\r', '\n']).clone_into(&mut secret.0);
    Ok(())
}

/// A setting in milliseconds as a duration.
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(file: &str) -> anyhow::Result<Config> {
        let dir =
            std::env::temp_dir().join(format!("adpulse-config-{}-{:x}", std::process::id(), file.len()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("adpulse.toml");
        std::fs::write(&path, file).unwrap();
        Config::load(Some(&path))
    }

    #[test]
    fn the_defaults_stand_alone() {
        let config = from("").unwrap();
        assert_eq!(config.kafka.partitions, 12);
        assert_eq!(config.processing.guarantee, Guarantee::ExactlyOnce);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = format!("{:#}", from("[kafka]\nbroker = \"a:1\"\n").unwrap_err());
        assert!(error.contains("broker"), "{error}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let config = from("[postgres]\npassword = \"hunter2\"\n").unwrap();
        assert_eq!(config.postgres.password.reveal(), "hunter2");
        let shown = format!("{config:?}{}", config.to_toml().unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_batch_without_bounds_is_refused() {
        for setting in
            ["batch_rows_max = 0", "batch_rows_max = 500001", "batch_bytes_max = 0", "batch_wait_ms = 60001"]
        {
            let error = format!("{:#}", from(&format!("[clickhouse]\n{setting}\n")).unwrap_err());
            assert!(error.contains("clickhouse.batch_") && error.contains("must be between"), "{error}");
        }
    }

    #[test]
    fn a_crm_without_a_secret_is_refused() {
        let error = format!("{:#}", from("[crm.hubspot]\n").unwrap_err());
        assert!(error.contains("crm.hubspot.secret"), "{error}");
    }

    #[test]
    fn a_secret_given_twice_is_refused() {
        let error =
            format!("{:#}", from("[clickhouse]\npassword = \"a\"\npassword_file = \"/b\"\n").unwrap_err());
        assert!(error.contains("clickhouse.password"), "{error}");
    }
}
