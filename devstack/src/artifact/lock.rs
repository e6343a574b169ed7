//! `engines.lock`: which files an artifact consists of, and their content.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Attempting, DevstackError};

const CHECKED_IN: &str = include_str!("../../engines.lock");

/// Artifact, then file, to the sha256 in lower-case hexadecimal.
#[derive(Debug)]
pub(super) struct Lock {
    artifacts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Lock {
    pub(super) fn checked_in() -> Self {
        Self::parse(CHECKED_IN)
    }

    /// Reads lines of artifact, file and sum; `#` begins a comment line. A line of another
    /// shape pins nothing, so that its file is refused later.
    pub(super) fn parse(text: &str) -> Self {
        let mut artifacts: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let [artifact, file, sum] = line.split_whitespace().collect::<Vec<_>>()[..] {
                artifacts.entry(artifact.to_owned()).or_default().insert(file.to_owned(), sum.to_owned());
            }
        }
        Self { artifacts }
    }

    /// Checks that a folder holds exactly the files of an artifact.
    pub(super) fn verify(&self, artifact: &str, folder: &Path) -> Result<(), DevstackError> {
        let empty = BTreeMap::new();
        let pinned = self.artifacts.get(artifact).unwrap_or(&empty);
        let mut missing: Vec<&str> = pinned.keys().map(String::as_str).collect();
        let mut unexpected = Vec::new();
        let entries = std::fs::read_dir(folder).attempting(|| format!("list {}", folder.display()))?;
        for entry in entries {
            let path = entry.attempting(|| format!("list {}", folder.display()))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(expected) = pinned.get(&file) else {
                unexpected.push(file);
                continue;
            };
            missing.retain(|name| *name != file);
            let found = sha256(&path)?;
            if found != *expected {
                let artifact = artifact.to_owned();
                return Err(DevstackError::WrongHash { artifact, file, expected: expected.clone(), found });
            }
        }
        if missing.is_empty() && unexpected.is_empty() && !pinned.is_empty() {
            return Ok(());
        }
        Err(DevstackError::WrongFiles {
            artifact: artifact.to_owned(),
            difference: format!("missing {missing:?}, not expected {unexpected:?}"),
        })
    }
}

fn sha256(path: &Path) -> Result<String, DevstackError> {
    let reading = || format!("read {}", path.display());
    let mut file = File::open(path).attempting(reading)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer).attempting(reading)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checked_in_line_pins_a_file_with_a_whole_sum() {
        let lines = CHECKED_IN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        let lock = Lock::checked_in();
        let sums: Vec<&String> = lock.artifacts.values().flat_map(BTreeMap::values).collect();
        assert_eq!(sums.len(), lines);
        assert!(sums.iter().all(|sum| sum.len() == 64));
    }

    #[test]
    fn a_file_that_is_not_pinned_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stranger.jar"), "content").unwrap();
        let refused = Lock::parse("").verify("artifact", folder.path()).unwrap_err();
        assert!(
            matches!(refused, DevstackError::WrongFiles { difference, .. } if difference.contains("stranger"))
        );
    }
}
