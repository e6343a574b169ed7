//! ClickHouse: the embedded engine, run by [`crate::clickhouse::serve`] in a process of its own.
//!
//! The process is `StackConfig::engine_command` if given. Without it this is a test, and the program is
//! `devstack-engine` of this workspace: cargo does not build programs of a dependency, so it is built
//! on demand, by the cargo and in the profile of the test that runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use nix::sys::signal::Signal;

use super::{Site, on_free_ports, run};
use crate::artifact::{Artifact, Package, Unpack};
use crate::clickhouse::Options;
use crate::error::{Attempting, DevstackError};
use crate::ports;
use crate::process::{Launch, Probe, Process};

const ENGINE: &str = "ClickHouse";
const PROGRAM: &str = "devstack-engine";
const ARTIFACT: Artifact = Artifact {
    name: "chdb-linux-x64-26.7.3-stable.1",
    package: Package::Npm { spec: "@chdb/lib-linux-x64-gnu@26.7.3-stable.1" },
    unpack: Some(Unpack::Only("package/libchdb.so")),
};

/// A running ClickHouse server.
#[derive(Debug)]
pub struct ClickHouse {
    process: Process,
    port: u16,
}

impl ClickHouse {
    /// The root of the HTTP interface. The database is `default`, the user needs no password.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn start(site: &Site<'_>) -> Result<Self, DevstackError> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
            return Err(DevstackError::Unsupported {
                engine: ENGINE,
                platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
                advice: "use a ClickHouse server of your own",
            });
        }
        let library = site.cache.artifact(&ARTIFACT)?.join("libchdb.so");
        let command = match &site.config.engine_command {
            Some(command) => command.clone(),
            None => vec![built_program(&site.folder)?.into()],
        };
        let (program, first_args) = command
            .split_first()
            .ok_or_else(|| DevstackError::EngineProgram("StackConfig::engine_command is empty".to_owned()))?;
        let data = site.folder.join("data");
        std::fs::create_dir_all(&data).attempting(|| format!("create {}", data.display()))?;
        let step = site.cache.reporter().begin("starting ClickHouse");
        let clickhouse = on_free_ports(|fresh| {
            let [port] = ports::for_folder(&site.folder, fresh)?;
            let options = Options { data: data.clone(), port, library: library.clone() };
            let mut args = first_args.to_vec();
            args.extend(options.to_args());
            Process::start(launch(program, args, site, port)).map(|process| Self { process, port })
        })?;
        step.done();
        Ok(clickhouse)
    }
}

fn launch(program: &OsString, args: Vec<OsString>, site: &Site<'_>, port: u16) -> Launch {
    Launch {
        engine: ENGINE,
        program: program.into(),
        args,
        folder: site.folder.clone(),
        log: site.log(),
        user: None,
        stop_signal: Signal::SIGTERM,
        death_signal: Signal::SIGKILL,
        probe: Probe::Http { port, path: "/ping" },
    }
}

/// `devstack-engine` beside the running test, brought up to date by cargo if the test runs under it.
fn built_program(folder: &Path) -> Result<PathBuf, DevstackError> {
    // One build at a time, and one per program.
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = &*built {
        return Ok(program.clone());
    }
    let test = std::env::current_exe().attempting(|| "find the path of this program".to_owned())?;
    // target/debug/deps/test-0123, or target/debug/program.
    let profile = test
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps" && name != "examples"))
        .unwrap_or(Path::new("."));
    let program = profile.join(PROGRAM);
    match (std::env::var_os("CARGO"), profile.parent()) {
        _ if is_current(&program) => {}
        (Some(cargo), Some(target)) => build(cargo, profile, target, &folder.join("build.log"))?,
        _ => {
            return Err(DevstackError::EngineProgram(format!(
                "{} is missing or older than its sources, and this test does not run under cargo: \
                 run `cargo build -p devstack --bin {PROGRAM}`",
                program.display()
            )));
        }
    }
    Ok(built.insert(program).clone())
}

/// Whether the program is newer than the sources of this crate. Asking cargo instead would make every
/// test wait for whatever is being built in the same folder.
fn is_current(program: &Path) -> bool {
    fn changed_after(path: &Path, moment: SystemTime) -> std::io::Result<bool> {
        let found = path.metadata()?;
        if !found.is_dir() {
            return Ok(found.modified()? > moment);
        }
        for entry in path.read_dir()? {
            if changed_after(&entry?.path(), moment)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(built) = program.metadata().and_then(|program| program.modified()) else { return false };
    // Where the sources are gone, the program that exists is the one there is.
    ["Cargo.toml", "src"].iter().all(|part| !changed_after(&sources.join(part), built).unwrap_or(false))
}

fn build(cargo: OsString, profile: &Path, target: &Path, log: &Path) -> Result<(), DevstackError> {
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "devstack", "--bin", PROGRAM])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target);
    if profile.file_name().is_some_and(|name| name == "release") {
        command.arg("--release");
    }
    // What cargo tells the test about its own package is not true of this build.
    for (name, _) in std::env::vars_os() {
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if own.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    run(&format!("building {PROGRAM}"), command, log)
}
