//! A process of a role: started, signalled, asked how it is, started again when it has ended.
//!
//! It promises that an order to die at a crash point holds for one start only, that a signal meets this process and no other, and
//! that its log holds all that it said over all its starts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::role::Role;

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
    /// What the system lets every start have of memory, MiB.
    memory: Option<u64>,
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
    pub(crate) fn tend(&self) -> anyhow::Result<()> {
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
        let mut command = self.program(state.memory);
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

    /// The binary, or a shell that limits its own memory and then becomes the binary.
    fn program(&self, memory: Option<u64>) -> Command {
        let Some(mib) = memory else { return Command::new(&self.binary) };
        let mut shell = Command::new("sh");
        // Anonymous memory that can be written to: heap and stacks, not the program's own pages.
        let limit = format!("ulimit -d {} && exec \"$0\" \"$@\"", mib * 1_024);
        shell.arg("-c").arg(limit).arg(&self.binary);
        shell
    }

    /// Starts it anew with a limit of its memory that the system keeps, or without one.
    pub fn limit(&self, mib: Option<u64>) {
        let mut state = self.lock();
        state.memory = mib;
        if let Some(child) = &mut state.child {
            let _ = child.kill();
        }
    }

    /// Ends it for good: what the fleet does at its own end.
    pub(crate) fn end(&self) {
        if let Some(mut child) = self.lock().child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
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

    /// How its newest start that is over has ended.
    #[must_use]
    pub fn last_end(&self) -> Option<ExitStatus> {
        self.lock().ends.last().map(|(_, status)| *status)
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

    /// A counter of its metrics: the sum over all samples with a label.
    #[must_use]
    pub fn metric(&self, name: &str, label: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let samples =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        samples
            .filter(|line| line.contains(label))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum()
    }

    /// What it holds of memory now, MiB.
    #[must_use]
    pub fn memory_mib(&self) -> Option<u64> {
        status_mib(self.pid()?, "VmRSS:")
    }

    /// The most that it has held since it was started, MiB.
    #[must_use]
    pub fn memory_peak_mib(&self) -> Option<u64> {
        status_mib(self.pid()?, "VmHWM:")
    }

    /// How long its log is.
    #[must_use]
    pub fn said(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// Whether it has said something since its log had a length.
    #[must_use]
    pub fn has_said(&self, words: &str, since: u64) -> bool {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let since = usize::try_from(since).unwrap_or(usize::MAX).min(text.len());
        String::from_utf8_lossy(&text[since..]).contains(words)
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

fn status_mib(pid: i32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1_024)
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
