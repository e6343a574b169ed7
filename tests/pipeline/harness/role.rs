//! A role as a child process: its log in a file, ready by its own word, killed and started again, always reaped.

use std::cell::RefCell;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::Signal;

use super::installation::{Installation, free_address};
use super::processes::signal;
use super::wait::until;

const LOG_LINES_SHOWN: usize = 60;

/// What a process of the binary does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    All,
    Ingest,
    Normalize,
    Score,
    SinkClickhouse,
    SinkPostgres,
    Serve,
}

/// A process of the binary, with what it takes to start it again. Dropping it kills it.
pub struct Role {
    name: RoleName,
    command: RefCell<Command>,
    child: RefCell<Child>,
    log: PathBuf,
    /// Where it says how it is.
    pub operations: String,
}

impl RoleName {
    /// The roles that carry a record from a topic to the stores, without the door and its clock.
    pub const PROCESSORS: [Self; 4] =
        [Self::Normalize, Self::Score, Self::SinkClickhouse, Self::SinkPostgres];

    fn args(self) -> &'static [&'static str] {
        match self {
            Self::All => &["all"],
            Self::Ingest => &["ingest"],
            Self::Normalize => &["normalize"],
            Self::Score => &["score"],
            Self::SinkClickhouse => &["sink", "clickhouse"],
            Self::SinkPostgres => &["sink", "postgres"],
            Self::Serve => &["serve"],
        }
    }

    /// The name of its consumer group, without the prefix.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Normalize => "normalize",
            Self::Score => "score",
            Self::SinkClickhouse => "sink-clickhouse",
            Self::SinkPostgres => "sink-postgres",
            Self::All | Self::Ingest | Self::Serve => "",
        }
    }
}

impl Role {
    pub(super) fn spawn(installation: &Installation, name: RoleName) -> Self {
        let serves = matches!(name, RoleName::All | RoleName::Serve);
        let operations = if serves { installation.api.clone() } else { free_address() };
        let log = installation.path(&format!("{}.log", name.args().join("-")));
        let mut command = installation.command();
        command.args(name.args()).stdout(Stdio::null());
        if !serves {
            command.env("ADPULSE__METRICS__LISTEN", &operations);
        }
        let child = spawn(&mut command, &log);
        Self { name, command: RefCell::new(command), child: RefCell::new(child), log, operations }
    }

    /// Waits until `/readyz` says so.
    pub fn wait_until_ready(&self) {
        until(&format!("{:?} is ready", self.name), || {
            let ended = self.child.borrow_mut().try_wait().unwrap();
            assert!(ended.is_none(), "{:?} ended with {ended:?}", self.name);
            (self.get("/readyz").0 == 200).then_some(())
        });
    }

    /// Asks its operations address: status (0 without an answer) and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        match agent.get(format!("http://{}{path}", self.operations)).call() {
            Ok(mut answer) => {
                (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
            }
            Err(_) => (0, String::new()),
        }
    }

    /// A crash: SIGKILL.
    pub fn kill(&self) {
        let mut child = self.child.borrow_mut();
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{:?} had ended by itself with {ended:?}", self.name);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again with the same settings, after it ended.
    pub fn restart(&self) {
        *self.child.borrow_mut() = spawn(&mut self.command.borrow_mut(), &self.log);
    }

    /// SIGTERM, and how it ends.
    pub fn terminate(&self) -> ExitStatus {
        let mut child = self.child.borrow_mut();
        signal(child.id(), Signal::SIGTERM);
        until(&format!("{:?} ends after SIGTERM", self.name), || child.try_wait().unwrap())
    }

    /// Whether its log holds a text.
    pub fn logged(&self, text: &str) -> bool {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).contains(text)
    }
}

fn spawn(command: &mut Command, log: &PathBuf) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    command.stderr(log).spawn().expect("adpulse starts")
}

impl Drop for Role {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // It may have ended already, which is all that is wanted.
        let _ = child.kill();
        let _ = child.wait();
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let text = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- log of {:?}\n{}", self.name, last.join("\n"));
        }
    }
}
