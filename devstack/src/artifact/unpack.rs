//! Takes the wanted part out of a `tar.gz`.

use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::Unpack;
use crate::error::{Attempting, DevstackError};

/// Unpacks every archive of a folder into another.
pub(super) fn archives_in(folder: &Path, target: &Path, what: Unpack) -> Result<(), DevstackError> {
    std::fs::create_dir_all(target).attempting(|| format!("create {}", target.display()))?;
    let entries = std::fs::read_dir(folder).attempting(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let archive = entry.attempting(|| format!("list {}", folder.display()))?.path();
        unpack(&archive, target, what).attempting(|| format!("unpack {}", archive.display()))?;
    }
    Ok(())
}

fn unpack(archive: &Path, target: &Path, what: Unpack) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    let mut found = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(relative) = wanted(&entry.path()?, what) else { continue };
        found = true;
        if relative.as_os_str().is_empty() {
            continue;
        }
        let path = target.join(&relative);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        entry.unpack(path)?;
        if matches!(what, Unpack::Only(_)) {
            return Ok(());
        }
    }
    if found { Ok(()) } else { Err(std::io::Error::other(format!("the archive holds nothing for {what:?}"))) }
}

/// The path of an entry in the target folder, or `None` for an entry that is not wanted. The
/// content was verified, but a path that climbs out is refused all the same.
fn wanted(path: &Path, what: Unpack) -> Option<PathBuf> {
    let path = path.strip_prefix(".").unwrap_or(path);
    if path.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return None;
    }
    match what {
        Unpack::Below(prefix) => path.strip_prefix(prefix).ok().map(Path::to_owned),
        Unpack::Only(only) => {
            (path == Path::new(only)).then(|| path.file_name().map(PathBuf::from)).flatten()
        }
    }
}
