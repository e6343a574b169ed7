//! One file per engine: from its artifact and a data folder to a running [`Process`].

pub(crate) mod kafka;
pub(crate) mod postgres;
pub(crate) mod clickhouse;
pub(crate) mod registry;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::artifact::Cache;
use crate::config::StackConfig;
use crate::error::{Attempting, DevstackError};
use crate::process::{last_lines, spawn};

/// How often a start is repeated because somebody else took the port meanwhile.
const STARTS_MAX: u32 = 4;

/// What every engine is started with.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) config: &'a StackConfig,
    pub(crate) cache: &'a Cache,
    /// The engine's own data folder.
    pub(crate) folder: PathBuf,
}

impl Site<'_> {
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("engine.log")
    }
}

/// Starts an engine, on other ports if the first are taken. `start` is told whether to take fresh ports.
fn on_free_ports<T>(start: impl Fn(bool) -> Result<T, DevstackError>) -> Result<T, DevstackError> {
    let mut result = start(false);
    for _ in 1..STARTS_MAX {
        match &result {
            Err(error) if error.is_port_taken() => result = start(true),
            _ => break,
        }
    }
    result
}

/// Runs a command of an engine to its end; its output goes to `log`, whose end is quoted if it fails.
fn run(step: &str, mut command: Command, log: &Path) -> Result<(), DevstackError> {
    let open = || std::fs::File::options().create(true).append(true).open(log);
    let opening = || format!("open {}", log.display());
    command.stdin(Stdio::null()).stdout(open().attempting(opening)?).stderr(open().attempting(opening)?);
    let mut child = spawn(command, Signal::SIGKILL).attempting(|| format!("begin: {step}"))?;
    let status = child.wait().attempting(|| format!("wait for: {step}"))?;
    if status.success() {
        return Ok(());
    }
    Err(DevstackError::Preparation { step: step.to_owned(), output: last_lines(log, 0) })
}

/// Copies a folder with all it holds. Links are followed, modes are kept.
fn copy_folder(from: &Path, to: &Path) -> Result<(), DevstackError> {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target)?;
            } else {
                std::fs::copy(entry.path(), target)?;
            }
        }
        Ok(())
    }
    copy(from, to).attempting(|| format!("copy {} to {}", from.display(), to.display()))
}

/// An option whose value is a path: `-XX:Name=/some/path`.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}
