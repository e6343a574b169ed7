//! Where a run takes place: adpulse installed under a prefix and in databases of its own, on engines that it sees through the
//! proxies only. The oracle and the generator's own producer go round them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use kafka::KafkaSettings;
use schemas::{RegistryClient, Schemas, Topic};
use tokio_postgres::NoTls;

use crate::block_on;
use crate::engines::Engines;
use crate::fault::Link;
use crate::fleet::Fleet;
use crate::ports::free_port;
use crate::process::{Member, clear};
use crate::role::Role;

/// Of every topic.
pub const PARTITIONS: i32 = 4;
/// The secret of the CRM `sample`.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running installation. Its processes end when it is dropped; the engines go on.
pub struct Site {
    fleet: Fleet,
    /// What it runs on.
    pub engines: Arc<Engines>,
    /// The schemas under the ids of this run's registry.
    pub schemas: Arc<Schemas>,
    /// Before every topic and group.
    pub prefix: String,
    /// Its database in either store.
    database: String,
    /// Address of the webhook door.
    pub door: String,
    /// Address of the API.
    pub api: String,
    /// Files of the installation: logs, journal, uploads.
    pub folder: PathBuf,
    settings: Vec<(String, String)>,
}

impl Site {
    /// Installs adpulse under a name and starts every role, with a seeded defect if that is wanted. Returns when all are ready.
    ///
    /// # Errors
    /// What did not start, with the end of its log.
    pub fn start(engines: &Arc<Engines>, name: &str, bug: Option<&str>) -> anyhow::Result<Self> {
        let (prefix, database) = (format!("{name}."), name.replace('-', "_"));
        let folder = engines.folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        create_database(engines, &database)?;
        let (door, api) = (format!("127.0.0.1:{}", free_port()?), format!("127.0.0.1:{}", free_port()?));
        let mut settings = settings(engines, &prefix, &database, &door, &api);
        settings.extend(bug.map(|bug| ("ADPULSE_BUG".to_owned(), bug.to_owned())));
        for command in ["topics", "migrate"] {
            run(&engines.binary, &settings, &folder, &[command])?;
        }
        let registry = RegistryClient::new(&engines.url(Link::Registry), None);
        let schemas = Schemas::from_registry(registry, &prefix, true)?;
        let fleet = Fleet::start(members(&engines.binary, &folder, &settings, &api)?)?;
        let engines = Arc::clone(engines);
        let site = Self { fleet, engines, schemas, prefix, database, door, api, folder, settings };
        site.fleet.wait_until_ready(READY_WITHIN)?;
        Ok(site)
    }

    /// The processes.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Kafka, past the proxy.
    #[must_use]
    pub fn kafka(&self) -> KafkaSettings {
        self.engines.kafka()
    }

    /// This installation's database of ClickHouse, past the proxy.
    #[must_use]
    pub fn clickhouse(&self) -> String {
        format!("{}/?database={}", self.engines.url(Link::ClickHouse), self.database)
    }

    /// This installation's database of Postgres, past the proxy.
    #[must_use]
    pub fn postgres(&self) -> String {
        in_database(&self.engines.url(Link::Postgres), &self.database)
    }

    /// The name of its database in either store.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The full name of a topic.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The consumer group of a role.
    #[must_use]
    pub fn group(&self, role: Role) -> String {
        format!("{}{}", self.prefix, role.name())
    }

    /// A command of the binary with this installation's settings.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        command(&self.engines.binary, &self.settings, &self.folder, args)
    }

    /// Ends every fault that is under way. Processes that ended are started by the fleet itself.
    ///
    /// # Errors
    /// When an engine does not come back, or a process is not ready again in time.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.engines.heal()?;
        for member in self.fleet.members() {
            member.withdraw();
            member.signal(nix::sys::signal::Signal::SIGCONT);
        }
        self.fleet.wait_until_ready(READY_WITHIN)
    }
}

/// The address of a database beside the one in a URL.
fn in_database(url: &str, database: &str) -> String {
    format!("{}/{database}", url.rsplit_once('/').map_or(url, |(server, _)| server))
}

