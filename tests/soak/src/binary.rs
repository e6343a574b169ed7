//! The `adpulse` binary with crash points: built in the profile of this program, beside the normal one and never in its place.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, bail};

/// Builds it if needed and returns its path. Everything compiled on the way is shared with the normal build; only the finished
/// program lies in a folder of its own.
///
/// # Errors
/// When cargo fails.
pub fn adpulse() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = BUILT.get() {
        return Ok(path.clone());
    }
    let path = build()?;
    Ok(BUILT.get_or_init(|| path).clone())
}

fn build() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    // target/<profile>/soak, or target/<profile>/deps/<test>.
    let profile =
        own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("a target folder")?;
    let target = profile.parent().context("a target folder")?;
    let release = profile.ends_with("release");
    let finished = target.join("soak");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the workspace")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "adpulse",
        "--bin",
        "adpulse",
        "--features",
        "crash-points",
    ]);
    cargo.arg("--target-dir").arg(&finished).env("CARGO_BUILD_BUILD_DIR", target);
    if release {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(root).stdin(Stdio::null()).output().context("running cargo")?;
    if !built.status.success() {
        bail!("building adpulse with crash points:\n{}", String::from_utf8_lossy(&built.stderr));
    }
    Ok(finished.join(if release { "release" } else { "debug" }).join("adpulse"))
}
