//! Where a run takes place: fresh engines, and the `adpulse` binary that lies beside this one, pointed at them.

mod drain;
mod load;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devstack::{Engine, Progress, Stack, StackConfig};
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{Admin, ConsumedRecord, KafkaSettings, ReadRange, TopicReader};
use schemas::Topic;
use tempfile::TempDir;

use crate::Options;
use crate::process::Process;

pub use load::Loader;
pub use watch::Sample;

/// Before every topic and group of a run.
pub const PREFIX: &str = "bench.";
/// How long the markers of a commit may take, after its answer.
const DECIDED_LIMIT: Duration = Duration::from_secs(60);
/// A broker sized to be no obstacle: a heap of a gigabyte and the optimising compiler, which the development stack leaves out.
const BROKER_JVM: [&str; 6] = [
    "-Xms1g",
    "-Xmx1g",
    // As Kafka's own start script has it. A serial collector stops the broker for 100 ms every three seconds, which is then every p99.
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

/// Engines of one run and the settings that point at them. Everything ends when it is dropped.
pub struct Site {
    stack: Stack,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    operations: String,
    folder: TempDir,
    launcher: Vec<String>,
    under: Option<String>,
    settings_file: Option<PathBuf>,
}

impl Site {
    /// Starts the engines, creates the topics, and the tables where there is a store.
    pub async fn start(engines: &[Engine], options: &Options) -> anyhow::Result<Self> {
        let binary = binary()?;
        let config = StackConfig {
            progress: Progress::Silent,
            engine_command: Some(vec![binary.clone().into(), "engine-clickhouse".into()]),
            kafka_jvm_options: BROKER_JVM.map(str::to_owned).to_vec(),
            ..StackConfig::default()
        };
        let waiting = spinner("starting the engines");
        let stack = Stack::start(config, engines).await?;
        waiting.finish_and_clear();
        let operations = free_address()?;
        let mut settings = vec![
            ("KAFKA__BROKERS", stack.kafka().context("a run needs Kafka")?.bootstrap()),
            ("KAFKA__TOPIC_PREFIX", PREFIX.to_owned()),
            ("KAFKA__PARTITIONS", options.partitions.to_string()),
            ("PROCESSING__COMMIT_INTERVAL_MS", options.commit_ms().to_string()),
            ("METRICS__LISTEN", operations.clone()),
        ];
        settings.extend(stack.clickhouse().map(|engine| ("CLICKHOUSE__URL", engine.url())));
        settings.extend(stack.postgres().map(|engine| ("POSTGRES__URL", engine.url())));
        let settings = settings.into_iter().map(|(key, value)| (format!("ADPULSE__{key}"), value)).collect();
        let folder = tempfile::Builder::new().prefix("adpulse-bench-").tempdir().context("a folder")?;
        let file = options.settings.as_ref().map(std::fs::canonicalize).transpose();
        let (under, settings_file) = (options.under.clone(), file.context("the settings file")?);
        let launcher = if options.pin { taskset("0") } else { Vec::new() };
        let site = Self { stack, binary, settings, operations, folder, launcher, under, settings_file };
        if options.pin {
            site.pin_broker()?;
        }
        site.run("topics", PREFIX)?;
        if site.stack.clickhouse().is_some() {
            site.run("migrate", PREFIX)?;
        }
        Ok(site)
    }

    /// Moves the broker to the last core, all its threads.
    fn pin_broker(&self) -> anyhow::Result<()> {
        let pid =
            self.stack.kafka().and_then(|kafka| kafka.process().pid()).context("the broker's number")?;
        let last = std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
        let mut command = Command::new("taskset");
        command.args(["-a", "-c", "-p", &last.to_string(), &pid.to_string()]);
        succeed(command, "taskset")
    }

    /// Creates all topics once more, under another prefix: where a peer writes to.
    pub fn add_topics(&self, prefix: &str) -> anyhow::Result<()> {
        self.run("topics", prefix)
    }

    /// The folder of the run, removed with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes a setting for what is started from now on; named as in the environment, without its prefix.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((format!("ADPULSE__{key}"), value.to_owned()));
    }

    /// Stops the engines and removes their data.
    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(self.stack.stop().await?)
    }

    /// Writes a file into the run's folder and returns its path.
    pub fn write(&self, name: &str, content: &str) -> anyhow::Result<String> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        path.into_os_string().into_string().ok().context("the run's folder has no name in UTF-8")
    }

    /// Where Kafka listens.
    pub fn brokers(&self) -> anyhow::Result<String> {
        Ok(self.stack.kafka().context("a run needs Kafka")?.bootstrap())
    }

    /// How to reach Kafka.
    pub fn kafka(&self) -> anyhow::Result<KafkaSettings> {
        Ok(KafkaSettings::new(&self.brokers()?, "adpulse-bench"))
    }

    /// Where ClickHouse listens, and the number of its process.
    pub fn clickhouse(&self) -> anyhow::Result<(String, u32)> {
        let engine = self.stack.clickhouse().context("a run needs ClickHouse")?;
        Ok((engine.url(), engine.process().pid().context("the number of ClickHouse's process")?))
    }

    /// How to connect to Postgres.
    pub fn postgres(&self) -> anyhow::Result<String> {
        Ok(self.stack.postgres().context("a run needs Postgres")?.url())
    }

    /// The number of Postgres's first process.
    pub fn postgres_pid(&self) -> anyhow::Result<u32> {
        let engine = self.stack.postgres().context("a run needs Postgres")?;
        engine.process().pid().context("the number of Postgres's process")
    }

    /// The full name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{PREFIX}{}", topic.name())
    }

    /// Starts a role; `profiled` says whether it runs under the command that was asked for.
    pub fn role(&self, args: &[&str], profiled: bool) -> anyhow::Result<Process> {
        let mut command = self.launched(&self.binary, profiled);
        self.point(&mut command);
        command.args(["--log-format", "json"]);
        if let Some(file) = &self.settings_file {
            command.arg("--config").arg(file);
        }
        command.args(args);
        let name = args.join(" ");
        Process::start(
            &name,
            command,
            &self.folder.path().join(format!("{}.log", args.join("-").replace('/', "_"))),
        )
    }

    /// A command on the core that is measured, under the profiler if one was asked for.
    pub fn launched(&self, program: &Path, profiled: bool) -> Command {
        let under = self.under.as_deref().filter(|_| profiled).unwrap_or_default();
        let mut words = self.launcher.iter().map(String::as_str).chain(under.split_whitespace());
        match words.next() {
            None => Command::new(program),
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(program);
                command
            }
        }
    }

    /// Loads topics in one transaction, on a thread of its own.
    pub async fn load<T: Send + 'static>(
        &self,
        records: u64,
        fill: impl FnOnce(&mut Loader) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let settings = self.kafka()?;
        let loading = tokio::task::spawn_blocking(move || {
            let mut loader = Loader::begin(&settings, PREFIX, records)?;
            let made = fill(&mut loader)?;
            loader.commit()?;
            anyhow::Ok(made)
        });
        loading.await?
    }

    /// Hands every committed record of a topic to `visit` as key and value. Returns how many there were.
    pub async fn read(
        &self,
        topic: Topic,
        visit: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send + 'static,
    ) -> anyhow::Result<u64> {
        self.read_from(&self.topic(topic), visit).await
    }

    /// How many records a topic has, and the mean bytes of a key and value.
    pub async fn record_bytes(&self, topic: Topic) -> anyhow::Result<(u64, f64)> {
        let bytes = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let sum = std::sync::Arc::clone(&bytes);
        let visit = move |key: Option<&[u8]>, value: Option<&[u8]>| {
            let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            sum.fetch_add(size as u64, std::sync::atomic::Ordering::Relaxed);
        };
        let records = self.read(topic, visit).await?;
        #[expect(clippy::cast_precision_loss, reason = "sizes of topics are far below 2^53")]
        let mean = bytes.load(std::sync::atomic::Ordering::Relaxed) as f64 / records.max(1) as f64;
        Ok((records, mean))
    }

    /// The same for a topic by its full name.
    pub async fn read_from(
        &self,
        topic: &str,
        mut visit: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send + 'static,
    ) -> anyhow::Result<u64> {
        read_with(self.kafka()?, topic, move |record| visit(record.key, record.value)).await
    }

    /// Runs a command of the binary to its end.
    fn run(&self, name: &str, prefix: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.binary);
        self.point(&mut command);
        command.env("ADPULSE__KAFKA__TOPIC_PREFIX", prefix).arg(name);
        succeed(command, &format!("adpulse {name}"))
    }

    /// Gives a command this run's settings and nothing of the caller's.
    fn point(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ADPULSE__") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(key, value)| (key, value))).current_dir(self.folder.path());
    }
}

