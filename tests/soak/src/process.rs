//! The fleet: every role as child processes, watched over and started again when they end, as a service manager does.
//!
//! It promises that a process that ends for whatever reason runs again within a second, that an order to die at a crash point
//! holds for one start only, and that no process outlives the fleet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::role::Role;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A process that ends at once is not started again at once.
const START_AGAIN: Duration = Duration::from_millis(300);
const LOG_LINES_QUOTED: usize = 15;

/// One process of a role.
#[derive(Debug)]
pub struct Member {
    /// Its role.
    pub role: Role,
    /// Which of the role's processes, from 0.
    pub number: usize,
    /// Where it says how it is.
    pub operations: String,
    /// Its log, over all its starts.
    pub log: PathBuf,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    child: Option<Child>,
    started: Option<Instant>,
    starts: u32,
    /// For the next start.
    order: Option<String>,
    /// The start that carries it out, by number.
    ordered: Option<u32>,
    /// How the start with this number ended, newest last.
    ends: Vec<(u32, ExitStatus)>,
}

impl Member {
    /// A process that is not started yet.
    #[must_use]
    pub fn new(
        role: Role,
        number: usize,
        operations: String,
        binary: &Path,
        folder: &Path,
        settings: Vec<(String, String)>,
    ) -> Self {
        let log = folder.join(format!("{}-{number}.log", role.name()));
        Self { role, number, operations, log, binary: binary.to_owned(), settings, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether it has ended, and starts it if it does not run.
    fn tend(&self) -> anyhow::Result<()> {
        let mut state = self.lock();
        if let Some(child) = &mut state.child {
            let Some(status) = child.try_wait().context("looking after a process")? else { return Ok(()) };
            let number = state.starts;
            state.ends.push((number, status));
            state.child = None;
        }
        if state.started.is_some_and(|started| started.elapsed() < START_AGAIN) {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log).context("opening a log")?;
        let mut command = Command::new(&self.binary);
        clear(&mut command);
        command.envs(self.settings.iter().map(|(key, value)| (key, value)));
        if let Some(order) = state.order.take() {
            command.env("ADPULSE_CRASH_AT", order);
            state.ordered = Some(state.starts + 1);
        }
        command
            .args(["--log-format", "json"])
            .args(self.role.args())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        state.child = Some(command.stderr(log).spawn().context("starting a process")?);
        state.started = Some(Instant::now());
        state.starts += 1;
        Ok(())
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let state = self.lock();
        state.child.as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.lock().starts
    }

    /// Signals it, if it runs.
    pub fn signal(&self, signal: Signal) {
        // While the state is locked nobody reaps it, so the id is its own.
        let state = self.lock();
        if let Some(pid) = state.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Starts it anew with the order to kill itself at the n-th pass of a point.
    pub fn order(&self, point: &str, pass: u64) {
        let mut state = self.lock();
        state.order = Some(format!("{point}:{pass}"));
        state.ordered = None;
        if let Some(child) = &mut state.child {
            let _ = child.kill();
        }
    }

    /// Whether the start that had the last order is over, and how.
    #[must_use]
    pub fn carried_out(&self) -> Option<ExitStatus> {
        let state = self.lock();
        let ordered = state.ordered?;
        state.ends.iter().find(|(number, _)| *number == ordered).map(|(_, status)| *status)
    }

    /// Takes an order back that was not carried out.
    pub fn withdraw(&self) {
        let mut state = self.lock();
        state.order = None;
        let is_ordered = state.ordered == Some(state.starts);
        if let Some(child) = state.child.as_mut().filter(|_| is_ordered) {
            let _ = child.kill();
        }
    }

    /// Asks its operations address: status (0 without an answer) and body.
    #[must_use]
    pub fn get(&self, path: &str) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(3))).build().into();
        match agent.get(format!("http://{}{path}", self.operations)).call() {
            Ok(mut answer) => {
                (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
            }
            Err(_) => (0, String::new()),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_QUOTED)..].join("\n")
    }
}

/// Takes everything of the caller's settings from a command.
pub fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("ADPULSE_") && shown != "ADPULSE_CACHE" {
            command.env_remove(name);
        }
    }
}

/// All processes of an installation and who looks after them.
#[derive(Debug)]
pub struct Fleet {
    members: Arc<Vec<Member>>,
    stop: Arc<AtomicBool>,
    keeper: Option<std::thread::JoinHandle<()>>,
}

impl Fleet {
    /// Starts everybody and looks after them from now on.
    ///
    /// # Errors
    /// When a process cannot be started at all.
    pub fn start(members: Vec<Member>) -> anyhow::Result<Self> {
        members.iter().try_for_each(Member::tend)?;
        let (members, stop) = (Arc::new(members), Arc::new(AtomicBool::new(false)));
        let keeper = {
            let (members, stop) = (Arc::clone(&members), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    for member in members.iter() {
                        if let Err(error) = member.tend() {
                            eprintln!("soak: {} {}: {error:#}", member.role.name(), member.number);
                        }
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
            })
        };
        Ok(Self { members, stop, keeper: Some(keeper) })
    }

    /// Everybody.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// One process of a role; a number beyond the last wraps around.
    ///
    /// # Panics
    /// When the installation has no such role, which is a defect of the caller.
    #[must_use]
    pub fn member(&self, role: Role, number: usize) -> &Member {
        let wanted = number % role.processes();
        let found = self.members.iter().find(|member| member.role == role && member.number == wanted);
        found.expect("an installation has every role")
    }

    /// Waits until everybody says that it is ready.
    ///
    /// # Errors
    /// Who is not, with its last words.
    pub fn wait_until_ready(&self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        for member in self.members.iter() {
            while member.get("/readyz").0 != 200 {
                if Instant::now() >= deadline {
                    bail!(
                        "{} {} is not ready: {}\n{}",
                        member.role.name(),
                        member.number,
                        member.get("/readyz").1,
                        member.last_words()
                    );
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.take() {
            // It only looks after processes; it has nothing to say at its end.
            let _ = keeper.join();
        }
        for member in self.members.iter() {
            if let Some(mut child) = member.lock().child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
