//! The engines behind `adpulse dev`: real ones where the machine allows, and the settings that point at them.

use anyhow::Context as _;
use devstack::{Engine, Progress, Stack, StackConfig};
use kafka::MockBroker;

use crate::cli::DevArgs;
use crate::config::{Config, Guarantee, Secret};
use crate::roles::Listeners;
use crate::topics;

/// The name of the sample CRM, last segment of its webhook address.
pub const SAMPLE_CRM: &str = "sample";

/// Engines that run until they are stopped or dropped.
pub struct Engines {
    stack: Stack,
    broker: Option<MockBroker>,
    listeners: Listeners,
}

impl Engines {
    /// Starts the engines and points `config` at them.
    pub async fn start(config: &mut Config, args: &DevArgs) -> anyhow::Result<Self> {
        let java = devstack::java_available();
        let in_memory = args.in_memory || java.is_err();
        if let (Err(error), false) = (&java, args.in_memory) {
            tracing::warn!("no Kafka without Java 17 or newer ({error}): using the in-memory broker");
        }
        if in_memory {
            tracing::warn!("in-memory broker: nothing on it persists, and processing is at least once");
            if args.data.is_some() {
                anyhow::bail!(
                    "--data needs Kafka, and so Java 17 or newer: the in-memory broker keeps nothing"
                );
            }
        }
        let mut wanted = vec![Engine::ClickHouse, Engine::Postgres];
        if !in_memory {
            wanted.push(Engine::Kafka);
        }
        let program = std::env::current_exe().context("finding this program")?;
        let stack_config = StackConfig {
            data_dir: args.data.clone(),
            progress: Progress::Auto,
            engine_command: Some(vec![program.into_os_string(), "engine-clickhouse".into()]),
            ..StackConfig::default()
        };
        let stack = Stack::start(stack_config, &wanted).await?;
        let broker = if in_memory { Some(MockBroker::start(&topics::specs(&config.kafka)?)?) } else { None };
        let engines = Self { stack, broker, listeners: Listeners::default() };
        engines.point(config)?;
        Ok(engines)
    }

    fn point(&self, config: &mut Config) -> anyhow::Result<()> {
        if let Some(kafka) = self.stack.kafka() {
            config.kafka.brokers = kafka.bootstrap();
        }
        if let Some(broker) = &self.broker {
            broker.brokers().clone_into(&mut config.kafka.brokers);
            config.processing.guarantee = Guarantee::AtLeastOnce;
        }
        if let Some(clickhouse) = self.stack.clickhouse() {
            config.clickhouse.url = clickhouse.url();
        }
        if let Some(postgres) = self.stack.postgres() {
            config.postgres.url = postgres.url();
        }
        config.api.listen = self.listeners.hold_near(&config.api.listen)?;
        config.ingest.listen = self.listeners.hold_near(&config.ingest.listen)?;
        Ok(())
    }

    /// The addresses of the API and the door, taken already.
    pub fn listeners(&self) -> Listeners {
        self.listeners.clone()
    }

    /// Whether the broker is the in-memory one.
    pub fn in_memory(&self) -> bool {
        self.broker.is_some()
    }

    /// Stops them in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.broker);
        Ok(self.stack.stop().await?)
    }
}

/// The sample CRM, with a secret that only this run knows. Its events bring their own time.
pub fn add_sample_crm(config: &mut Config, secret: &ingest::webhook::Secret) {
    let crm = crate::config::Crm {
        secret: Secret::new(secret.reveal()),
        clock: ingest::webhook::SourceClock::Data,
        ..crate::config::Crm::default()
    };
    config.crm.insert(SAMPLE_CRM.to_owned(), crm);
}
