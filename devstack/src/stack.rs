//! A set of engines with one data folder and one life.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::artifact::{Cache, Reporter};
use crate::config::StackConfig;
use crate::engines::Site;
use crate::engines::clickhouse::ClickHouse;
use crate::engines::kafka::Kafka;
use crate::engines::postgres::Postgres;
use crate::engines::registry::Registry;
use crate::error::{Attempting, DevstackError};
use crate::process::Process;

/// The engines a stack can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Apache Kafka.
    Kafka,
    /// ClickHouse, with its HTTP interface.
    ClickHouse,
    /// PostgreSQL.
    Postgres,
    /// A schema registry with Confluent's interface.
    Registry,
}

/// Running engines. They end when this is stopped or dropped; [`Stack::stop`] ends them in order.
#[derive(Debug)]
pub struct Stack {
    // Fields are dropped in this order: the folder goes when nothing writes to it any more.
    kafka: Option<Kafka>,
    clickhouse: Option<ClickHouse>,
    postgres: Option<Postgres>,
    registry: Option<Registry>,
    folder: Arc<Folder>,
}

impl Stack {
    /// Starts the engines side by side and returns when all of them answer. The first start on a
    /// machine downloads them.
    ///
    /// # Errors
    /// The first failure in the order Kafka, ClickHouse, PostgreSQL, registry; engines that did
    /// start are ended again.
    pub async fn start(config: StackConfig, engines: &[Engine]) -> Result<Self, DevstackError> {
        let folder = Arc::new(Folder::open(config.data_dir.as_deref())?);
        let cache = Cache::open(&config.cache_dir()?, Reporter::new(config.progress))?;
        let want = |engine| engines.contains(&engine);
        let (kafka, clickhouse, postgres, registry) = tokio::join!(
            start(want(Engine::Kafka), &config, &cache, &folder, "kafka", Kafka::start),
            start(want(Engine::ClickHouse), &config, &cache, &folder, "clickhouse", ClickHouse::start),
            start(want(Engine::Postgres), &config, &cache, &folder, "postgres", Postgres::start),
            start(want(Engine::Registry), &config, &cache, &folder, "registry", Registry::start),
        );
        Ok(Self { kafka: kafka?, clickhouse: clickhouse?, postgres: postgres?, registry: registry?, folder })
    }

    /// Kafka, if it was asked for.
    pub fn kafka(&self) -> Option<&Kafka> {
        self.kafka.as_ref()
    }

    /// ClickHouse, if it was asked for.
    pub fn clickhouse(&self) -> Option<&ClickHouse> {
        self.clickhouse.as_ref()
    }

    /// PostgreSQL, if it was asked for.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The schema registry, if it was asked for.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// The folder that holds the engines' data and logs.
    pub fn data_dir(&self) -> &Path {
        &self.folder.path
    }

    /// Ends all engines in order, within 15 s each and side by side, then kills what is left.
    ///
    /// # Errors
    /// [`DevstackError::Io`] when a process could not be waited for or the folder not be removed.
    pub async fn stop(self) -> Result<(), DevstackError> {
        let (kafka, clickhouse, postgres, registry) = tokio::join!(
            stop(self.kafka.as_ref().map(Kafka::process)),
            stop(self.clickhouse.as_ref().map(ClickHouse::process)),
            stop(self.postgres.as_ref().map(Postgres::process)),
            stop(self.registry.as_ref().map(Registry::process)),
        );
        kafka.and(clickhouse).and(postgres).and(registry)?;
        Arc::into_inner(self.folder).map_or(Ok(()), Folder::close)
    }
}

async fn start<T: Send + 'static>(
    wanted: bool,
    config: &StackConfig,
    cache: &Cache,
    whole: &Arc<Folder>,
    part: &str,
    start: fn(&Site<'_>) -> Result<T, DevstackError>,
) -> Result<Option<T>, DevstackError> {
    if !wanted {
        return Ok(None);
    }
    let (config, cache, whole) = (config.clone(), cache.clone(), Arc::clone(whole));
    let folder = whole.path.join(part);
    let work = move || {
        // A caller that gives up waiting must not open the folder to others while this still starts.
        let _held = whole;
        std::fs::create_dir_all(&folder).attempting(|| format!("create {}", folder.display()))?;
        start(&Site { config: &config, cache: &cache, folder }).map(Some)
    };
    tokio::task::spawn_blocking(work)
        .await
        .attempting(|| "wait for the thread that starts an engine".to_owned())?
}

async fn stop(process: Option<&Process>) -> Result<(), DevstackError> {
    match process {
        Some(process) => process.stop().await,
        None => Ok(()),
    }
}

/// The data folder, held against other stacks for as long as this lives.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
    _lock: File,
}

impl Folder {
    fn open(kept: Option<&Path>) -> Result<Self, DevstackError> {
        let (path, temporary) = match kept {
            Some(kept) => {
                std::fs::create_dir_all(kept).attempting(|| format!("create {}", kept.display()))?;
                (kept.to_owned(), None)
            }
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("adpulse-")
                    // PostgreSQL may run as another user, who has to pass through this folder.
                    .permissions(std::fs::Permissions::from_mode(0o755))
                    .tempdir()
                    .attempting(|| "create a temporary data folder".to_owned())?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let path = path.canonicalize().attempting(|| format!("find {}", path.display()))?;
        let lock =
            File::create(path.join("lock")).attempting(|| format!("create a lock in {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, temporary, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DevstackError::DataInUse(path)),
            Err(TryLockError::Error(source)) => {
                Err(DevstackError::Io { action: format!("lock {}", path.display()), source })
            }
        }
    }

    fn close(self) -> Result<(), DevstackError> {
        let Some(temporary) = self.temporary else { return Ok(()) };
        temporary.close().attempting(|| format!("remove {}", self.path.display()))
    }
}
