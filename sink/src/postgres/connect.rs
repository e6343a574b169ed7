//! A pool of connections. Encryption is decided by the settings, never by what the server offers.

use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::NoTls;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::STORE;
use super::settings::{PostgresSettings, Tls};
use crate::SinkError;

/// A pool by the settings. No connection is opened yet.
///
/// # Errors
/// [`SinkError::Fatal`] when the settings cannot be used.
pub fn pool(settings: &PostgresSettings) -> Result<Pool, SinkError> {
    let mut config: tokio_postgres::Config = settings
        .url
        .expose()
        .parse()
        // The parser's words may repeat a part of the address, and with it a password.
        .map_err(|_| {
            unusable("the address is not of the form postgres://user@host:port/database".to_owned())
        })?;
    if settings.url.expose().contains("sslmode") {
        return Err(unusable("the address says sslmode; choose `tls` in the settings instead".to_owned()));
    }
    if let Some(password) = &settings.password {
        config.password(password.expose());
    }
    let options = format!(
        "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} \
         -c default_transaction_read_only={}",
        settings.statement_timeout.as_millis(),
        settings.statement_timeout.as_millis(),
        settings.idle_transaction_timeout.as_millis(),
        if settings.read_only { "on" } else { "off" },
    );
    config
        .connect_timeout(settings.connect_timeout)
        .application_name("adpulse")
        // A reader is as well served by a standby.
        .target_session_attrs(if settings.read_only {
            TargetSessionAttrs::Any
        } else {
            TargetSessionAttrs::ReadWrite
        })
        .options(options);
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match &settings.tls {
        Tls::Disable => {
            config.ssl_mode(SslMode::Disable);
            Manager::from_config(config, NoTls, manager_config)
        }
        Tls::VerifyFull { ca_file } => {
            config.ssl_mode(SslMode::Require);
            let connector = MakeRustlsConnect::new(verifying(ca_file.as_deref())?);
            Manager::from_config(config, connector, manager_config)
        }
    };
    Pool::builder(manager)
        .max_size(settings.connections_max)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(settings.connect_timeout))
        .create_timeout(Some(settings.connect_timeout))
        .build()
        .map_err(|error| unusable(error.to_string()))
}

fn verifying(ca_file: Option<&std::path::Path>) -> Result<rustls::ClientConfig, SinkError> {
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let unreadable =
                |reason: String| unusable(format!("the authorities in {}: {reason}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unreadable(e.to_string()))? {
                let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
                roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("there is no certificate in it".to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn unusable(reason: String) -> SinkError {
    SinkError::Fatal { store: STORE, action: "use the settings", reason }
}
