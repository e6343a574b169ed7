//! Where a run takes place: fresh engines, and the `adpulse` binary that lies beside this one, pointed at them.

mod drain;
mod load;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devstack::{Engine, Progress, Stack, StackConfig};
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{KafkaSettings, ReadRange, TopicReader};
use schemas::Topic;
use tempfile::TempDir;

use crate::Options;
use crate::process::Process;

pub use load::Loader;

/// Before every topic and group of a run.
const PREFIX: &str = "bench.";
const READY_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_LIMIT: Duration = Duration::from_secs(600);
/// Drained or not is asked this often; a wall time is not known better than this.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A broker sized to be no obstacle: a heap of a gigabyte and the optimising compiler, which the development stack leaves out.
const BROKER_JVM: [&str; 3] = ["-Xms1g", "-Xmx1g", "-XX:+UseSerialGC"];

/// Engines of one run and the settings that point at them. Everything ends when it is dropped.
pub struct Site {
    stack: Stack,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    operations: String,
    folder: TempDir,
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
            ("PROCESSING__COMMIT_INTERVAL_MS", "100".to_owned()),
            ("METRICS__LISTEN", operations.clone()),
        ];
        settings.extend(stack.clickhouse().map(|engine| ("CLICKHOUSE__URL", engine.url())));
        settings.extend(stack.postgres().map(|engine| ("POSTGRES__URL", engine.url())));
        let settings = settings.into_iter().map(|(key, value)| (format!("ADPULSE__{key}"), value)).collect();
        let folder = tempfile::Builder::new().prefix("adpulse-bench-").tempdir().context("a folder")?;
        let file = options.settings.as_ref().map(std::fs::canonicalize).transpose();
        let (under, settings_file) = (options.under.clone(), file.context("the settings file")?);
        let site = Self { stack, binary, settings, operations, folder, under, settings_file };
        site.run("topics")?;
        if site.stack.clickhouse().is_some() {
            site.run("migrate")?;
        }
        Ok(site)
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

    /// How to reach Kafka.
    pub fn kafka(&self) -> anyhow::Result<KafkaSettings> {
        let brokers = self.stack.kafka().context("a run needs Kafka")?.bootstrap();
        Ok(KafkaSettings::new(&brokers, "adpulse-bench"))
    }

    /// The full name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{PREFIX}{}", topic.name())
    }

    /// Starts a role; `profiled` says whether it runs under the command that was asked for.
    pub fn role(&self, args: &[&str], profiled: bool) -> anyhow::Result<Process> {
        let mut command = match self.under.as_deref().filter(|_| profiled) {
            None => Command::new(&self.binary),
            Some(under) => {
                let mut words = under.split_whitespace();
                let mut command = Command::new(words.next().context("--under names no program")?);
                command.args(words).arg(&self.binary);
                command
            }
        };
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

    /// Waits until a role has its partitions.
    pub async fn joined(&self, role: &mut Process) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            role.verify_running()?;
            let joined = self.counter(kafka::metrics::REBALANCES_TOTAL).await.unwrap_or(0.0);
            if joined >= 1.0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the role did not join its group:\n{}", role.last_words());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a role has worked off its topics.
    pub async fn drained(&self, role: &mut Process, group: &str, topics: &[Topic]) -> anyhow::Result<()> {
        let (settings, group) = (self.kafka()?, format!("{PREFIX}{group}"));
        let topics: Vec<String> = topics.iter().map(|&topic| self.topic(topic)).collect();
        let deadline = Instant::now() + if self.under.is_some() { DRAIN_LIMIT * 6 } else { DRAIN_LIMIT };
        let admin = kafka::Admin::new(&settings)?;
        let waiting = spinner(&format!("{group} works off its topics"));
        loop {
            role.verify_running()?;
            if drain::nothing_left(&settings, &admin, &group, &topics).await? {
                waiting.finish_and_clear();
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{group} still has records to read after {} s", DRAIN_LIMIT.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A counter of the running role, summed over its labels.
    pub async fn counter(&self, name: &str) -> anyhow::Result<f64> {
        Ok(self.samples(name).await?.into_iter().map(|(_, value)| value).sum())
    }

    /// A metric of the running role: each set of labels as it is written, with its value.
    pub async fn samples(&self, name: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let url = format!("http://{}/metrics", self.operations);
        let text = tokio::task::spawn_blocking(move || {
            anyhow::Ok(ureq::get(&url).call()?.body_mut().read_to_string()?)
        });
        let text = text.await??;
        let of_name = text.lines().filter_map(|line| line.strip_prefix(name));
        let sample = |rest: &str| {
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels.to_owned(), value.parse().ok()?))
        };
        Ok(of_name.filter(|rest| rest.starts_with(['{', ' '])).filter_map(sample).collect())
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
        mut visit: impl FnMut(Option<&[u8]>, Option<&[u8]>) + Send + 'static,
    ) -> anyhow::Result<u64> {
        let (settings, topic) = (self.kafka()?, self.topic(topic));
        let reading = tokio::task::spawn_blocking(move || {
            let mut count = 0;
            let mut reader = TopicReader::open(&settings, "bench-reader", &ReadRange::whole(&topic))?;
            reader.for_each(|record| {
                visit(record.key, record.value);
                count += 1;
                true
            })?;
            anyhow::Ok(count)
        });
        reading.await?
    }

    /// Runs a command of the binary to its end.
    fn run(&self, name: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.binary);
        self.point(&mut command);
        let output =
            command.arg(name).stdin(Stdio::null()).output().with_context(|| format!("adpulse {name}"))?;
        if !output.status.success() {
            bail!("adpulse {name} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
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
