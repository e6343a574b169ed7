//! Finds a Java that can run Kafka and the registry.
//!
//! Looks in `JAVA_HOME`, on `PATH` and below `/usr/lib/jvm`, and takes the oldest of version 17 or
//! newer, because that is the one these engines were released for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::error::DevstackError;

const OLDEST: u32 = 17;

/// A Java that is new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JavaVersion {
    /// The feature release, such as 17.
    pub major: u32,
    /// The whole version, such as `17.0.15`.
    pub version: String,
    /// The `java` program.
    pub program: PathBuf,
}

/// The Java that Kafka and the registry run on.
///
/// # Errors
/// [`DevstackError::MissingJava`] when there is none of version 17 or newer: `adpulse dev` then
/// falls back to a broker in memory.
pub fn java_available() -> Result<JavaVersion, DevstackError> {
    // Asking each candidate may start a virtual machine, so the answer is kept; a failure is not.
    static FOUND: OnceLock<JavaVersion> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    let oldest = candidates()
        .iter()
        .filter_map(|program| version_of(program))
        .filter(|java| java.major >= OLDEST)
        .min_by_key(|java| java.major)
        .ok_or(DevstackError::MissingJava)?;
    Ok(FOUND.get_or_init(|| oldest).clone())
}

fn candidates() -> Vec<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut programs: Vec<PathBuf> = home
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("java")))
        .chain(installed.map(|entry| entry.path().join("bin/java")))
        .filter_map(|program| program.canonicalize().ok())
        .collect();
    programs.sort();
    programs.dedup();
    programs
}

fn version_of(program: &Path) -> Option<JavaVersion> {
    // The `release` file beside the runtime answers without starting it.
    let home = program.parent()?.parent()?;
    let version = match std::fs::read_to_string(home.join("release")) {
        Ok(release) => quoted(release.lines().find(|line| line.starts_with("JAVA_VERSION="))?)?,
        Err(_) => {
            let output = Command::new(program).arg("-version").output().ok()?;
            quoted(String::from_utf8_lossy(&output.stderr).lines().next()?)?
        }
    };
    let major = version.split(['.', '-', '+']).next()?.parse().ok()?;
    Some(JavaVersion { major, version, program: program.to_owned() })
}

fn quoted(text: &str) -> Option<String> {
    text.split('"').nth(1).map(str::to_owned)
}
