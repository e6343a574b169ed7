//! What a caller may choose about a stack, and where the cache lies.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::DevstackError;

/// How downloads and starts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// Bars when the standard error is a terminal, lines otherwise.
    #[default]
    Auto,
    /// One spinner per step.
    Bars,
    /// One line when a step begins and one when it ends.
    Lines,
    /// Nothing.
    Silent,
}

/// Ports of the broker's second listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KafkaBehind {
    /// Where the broker listens.
    pub port: u16,
    /// What it says its port is.
    pub advertised: u16,
}

/// What a stack is started with. `StackConfig::default()` suits tests: fresh folder, shared cache.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Where the engines keep their data. `None` is a fresh folder, removed when the stack ends.
    pub data_dir: Option<PathBuf>,
    /// Where downloads are kept; `$ADPULSE_CACHE`, `$XDG_CACHE_HOME/adpulse` or
    /// `~/.cache/adpulse` by default.
    pub cache_dir: Option<PathBuf>,
    /// How downloads and starts are shown.
    pub progress: Progress,
    /// The program and first arguments that serve ClickHouse; the arguments of
    /// [`crate::clickhouse::Options::to_args`] are appended. `adpulse` names itself here. `None` is
    /// the `devstack-engine` program of this workspace, built when a test needs it.
    pub engine_command: Option<Vec<OsString>>,
    /// Run the pinned PostgreSQL even where the machine has its own.
    pub packaged_postgres: bool,
    /// Options of the Kafka broker's virtual machine. The default starts quickly and stays small;
    /// a benchmark gives it a larger heap and leaves out `-XX:TieredStopAtLevel=1`.
    pub kafka_jvm_options: Vec<String>,
    /// A second listener of the broker and the loopback port that it tells its clients, behind which something may stand
    /// that delays or cuts them.
    pub kafka_behind: Option<KafkaBehind>,
    /// Broker properties that go after, and so override, those of the stack.
    pub kafka_properties: Vec<(String, String)>,
}

impl Default for StackConfig {
    fn default() -> Self {
        let kafka_jvm_options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        Self {
            data_dir: None,
            cache_dir: None,
            progress: Progress::Auto,
            engine_command: None,
            packaged_postgres: false,
            kafka_jvm_options: kafka_jvm_options.map(str::to_owned).to_vec(),
            kafka_behind: None,
            kafka_properties: Vec::new(),
        }
    }
}

impl StackConfig {
    /// The cache folder these settings come to.
    pub(crate) fn cache_dir(&self) -> Result<PathBuf, DevstackError> {
        let from_env = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.cache_dir
            .clone()
            .or_else(|| from_env("ADPULSE_CACHE"))
            .or_else(|| from_env("XDG_CACHE_HOME").map(|base| base.join("adpulse")))
            .or_else(|| from_env("HOME").map(|home| home.join(".cache/adpulse")))
            .ok_or_else(|| DevstackError::Io {
                action: "find a cache folder, as neither ADPULSE_CACHE nor HOME is set".to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
            })
    }
}
