//! A small disk under ClickHouse's data, so that it can be full: a tmpfs, where mounting one is allowed.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Enough for the tables of a run and their merges.
const SIZE: &str = "size=768m";
const BALLAST: &str = "ballast";
const PIECE: usize = 4 << 10;
const FILL_AGAIN: Duration = Duration::from_millis(50);

/// Set in a program that has its mounts for itself.
const PRIVATE: &str = "ADPULSE_SOAK_MOUNTS";

/// Begins the program anew with mounts of its own, where that is allowed, so that none outlives it however it ends. To be called
/// first of all.
pub fn keep_mounts_private() {
    if std::env::var_os(PRIVATE).is_some() {
        return;
    }
    let Ok(own) = std::env::current_exe() else { return };
    let allowed = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    if allowed.is_ok_and(|status| status.success()) {
        // It returns only when it fails, and then there are no private mounts.
        let _ = Command::new("unshare")
            .arg("--mount")
            .arg(own)
            .args(std::env::args_os().skip(1))
            .env(PRIVATE, "private")
            .exec();
    }
}

/// A mounted disk. It is gone when this is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk on a folder, which is made; none where that is not allowed.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn mount(path: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "adpulse-soak"]).arg(path);
        let mounted = mount.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(mounted.is_ok_and(|status| status.success()).then(|| Self(path.to_owned())))
    }

    /// Keeps it full to the last block for a while, whatever is freed meanwhile.
    ///
    /// # Errors
    /// When it did not become full.
    pub fn fill(&self, time: Duration) -> anyhow::Result<()> {
        let mut file = File::create(self.0.join(BALLAST)).context("filling the disk")?;
        let until = Instant::now() + time;
        let mut full = false;
        while Instant::now() < until {
            while file.write_all(&[0; PIECE]).is_ok() {}
            full = true;
            std::thread::sleep(FILL_AGAIN);
        }
        anyhow::ensure!(full, "the disk did not become full");
        self.clear()
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When what filled it cannot be removed.
    pub fn clear(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(self.0.join(BALLAST)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("making room"),
            _ => Ok(()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still runs on it ends with the run; a disk in memory that stays would be noticed by `mount`.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stdin(Stdio::null()).status();
    }
}