fn create_database(engines: &Engines, database: &str) -> anyhow::Result<()> {
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&engines.url(Link::Postgres), NoTls).await?;
        let connection = tokio::spawn(connection);
        let created = client.batch_execute(&format!("CREATE DATABASE \"{database}\"")).await;
        drop(client);
        // Its end says no more than the statement's own result.
        let _ = connection.await;
        created.with_context(|| format!("creating the database {database} in Postgres"))
    })
}

/// Time limits are short, so that what they end ends within a run, and in the proportions of the defaults; queues are small,
/// so that a store that is away fills them.
fn settings(engines: &Engines, prefix: &str, database: &str, door: &str, api: &str) -> Vec<(String, String)> {
    let pairs = [
        ("KAFKA__BROKERS", engines.url_behind(Link::Kafka)),
        ("KAFKA__TOPIC_PREFIX", prefix.to_owned()),
        ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
        ("KAFKA__REQUEST_TIMEOUT_MS", "5000".to_owned()),
        ("KAFKA__DELIVERY_TIMEOUT_MS", "8000".to_owned()),
        ("REGISTRY__URL", engines.url_behind(Link::Registry)),
        ("PROCESSING__SESSION_TIMEOUT_MS", "10000".to_owned()),
        ("PROCESSING__TRANSACTION_TIMEOUT_MS", "5000".to_owned()),
        ("PROCESSING__SHUTDOWN_DEADLINE_MS", "10000".to_owned()),
        ("PROCESSING__PREFETCH_BYTES", "1048576".to_owned()),
        ("CLOCK__TICK_INTERVAL_MS", "3600000".to_owned()),
        ("INGEST__LISTEN", door.to_owned()),
        ("INGEST__ACKNOWLEDGE_TIMEOUT_MS", "3000".to_owned()),
        ("API__LISTEN", api.to_owned()),
        ("CLICKHOUSE__URL", engines.url_behind(Link::ClickHouse)),
        ("CLICKHOUSE__DATABASE", database.to_owned()),
        ("CLICKHOUSE__SEND_TIMEOUT_MS", "3000".to_owned()),
        ("CLICKHOUSE__ANSWER_TIMEOUT_MS", "5000".to_owned()),
        ("CLICKHOUSE__BATCH_WAIT_MS", "100".to_owned()),
        ("CLICKHOUSE__BATCH_BYTES_MAX", "524288".to_owned()),
        ("POSTGRES__URL", in_database(&engines.url_behind(Link::Postgres), database)),
        ("POSTGRES__BATCH_WAIT_MS", "50".to_owned()),
        ("POSTGRES__BATCH_BYTES_MAX", "524288".to_owned()),
        ("POSTGRES__STATEMENT_TIMEOUT_MS", "5000".to_owned()),
        ("CRM__SAMPLE__SECRET", SECRET.to_owned()),
    ];
    pairs.into_iter().map(|(key, value)| (format!("ADPULSE__{key}"), value)).collect()
}

fn members(
    binary: &Path,
    folder: &Path,
    settings: &[(String, String)],
    api: &str,
) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for role in Role::ALL {
        for number in 0..role.processes() {
            let operations =
                if role == Role::Serve { api.to_owned() } else { format!("127.0.0.1:{}", free_port()?) };
            let mut own = settings.to_vec();
            own.push(("ADPULSE__PROCESSING__INSTANCE".to_owned(), (number + 1).to_string()));
            if role != Role::Serve {
                own.push(("ADPULSE__METRICS__LISTEN".to_owned(), operations.clone()));
            }
            members.push(Member::new(role, number, operations, binary, folder, own));
        }
    }
    Ok(members)
}

fn command(binary: &Path, settings: &[(String, String)], folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    clear(&mut command);
    command.envs(settings.iter().map(|(key, value)| (key, value))).current_dir(folder);
    command.args(args).stdin(Stdio::null());
    command
}

fn run(binary: &Path, settings: &[(String, String)], folder: &Path, args: &[&str]) -> anyhow::Result<()> {
    let ended = command(binary, settings, folder, args).output().context("running adpulse")?;
    if !ended.status.success() {
        bail!("adpulse {args:?} failed:\n{}", String::from_utf8_lossy(&ended.stderr));
    }
    Ok(())
}
