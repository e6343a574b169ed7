//! Where a run takes place: engines of its own, a proxy before each, and adpulse installed so that it sees them only through
//! the proxies. The oracle and the generator's own producer go round them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use devstack::{Engine as Kind, KafkaBehind, Process, Progress, Stack, StackConfig};
use kafka::KafkaSettings;
use schemas::{RegistryClient, Schemas, Topic};
use tempfile::TempDir;

use crate::fault::{Engine, Link};
use crate::process::{Fleet, Member, clear};
use crate::proxy::{Mode, Proxy};
use crate::role::Role;
use crate::{block_on, runtime};

/// Of every topic.
pub const PARTITIONS: i32 = 4;
/// Before every topic and group.
pub const PREFIX: &str = "soak.";
/// The secret of the CRM `sample`.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What differs from a usual site.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seed of the proxies' jitter.
    pub seed: u64,
    /// Keep engines' data and logs here; a fresh folder, removed at the end, otherwise.
    pub keep: Option<PathBuf>,
    /// The seeded defect that every process has.
    pub bug: Option<String>,
}

/// A running installation. Everything ends when it is dropped.
pub struct Site {
    // Dropped in this order: processes first, then what they use.
    fleet: Fleet,
    proxies: [Proxy; 4],
    stack: Stack,
    /// The schemas under the ids of this run's registry.
    pub schemas: Arc<Schemas>,
    /// Address of the webhook door.
    pub door: String,
    /// Address of the API.
    pub api: String,
    /// Files of the run: logs, journal, uploads.
    pub folder: PathBuf,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    _temporary: Option<TempDir>,
}

impl Site {
    /// Builds the binary, starts engines, proxies and every role, and returns when all are ready.
    ///
    /// # Errors
    /// What did not start, with the end of its log.
    pub fn start(options: &Options) -> anyhow::Result<Self> {
        let binary = crate::binary::adpulse()?;
        let (folder, temporary) = folder(options)?;
        let behind = KafkaBehind { port: free_port()?, advertised: free_port()? };
        let config = StackConfig {
            data_dir: options.keep.as_ref().map(|keep| keep.join("engines")),
            progress: Progress::Silent,
            engine_command: Some(vec![binary.clone().into(), "engine-clickhouse".into()]),
            kafka_behind: Some(behind),
            ..StackConfig::default()
        };
        let engines = [Kind::Kafka, Kind::ClickHouse, Kind::Postgres, Kind::Registry];
        let stack = block_on(Stack::start(config, &engines))?;
        let proxies = proxies(&stack, behind, options.seed)?;
        let (door, api) = (format!("127.0.0.1:{}", free_port()?), format!("127.0.0.1:{}", free_port()?));
        let mut settings = settings(&stack, &proxies, &door, &api)?;
        settings.extend(options.bug.iter().map(|bug| ("ADPULSE_BUG".to_owned(), bug.clone())));
        for command in ["topics", "migrate"] {
            run(&binary, &settings, &folder, &[command])?;
        }
        let registry = stack.registry().context("a site has a registry")?.url();
        let schemas = Schemas::from_registry(RegistryClient::new(&registry, None), PREFIX, true)?;
        let fleet = Fleet::start(members(&binary, &folder, &settings, &api)?)?;
        let site = Self {
            fleet,
            proxies,
            stack,
            schemas,
            door,
            api,
            folder,
            binary,
            settings,
            _temporary: temporary,
        };
        site.fleet.wait_until_ready(READY_WITHIN)?;
        Ok(site)
    }

    /// The processes.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The proxy of a link.
    #[must_use]
    pub fn proxy(&self, link: Link) -> &Proxy {
        &self.proxies[link as usize]
    }

    /// An engine's process.
    ///
    /// # Panics
    /// Never: a site has every engine.
    #[must_use]
    pub fn engine(&self, engine: Engine) -> &Process {
        let stack = &self.stack;
        let process = match engine {
            Engine::Kafka => stack.kafka().map(devstack::Kafka::process),
            Engine::ClickHouse => stack.clickhouse().map(devstack::ClickHouse::process),
            Engine::Postgres => stack.postgres().map(devstack::Postgres::process),
        };
        process.expect("a site has every engine")
    }

    /// Kafka, past the proxy.
    #[must_use]
    pub fn kafka(&self) -> KafkaSettings {
        let mut settings = KafkaSettings::new(
            &self.stack.kafka().map(devstack::Kafka::bootstrap).unwrap_or_default(),
            "soak",
        );
        // An outage of the broker is one of the faults; who looks waits for its end elsewhere.
        settings.request_timeout = Duration::from_secs(5);
        settings.delivery_timeout = Duration::from_secs(60);
        settings
    }

    /// ClickHouse, past the proxy.
    #[must_use]
    pub fn clickhouse(&self) -> String {
        self.stack.clickhouse().map(devstack::ClickHouse::url).unwrap_or_default()
    }

