//! The engines of a run and a proxy before each. Several installations may follow each other on them, each under a prefix and
//! in databases of its own; whoever judges goes past the proxies.

use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use devstack::{Engine as Kind, KafkaBehind, Postgres, Process, Progress, Stack, StackConfig};
use kafka::KafkaSettings;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::fault::{Engine, Link};
use crate::ports::free_port;
use crate::proxy::{Mode, Proxy};
use crate::{block_on, runtime};

/// Running engines. They end when this is dropped.
pub struct Engines {
    proxies: [Proxy; 4],
    stack: Stack,
    /// Servers that followed the first Postgres, the newest last.
    promoted: Mutex<Vec<Arc<Postgres>>>,
    /// ClickHouse's own small disk, where one could be had.
    disk: Option<Disk>,
    /// Files of the run: logs, journals, uploads.
    pub folder: PathBuf,
    /// The binary, as it was when the run began: building it anew meanwhile changes nothing.
    pub binary: PathBuf,
    _temporary: Option<TempDir>,
}

/// The process of an engine.
pub enum Running<'a> {
    /// That it was started with.
    First(&'a Process),
    /// That of a server which has taken over.
    Promoted(Arc<Postgres>),
}

impl Deref for Running<'_> {
    type Target = Process;

    fn deref(&self) -> &Process {
        match self {
            Self::First(process) => process,
            Self::Promoted(server) => server.process(),
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Engines {
    /// Builds the binary, starts engines and proxies. Data and logs stay in `keep`, if that is given.
    ///
    /// # Errors
    /// What did not start, with the end of its log.
    pub fn start(seed: u64, keep: Option<PathBuf>) -> anyhow::Result<Self> {
        let built = crate::binary::adpulse()?;
        let (folder, temporary) = folder(keep)?;
        let binary = folder.join("adpulse");
        std::fs::copy(&built, &binary).with_context(|| format!("copying {}", built.display()))?;
        let data = folder.join("engines");
        let disk = Disk::mount(&data.join("clickhouse/data"))?;
        let behind = KafkaBehind { port: free_port()?, advertised: free_port()? };
        let config = StackConfig {
            data_dir: Some(data),
            progress: Progress::Silent,
            engine_command: Some(vec![binary.clone().into(), "engine-clickhouse".into()]),
            kafka_behind: Some(behind),
            ..StackConfig::default()
        };
        let kinds = [Kind::Kafka, Kind::ClickHouse, Kind::Postgres, Kind::Registry];
        let stack = block_on(Stack::start(config, &kinds))?;
        let proxies = proxies(&stack, behind, seed)?;
        let promoted = Mutex::default();
        Ok(Self { proxies, stack, promoted, disk, folder, binary, _temporary: temporary })
    }

    /// The proxy of a link.
    #[must_use]
    pub fn proxy(&self, link: Link) -> &Proxy {
        &self.proxies[link as usize]
    }

    /// An engine's process; of Postgres that of the server which takes writes.
    ///
    /// # Panics
    /// Never: every engine was started.
    #[must_use]
    pub fn engine(&self, engine: Engine) -> Running<'_> {
        let stack = &self.stack;
        let process = match engine {
            Engine::Kafka => stack.kafka().map(devstack::Kafka::process),
            Engine::ClickHouse => stack.clickhouse().map(devstack::ClickHouse::process),
            Engine::Postgres => match self.promoted().last() {
                Some(promoted) => return Running::Promoted(Arc::clone(promoted)),
                None => stack.postgres().map(Postgres::process),
            },
        };
        Running::First(process.expect("every engine was started"))
    }

    /// Kills Postgres and promotes a standby that had not heard of its last commits, for so long. The proxy leads there then.
    ///
    /// # Errors
    /// When the standby could not be made or promoted.
    pub fn fail_over(&self, behind: Duration) -> anyhow::Result<()> {
        let number = self.promoted().len();
        let promoted = self.promoted().last().map(Arc::clone);
        let primary = promoted.as_deref().or(self.stack.postgres()).context("Postgres")?;
        let replication = block_on(Proxy::start(free_port()?, loopback(primary.port()), 0))?;
        let folder = self.folder.join(format!("engines/postgres-standby-{number}"));
        let standby = primary.standby(&folder, replication.address().port())?;
        // What is committed from now on does not arrive.
        replication.set(Mode::Hang);
        std::thread::sleep(behind);
        primary.process().kill()?;
        standby.promote()?;
        let proxy = self.proxy(Link::Postgres);
        proxy.redirect(loopback(standby.port()));
        self.promoted().push(Arc::new(standby));
        Ok(())
    }

    fn promoted(&self) -> MutexGuard<'_, Vec<Arc<Postgres>>> {
        self.promoted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk under ClickHouse's data.
    ///
    /// # Errors
    /// When this machine did not allow for one.
    pub fn disk(&self) -> anyhow::Result<&Disk> {
        self.disk.as_ref().context(
            "ClickHouse has no small disk of its own, because mounting a tmpfs is not allowed here: run as root",
        )
    }

    /// Kafka, past the proxy.
    #[must_use]
    pub fn kafka(&self) -> KafkaSettings {
        let bootstrap = self.stack.kafka().map(devstack::Kafka::bootstrap).unwrap_or_default();
        let mut settings = KafkaSettings::new(&bootstrap, "soak");
        // An outage of the broker is one of the faults; who looks waits for its end elsewhere.
        settings.request_timeout = Duration::from_secs(5);
        settings.delivery_timeout = Duration::from_secs(60);
        settings
    }

    /// The root of an engine's address past the proxy; that of Kafka is [`Self::kafka`]'s.
    #[must_use]
    pub fn url(&self, link: Link) -> String {
        let stack = &self.stack;
        let url = match link {
            Link::Kafka => stack.kafka().map(devstack::Kafka::bootstrap),
            Link::ClickHouse => stack.clickhouse().map(devstack::ClickHouse::url),
            Link::Postgres => match self.promoted().last() {
                Some(promoted) => Some(promoted.url()),
                None => stack.postgres().map(Postgres::url),
            },
            Link::Registry => stack.registry().map(devstack::Registry::url),
        };
        url.unwrap_or_default()
    }

    /// The same through the proxy.
    #[must_use]
    pub fn url_behind(&self, link: Link) -> String {
        let (url, at) = (self.url(link), self.proxy(link).address());
        let Some((scheme, rest)) = url.split_once("://") else { return at.to_string() };
        let user = rest.split_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default();
        let path = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        format!("{scheme}://{user}{at}{path}")
    }

    /// Ends every fault of an engine or a link that is under way.
    ///
    /// # Errors
    /// When an engine does not come back.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
        if let Some(disk) = &self.disk {
            disk.clear()?;
        }
        for engine in Engine::ALL {
            let process = self.engine(engine);
            process.resume();
            if process.pid().is_none() {
                block_on(process.restart())?;
            }
        }
        Ok(())
    }
}

