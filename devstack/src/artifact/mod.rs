//! The cache of engines: each artifact is fetched once per machine, checked against `engines.lock`,
//! and put in place in one step, so that a folder that exists is complete.
//!
//! It refuses any file that is not pinned. Called by the engines before they start.

mod fetch;
mod lock;
mod progress;
mod unpack;

pub(crate) use fetch::Package;
pub(crate) use progress::Reporter;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Attempting, DevstackError};
use lock::Lock;

const UNFINISHED: &str = "unfinished-";

/// One artifact of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// Its name in `engines.lock`, version included.
    pub(crate) name: &'static str,
    /// Where it comes from.
    pub(crate) package: Package,
    /// The part of an archive that is kept; `None` keeps the files as they come.
    pub(crate) unpack: Option<Unpack>,
}

/// What is taken out of a `tar.gz`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unpack {
    /// Entries below this path, without it.
    Below(&'static str),
    /// This entry alone.
    Only(&'static str),
}

/// The folder that artifacts and prepared data folders are kept in.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
    reporter: Reporter,
}

impl Cache {
    pub(crate) fn open(root: &Path, reporter: Reporter) -> Result<Self, DevstackError> {
        for part in ["artifacts", "templates", "locks"] {
            let folder = root.join(part);
            std::fs::create_dir_all(&folder)
                .attempting(|| format!("create the cache folder {}", folder.display()))?;
        }
        let root = root.canonicalize().attempting(|| format!("find the cache folder {}", root.display()))?;
        remove_unfinished(&root);
        Ok(Self { root, reporter })
    }

    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// The folder of an artifact, fetched and verified if it is not there.
    pub(crate) fn artifact(&self, artifact: &Artifact) -> Result<PathBuf, DevstackError> {
        self.artifact_pinned_by(artifact, &Lock::checked_in())
    }

    fn artifact_pinned_by(&self, artifact: &Artifact, lock: &Lock) -> Result<PathBuf, DevstackError> {
        self.once("artifacts", artifact.name, |folder| {
            let step = self.reporter.begin(&format!("fetching {}", artifact.name));
            let download = folder.join("download");
            create(&download)?;
            artifact.package.fetch(artifact.name, &download, &step)?;
            step.say("verifying");
            lock.verify(artifact.name, &download)?;
            let content = folder.join("content");
            match artifact.unpack {
                None => rename(&download, &content)?,
                Some(unpack) => {
                    step.say("unpacking");
                    unpack::archives_in(&download, &content, unpack)?;
                }
            }
            step.done();
            Ok(content)
        })
    }

    /// A data folder that is prepared once and copied for each use.
    pub(crate) fn template(
        &self,
        name: &str,
        prepare: impl FnOnce(&Path) -> Result<(), DevstackError>,
    ) -> Result<PathBuf, DevstackError> {
        self.once("templates", name, |folder| {
            let step = self.reporter.begin(&format!("preparing {name}"));
            let content = folder.join("content");
            create(&content)?;
            prepare(&content)?;
            step.done();
            Ok(content)
        })
    }

    /// Makes `kind/name` unless it exists: in a temporary folder beside it, moved into place at the
    /// end, and by one process at a time.
    fn once(
        &self,
        kind: &str,
        name: &str,
        make: impl FnOnce(&Path) -> Result<PathBuf, DevstackError>,
    ) -> Result<PathBuf, DevstackError> {
        let target = self.root.join(kind).join(name);
        if target.exists() {
            return Ok(target);
        }
        let lock_path = self.root.join("locks").join(name);
        let lock = File::create(&lock_path).attempting(|| format!("create {}", lock_path.display()))?;
        lock.lock().attempting(|| format!("lock {}", lock_path.display()))?;
        if target.exists() {
            return Ok(target);
        }
        let temporary = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.root)
            .attempting(|| format!("create a folder in {}", self.root.display()))?;
        let made = make(temporary.path())?;
        rename(&made, &target)?;
        Ok(target)
    }
}

/// Removes what programs that were killed in the middle of a download left, once it is a day old.
fn remove_unfinished(root: &Path) {
    const OLD: Duration = Duration::from_secs(24 * 3600);
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let old = changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > OLD));
        if unfinished && old {
            // It only takes up space; the next start tries again.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn create(folder: &Path) -> Result<(), DevstackError> {
    std::fs::create_dir_all(folder).attempting(|| format!("create {}", folder.display()))
}

fn rename(from: &Path, to: &Path) -> Result<(), DevstackError> {
    std::fs::rename(from, to).attempting(|| format!("move {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Progress;

    #[test]
    fn an_artifact_with_a_wrong_hash_is_refused_and_nothing_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), Reporter::new(Progress::Silent)).unwrap();
        let artifact = Artifact {
            name: "slf4j",
            package: Package::MavenTree { roots: &[("org.slf4j", "slf4j-simple", "1.7.36")] },
            unpack: None,
        };
        let lock = Lock::parse(&format!(
            "slf4j slf4j-api-1.7.36.jar {0}\nslf4j slf4j-simple-1.7.36.jar {0}",
            "0".repeat(64)
        ));

        let refused = cache.artifact_pinned_by(&artifact, &lock).unwrap_err();

        assert!(matches!(&refused, DevstackError::WrongHash { expected, .. } if expected.starts_with("000")));
        assert!(!folder.path().join("artifacts/slf4j").exists());
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "only the three parts of the cache remain: {left:?}");
    }
}