/// Hands every committed record of a topic to `visit`, read with these settings. Returns how many there were.
pub async fn read_with(
    settings: KafkaSettings,
    topic: &str,
    mut visit: impl FnMut(&ConsumedRecord<'_>) + Send + 'static,
) -> anyhow::Result<u64> {
    let topic = topic.to_owned();
    let admin = Admin::new(&settings)?;
    // A role may have ended the moment its commit was answered.
    let deadline = Instant::now() + DECIDED_LIMIT;
    while !admin.is_decided(std::slice::from_ref(&topic)).await? {
        anyhow::ensure!(Instant::now() < deadline, "a transaction on {topic} stays open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reading = tokio::task::spawn_blocking(move || {
        let mut count = 0;
        let mut reader = TopicReader::open(&settings, "bench-reader", &ReadRange::whole(&topic))?;
        reader.for_each(|record| {
            visit(&record);
            count += 1;
            true
        })?;
        anyhow::Ok(count)
    });
    reading.await?
}

/// Runs a command to its end.
pub fn succeed(mut command: Command, name: &str) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        bail!("{name} failed:\n{}", said.concat());
    }
    Ok(())
}

/// Keeps what it starts on a core.
fn taskset(core: &str) -> Vec<String> {
    ["taskset", "-c", core].map(str::to_owned).to_vec()
}

/// The binary of the same build.
fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    // A test's program lies one folder deeper.
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join("adpulse")).find(|path| path.is_file());
    found.with_context(|| {
        let advice = if cfg!(debug_assertions) { "cargo build" } else { "cargo build --release" };
        format!("there is no `adpulse` beside {}: build it with `{advice}`", own.display())
    })
}

/// A loopback address that was free a moment ago.
pub fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.to_string())
}

/// Shows on a terminal what is being waited for.
pub fn spinner(message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    let bar = ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
