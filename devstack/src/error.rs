//! What can go wrong while engines are fetched, started and stopped, one variant for each thing
//! the caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

/// Why a stack could not be brought up or controlled.
#[derive(Debug, thiserror::Error)]
pub enum DevstackError {
    /// A program that fetches or runs an engine is not installed.
    #[error("`{program}` is needed to {purpose} and is not installed: install the package {package}")]
    MissingProgram {
        /// The program looked for.
        program: &'static str,
        /// What it would have done.
        purpose: String,
        /// The package that brings it.
        package: &'static str,
    },
    /// No Java of version 17 or newer was found.
    #[error(
        "no Java 17 or newer in JAVA_HOME, on PATH or below /usr/lib/jvm: \
         install the package openjdk-17-jre-headless"
    )]
    MissingJava,
    /// The package manager could not deliver a package.
    #[error(
        "`{client}` could not fetch {artifact}: {output}\n\
         check the network and the settings of `{client}`, then try again"
    )]
    Download {
        /// The package manager.
        client: String,
        /// The artifact asked for.
        artifact: String,
        /// The last lines it printed.
        output: String,
    },
    /// A downloaded file is not the one that `engines.lock` names.
    #[error(
        "{file} of {artifact} has sha256 {found}, but engines.lock expects {expected}: nothing was \
         installed. Try again in case the transfer was damaged; if it stays so, the package was \
         changed at its source: do not use it before you know why"
    )]
    WrongHash {
        /// The artifact it belongs to.
        artifact: String,
        /// The name of the file.
        file: String,
        /// The sum recorded in `engines.lock`.
        expected: String,
        /// The sum of the file as it arrived.
        found: String,
    },
    /// A downloaded artifact has a file too many or too few.
    #[error("{artifact} was delivered with other files than engines.lock lists: {difference}")]
    WrongFiles {
        /// The artifact.
        artifact: String,
        /// Which files are missing or were not expected.
        difference: String,
    },
    /// The engine is not packaged for this operating system and processor.
    #[error("{engine} is not pinned for {platform}: {advice}")]
    Unsupported {
        /// The engine.
        engine: &'static str,
        /// Operating system and processor.
        platform: String,
        /// What to do instead.
        advice: &'static str,
    },
    /// Another stack uses the data folder.
    #[error("{} is in use by another stack: stop that one or choose another data folder", .0.display())]
    DataInUse(PathBuf),
    /// The user that must run an engine cannot reach its folder.
    #[error(
        "{engine} runs as user `{user}`, who may not enter {}: \
         choose a data folder that everyone may enter", .folder.display()
    )]
    Unreachable {
        /// The engine.
        engine: &'static str,
        /// The unprivileged user.
        user: String,
        /// The folder that is closed to that user.
        folder: PathBuf,
    },
    /// An engine ended before it answered.
    #[error("{engine} ended with {status} before it answered; the end of {}:\n{tail}", .log.display())]
    Ended {
        /// The engine.
        engine: &'static str,
        /// How the process ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// An engine did not answer in time.
    #[error("{engine} did not answer within {} s; the end of {}:\n{tail}", .waited.as_secs(), .log.display())]
    Silent {
        /// The engine.
        engine: &'static str,
        /// How long it was given.
        waited: Duration,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A step before the start of an engine failed, such as formatting its data folder.
    #[error("{step} failed: {output}")]
    Preparation {
        /// What was done.
        step: String,
        /// The last lines it printed.
        output: String,
    },
    /// The program that serves ClickHouse could not be found or built.
    #[error("the ClickHouse engine program is not available: {0}")]
    EngineProgram(String),
    /// The embedded ClickHouse library refused to be loaded or opened.
    #[error("the ClickHouse library {}: {reason}", .library.display())]
    Library {
        /// The shared library.
        library: PathBuf,
        /// What it said.
        reason: String,
    },
    /// A file or process operation failed.
    #[error("could not {action}: {source}")]
    Io {
        /// What was attempted, and on what.
        action: String,
        /// What the system answered.
        source: std::io::Error,
    },
}

impl DevstackError {
    /// True when the engine could not have its port, so that another port is worth a try.
    pub(crate) fn is_port_taken(&self) -> bool {
        let Self::Ended { tail, .. } = self else { return false };
        ["in use", "BindException", "could not bind"].iter().any(|sign| tail.contains(sign))
    }
}

/// Says what was attempted when a system call fails.
pub(crate) trait Attempting<T> {
    fn attempting(self, action: impl FnOnce() -> String) -> Result<T, DevstackError>;
}

impl<T, E: Into<std::io::Error>> Attempting<T> for Result<T, E> {
    fn attempting(self, action: impl FnOnce() -> String) -> Result<T, DevstackError> {
        self.map_err(|error| DevstackError::Io { action: action(), source: error.into() })
    }
}