    /// Postgres, past the proxy.
    #[must_use]
    pub fn postgres(&self) -> String {
        self.stack.postgres().map(devstack::Postgres::url).unwrap_or_default()
    }

    /// The full name of a topic.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{PREFIX}{}", topic.name())
    }

    /// A command of the binary with this installation's settings.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        command(&self.binary, &self.settings, &self.folder, args)
    }

    /// Ends every fault that is under way. Processes that ended are started by the fleet itself.
    ///
    /// # Errors
    /// When an engine does not come back.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
        for engine in Engine::ALL {
            let process = self.engine(engine);
            process.resume();
            if process.pid().is_none() {
                block_on(process.restart())?;
            }
        }
        for member in self.fleet.members() {
            member.withdraw();
            member.signal(nix::sys::signal::Signal::SIGCONT);
        }
        self.fleet.wait_until_ready(READY_WITHIN)
    }
}

fn folder(options: &Options) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(keep) = &options.keep {
        std::fs::create_dir_all(keep).with_context(|| format!("creating {}", keep.display()))?;
        return Ok((std::fs::canonicalize(keep)?, None));
    }
    let temporary = tempfile::Builder::new().prefix("adpulse-soak-").tempdir().context("a folder")?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

/// One proxy for each link, in the order of [`Link::ALL`].
fn proxies(stack: &Stack, behind: KafkaBehind, seed: u64) -> anyhow::Result<[Proxy; 4]> {
    let target = |url: String| -> anyhow::Result<SocketAddr> {
        let place = url.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
        let place = place.rsplit('@').next().unwrap_or_default();
        place.parse().with_context(|| format!("the address of {url}"))
    };
    let kafka: SocketAddr = ([127, 0, 0, 1], behind.port).into();
    let clickhouse = target(stack.clickhouse().context("ClickHouse")?.url())?;
    let postgres = target(stack.postgres().context("Postgres")?.url())?;
    let registry = target(stack.registry().context("the registry")?.url())?;
    runtime().block_on(async {
        Ok([
            Proxy::start(behind.advertised, kafka, seed).await?,
            Proxy::start(free_port()?, clickhouse, seed + 1).await?,
            Proxy::start(free_port()?, postgres, seed + 2).await?,
            Proxy::start(free_port()?, registry, seed + 3).await?,
        ])
    })
}

/// Time limits are short, so that what they end ends within a run, and in the proportions of the defaults.
fn settings(
    stack: &Stack,
    proxies: &[Proxy; 4],
    door: &str,
    api: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let at = |link: Link| proxies[link as usize].address().to_string();
    let through = |url: String, link: Link| {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
        let user = rest.split_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default();
        let path = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        format!("{scheme}://{user}{}{path}", at(link))
    };
    let pairs = [
        ("KAFKA__BROKERS", at(Link::Kafka)),
        ("KAFKA__TOPIC_PREFIX", PREFIX.to_owned()),
        ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
        ("KAFKA__REQUEST_TIMEOUT_MS", "5000".to_owned()),
        ("KAFKA__DELIVERY_TIMEOUT_MS", "8000".to_owned()),
        ("REGISTRY__URL", through(stack.registry().context("the registry")?.url(), Link::Registry)),
        ("PROCESSING__SESSION_TIMEOUT_MS", "10000".to_owned()),
        ("PROCESSING__TRANSACTION_TIMEOUT_MS", "5000".to_owned()),
        ("PROCESSING__SHUTDOWN_DEADLINE_MS", "10000".to_owned()),
        ("CLOCK__TICK_INTERVAL_MS", "3600000".to_owned()),
        ("INGEST__LISTEN", door.to_owned()),
        ("INGEST__ACKNOWLEDGE_TIMEOUT_MS", "3000".to_owned()),
        ("API__LISTEN", api.to_owned()),
        ("CLICKHOUSE__URL", through(stack.clickhouse().context("ClickHouse")?.url(), Link::ClickHouse)),
        ("CLICKHOUSE__DATABASE", "default".to_owned()),
        ("CLICKHOUSE__SEND_TIMEOUT_MS", "3000".to_owned()),
        ("CLICKHOUSE__ANSWER_TIMEOUT_MS", "5000".to_owned()),
        ("CLICKHOUSE__BATCH_WAIT_MS", "100".to_owned()),
        ("POSTGRES__URL", through(stack.postgres().context("Postgres")?.url(), Link::Postgres)),
        ("POSTGRES__BATCH_WAIT_MS", "50".to_owned()),
        ("POSTGRES__STATEMENT_TIMEOUT_MS", "5000".to_owned()),
        ("CRM__SAMPLE__SECRET", SECRET.to_owned()),
    ];
    Ok(pairs.into_iter().map(|(key, value)| (format!("ADPULSE__{key}"), value)).collect())
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

/// A free loopback port below the range that the kernel gives to outgoing connections, so that it is still free when whoever
/// listens there was killed.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 5_000)?;
    for _ in 0..5_000 {
        let port = 5_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 5_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free between 5000 and 10000")
}
