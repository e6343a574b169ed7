//! From settings to what the libraries want: Kafka, the schema registry, the stores, the policy.

use std::sync::Arc;

use anyhow::Context as _;
use kafka::{KafkaSettings, Sasl, SecurityProtocol, Tls};
use processor::Policy;
use schemas::{RegistryClient, Schemas};

use sink::clickhouse::ClickHouseSettings;
use sink::postgres::{PostgresSettings, Tls as PostgresEncryption};

use crate::config::{self, Config, PostgresTls, ms};

/// Settings of every Kafka client.
pub fn kafka_settings(settings: &config::Kafka) -> anyhow::Result<KafkaSettings> {
    let path = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut kafka = KafkaSettings::new(&settings.brokers, &settings.client_id);
    kafka.security = SecurityProtocol::parse(&settings.security_protocol)?;
    kafka.sasl = (!settings.sasl_username.is_empty()).then(|| Sasl {
        mechanism: settings.sasl_mechanism.clone(),
        username: settings.sasl_username.clone(),
        password: settings.sasl_password.reveal().to_owned(),
    });
    kafka.tls = Tls {
        ca_path: path(&settings.ssl_ca_path),
        certificate_path: path(&settings.ssl_certificate_path),
        key_path: path(&settings.ssl_key_path),
    };
    kafka.request_timeout = ms(settings.request_timeout_ms);
    kafka.delivery_timeout = ms(settings.delivery_timeout_ms);
    kafka.queue_bytes = settings.queue_bytes;
    kafka.direct = settings.direct;
    kafka.extra =
        settings.extra.iter().map(|(key, value)| (key.clone(), value.reveal().to_owned())).collect();
    Ok(kafka)
}

/// A client of the registry, if one is configured.
pub fn registry(settings: &config::Registry) -> Option<RegistryClient> {
    use base64::Engine as _;
    if settings.url.is_empty() {
        return None;
    }
    let authorization = (!settings.username.is_empty()).then(|| {
        let pair = format!("{}:{}", settings.username, settings.password.reveal());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    });
    Some(RegistryClient::new(&settings.url, authorization))
}

/// The schemas, from the registry or from the binary itself. Blocks on the network.
pub fn schemas(config: &Config) -> anyhow::Result<Arc<Schemas>> {
    match registry(&config.registry) {
        Some(client) => Schemas::from_registry(client, &config.kafka.topic_prefix, config.registry.register)
            .context("schemas (registry.url)"),
        None => Ok(Schemas::compiled()),
    }
}

/// The policy: the defaults with what the `[policy]` table changes.
pub fn policy(config: &Config) -> anyhow::Result<Arc<Policy>> {
    let text = toml::to_string(&config.policy).context("[policy]")?;
    Ok(Arc::new(Policy::from_toml(&text).context("[policy]")?))
}

/// How to reach ClickHouse.
pub fn clickhouse(settings: &config::ClickHouse) -> ClickHouseSettings {
    let secret = settings.password.reveal();
    ClickHouseSettings {
        user: (!settings.user.is_empty()).then(|| settings.user.clone()),
        password: (!secret.is_empty()).then(|| sink::Secret::new(secret)),
        compress: settings.compress,
        send_timeout: ms(settings.send_timeout_ms),
        answer_timeout: ms(settings.answer_timeout_ms),
        ..ClickHouseSettings::new(&settings.url, &settings.database)
    }
}

/// How to reach Postgres.
pub fn postgres(settings: &config::Postgres) -> PostgresSettings {
    let tls = match settings.tls {
        PostgresTls::Disable => PostgresEncryption::Disable,
        PostgresTls::VerifyFull => PostgresEncryption::VerifyFull {
            ca_file: (!settings.ca_path.is_empty()).then(|| settings.ca_path.clone().into()),
        },
    };
    let mut postgres = PostgresSettings::new(sink::Secret::new(settings.url.as_str()), tls);
    postgres.password =
        (!settings.password.reveal().is_empty()).then(|| sink::Secret::new(settings.password.reveal()));
    postgres.connections_max = settings.connections_max;
    postgres.statement_timeout = ms(settings.statement_timeout_ms);
    postgres
}

/// A pool for the API, whose sessions cannot write.
pub fn postgres_reader(settings: &config::Postgres) -> anyhow::Result<sink::postgres::Pool> {
    Ok(sink::postgres::pool(&PostgresSettings { read_only: true, ..postgres(settings) })?)
}
