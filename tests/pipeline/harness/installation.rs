//! An installation: a topic prefix, two databases, settings and ports, on engines that others use as well.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use kafka::KafkaSettings;
use tempfile::TempDir;

use super::engines::{Engines, block_on};
use super::role::{Role, RoleName};
use super::{Door, shared};

/// Of every topic: more than one, so that work is spread, and few, so that many tests fit on one broker.
pub const PARTITIONS: i32 = 3;

/// The secret of the CRM `olist`, and of the CRM `sample`.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One installation of adpulse. Its databases and topics stay on the engines; its files go when it is dropped.
pub struct Installation {
    pub(super) engines: Engines,
    pub(super) prefix: String,
    pub(super) database: String,
    pub api: String,
    pub ingest: String,
    settings: BTreeMap<String, String>,
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Installation {
    /// An installation on the shared engines, its topics and tables made by the commands that make them.
    pub fn new(name: &str) -> Self {
        Self::on(shared(), name)
    }

    /// An installation on other engines.
    pub fn on(engines: Engines, name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!("{name}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        create_database(&engines.postgres, &database);
        let (server, _) = engines.postgres.rsplit_once('/').unwrap();
        let (prefix, api, ingest) = (format!("{database}."), free_address(), free_address());
        let settings = [
            ("KAFKA__BROKERS", engines.kafka.clone()),
            ("KAFKA__TOPIC_PREFIX", prefix.clone()),
            ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
            // A killed worker must not hold its partitions and its transaction for long. Brokers allow no less than 6 s.
            ("PROCESSING__SESSION_TIMEOUT_MS", "10000".to_owned()),
            ("PROCESSING__TRANSACTION_TIMEOUT_MS", "5000".to_owned()),
            // One tick at the start; a test does not live to see the second.
            ("CLOCK__TICK_INTERVAL_MS", "3600000".to_owned()),
            ("CLICKHOUSE__URL", engines.clickhouse.clone()),
            ("CLICKHOUSE__DATABASE", database.clone()),
            ("CLICKHOUSE__BATCH_WAIT_MS", "100".to_owned()),
            ("POSTGRES__URL", format!("{server}/{database}")),
            ("POSTGRES__BATCH_WAIT_MS", "50".to_owned()),
            ("API__LISTEN", api.clone()),
            ("INGEST__LISTEN", ingest.clone()),
            ("CRM__OLIST__SECRET", SECRET.to_owned()),
            ("CRM__OLIST__CLOCK", "data".to_owned()),
            ("CRM__SAMPLE__SECRET", SECRET.to_owned()),
            ("CRM__SAMPLE__CLOCK", "data".to_owned()),
        ];
        let settings = settings.into_iter().map(|(key, value)| (format!("ADPULSE__{key}"), value)).collect();
        let folder = tempfile::Builder::new().prefix("adpulse-test-").tempdir().unwrap();
        let installation = Self { engines, prefix, database, api, ingest, settings, folder };
        for command in ["topics", "migrate"] {
            let ran = installation.run(&[command]);
            assert_eq!(ran.code, Some(0), "adpulse {command}: {}", ran.stderr);
        }
        installation
    }

    /// Changes a setting, named as in the environment without its prefix, for everything started from now on.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(format!("ADPULSE__{key}"), value.to_owned());
        self
    }

    /// A settings file beside the environment.
    #[must_use]
    pub fn with_file(self, toml: &str) -> Self {
        self.write("adpulse.toml", toml);
        self
    }

    /// Writes a file into the installation's folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A path in the installation's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with this installation's settings and nothing of the caller's.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adpulse"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ADPULSE_") {
                command.env_remove(name);
            }
        }
        command.envs(&self.settings).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command().args(args).output().expect("adpulse runs");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Uploads a file with `adpulse csv FILE … --json` and returns what it says.
    pub fn upload(&self, file: &Path, args: &[&str]) -> serde_json::Value {
        let ran = self.try_upload(file, args);
        assert_eq!(ran.code, Some(0), "adpulse csv {}: {}", file.display(), ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The same, however it ends.
    pub fn try_upload(&self, file: &Path, args: &[&str]) -> Ran {
        let mut all = vec!["csv", file.to_str().unwrap(), "--json"];
        all.extend(args);
        self.run(&all)
    }

    /// Starts a role as a process of its own and waits until it is ready.
    pub fn start(&self, role: RoleName) -> Role {
        let role = Role::spawn(self, role);
        role.wait_until_ready();
        role
    }

    /// Starts several roles side by side.
    pub fn start_each(&self, roles: &[RoleName]) -> Vec<Role> {
        let roles: Vec<Role> = roles.iter().map(|&role| Role::spawn(self, role)).collect();
        roles.iter().for_each(Role::wait_until_ready);
        roles
    }

    /// The webhook address of a CRM.
    pub fn door(&self, crm: &str) -> Door {
        Door::new(&self.ingest, crm, SECRET.parse().unwrap())
    }

    pub(super) fn kafka_settings(&self) -> KafkaSettings {
        KafkaSettings::new(&self.engines.kafka, "pipeline-test")
    }
}

/// A loopback address that nobody else of this process gets. Below the kernel's own range, so that a role that was killed
/// finds it free.
pub fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 4_000).unwrap();
    loop {
        let port = 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 5_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

fn create_database(server: &str, name: &str) {
    block_on(async {
        let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "settings of the test that failed: {:#?}", self.settings);
        }
    }
}
