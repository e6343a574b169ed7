//! Asks the package managers for packages by name. Where they look is their configuration, not ours.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::progress::Step;
use crate::error::{Attempting, DevstackError};
use crate::process::{last_lines, spawn};

const FETCH_WITHIN: Duration = Duration::from_secs(30 * 60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A package, by the manager that owns it. Coordinates are group, artifact and version.
#[derive(Debug, Clone)]
pub(crate) enum Package {
    /// Maven artifacts with all they need at run time.
    MavenTree { roots: &'static [(&'static str, &'static str, &'static str)] },
    /// One Maven file: `group:artifact:version:type:classifier`.
    MavenFile { coordinates: &'static str },
    /// The archive of an npm package, `name@version`.
    Npm { spec: &'static str },
}

impl Package {
    /// Brings the files of the package into an empty folder.
    pub(super) fn fetch(&self, artifact: &str, folder: &Path, step: &Step) -> Result<(), DevstackError> {
        // What the package manager needs and prints lies beside the files, not among them.
        let scratch = tempfile::tempdir().attempting(|| "create a temporary folder".to_owned())?;
        let (client, package, mut command) = match self {
            Self::MavenTree { roots } => {
                let pom = scratch.path().join("pom.xml");
                std::fs::write(&pom, project(roots)).attempting(|| format!("write {}", pom.display()))?;
                let mut command = Command::new("mvn");
                command.args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]);
                ("mvn", "maven", {
                    command.arg(output_folder(folder));
                    command
                })
            }
            Self::MavenFile { coordinates } => {
                let mut command = Command::new("mvn");
                command.args(["-q", "-B", "dependency:copy", &format!("-Dartifact={coordinates}")]);
                ("mvn", "maven", {
                    command.arg(output_folder(folder));
                    command
                })
            }
            Self::Npm { spec } => {
                let mut command = Command::new("npm");
                command.args(["pack", spec, "--ignore-scripts", "--pack-destination"]).arg(folder);
                ("npm", "npm", command)
            }
        };
        command.current_dir(scratch.path());
        run(client, package, artifact, command, scratch.path(), &mut || step.bytes(size_of(folder)))
    }
}

fn output_folder(folder: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from("-DoutputDirectory=");
    option.push(folder);
    option
}

fn run(
    client: &'static str,
    package: &'static str,
    artifact: &str,
    mut command: Command,
    scratch: &Path,
    look: &mut dyn FnMut(),
) -> Result<(), DevstackError> {
    let log = scratch.join("output.log");
    let open = || std::fs::File::options().create(true).append(true).open(&log);
    let opening = || format!("open {}", log.display());
    command.stdin(Stdio::null()).stdout(open().attempting(opening)?).stderr(open().attempting(opening)?);
    let mut child = spawn(command, Signal::SIGKILL).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            DevstackError::MissingProgram { program: client, purpose: format!("fetch {artifact}"), package }
        }
        _ => DevstackError::Io { action: format!("start {client}"), source },
    })?;
    let failed =
        |output| DevstackError::Download { client: client.to_owned(), artifact: artifact.to_owned(), output };
    let begun = Instant::now();
    loop {
        look();
        match child.try_wait().attempting(|| format!("wait for {client}"))? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => return Err(failed(last_lines(&log, 0))),
            None if begun.elapsed() > FETCH_WITHIN => {
                child.kill().and_then(|()| child.wait()).attempting(|| format!("end {client}"))?;
                return Err(failed(format!("nothing after {} s", FETCH_WITHIN.as_secs())));
            }
            None => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// A project that has nothing but dependencies, for `mvn` to resolve.
fn project(roots: &[(&str, &str, &str)]) -> String {
    let dependencies: String = roots
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>"
            )
        })
        .collect();
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>adpulse</groupId>\
         <artifactId>engines</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{dependencies}</dependencies></project>"
    )
}

/// Bytes in a folder that another process fills; what cannot be read yet counts nothing.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