fn folder(keep: Option<PathBuf>) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(keep) = keep {
        std::fs::create_dir_all(&keep).with_context(|| format!("creating {}", keep.display()))?;
        return Ok((std::fs::canonicalize(&keep)?, None));
    }
    // Postgres may run as another user, who has to pass through this folder.
    let passable = std::fs::Permissions::from_mode(0o755);
    let temporary = tempfile::Builder::new().prefix("adpulse-soak-").permissions(passable).tempdir();
    let temporary = temporary.context("a folder")?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

/// One proxy for each link, in the order of [`Link::ALL`].
fn proxies(stack: &Stack, behind: KafkaBehind, seed: u64) -> anyhow::Result<[Proxy; 4]> {
    let target = |url: String| -> anyhow::Result<SocketAddr> {
        let place = url.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
        let place = place.rsplit('@').next().unwrap_or_default();
        place.parse().with_context(|| format!("the address of {url}"))
    };
    let kafka = loopback(behind.port);
    let clickhouse = target(stack.clickhouse().context("ClickHouse")?.url())?;
    let postgres = target(stack.postgres().context("Postgres")?.url())?;
    let registry = target(stack.registry().context("the registry")?.url())?;
    runtime().block_on(async {
        Ok([
            Proxy::start(behind.advertised, kafka, seed).await?,
            Proxy::start(free_port()?, clickhouse, seed.wrapping_add(1)).await?,
            Proxy::start(free_port()?, postgres, seed.wrapping_add(2)).await?,
            Proxy::start(free_port()?, registry, seed.wrapping_add(3)).await?,
        ])
    })
}
