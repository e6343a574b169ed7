//! A child process that runs an engine: started until it answers, stopped, killed, paused,
//! restarted on the same port and data.
//!
//! It promises that the process and all it started end with the [`Process`], and with this program
//! however that ends. Called by the engines; tests reach it through `stack.kafka()?.process()`.

mod family;
mod probe;
mod spawner;

pub(crate) use probe::Probe;
pub(crate) use spawner::spawn;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::{Attempting, DevstackError};

/// Machines that build and test at once are slow; an engine that is up answers within seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOG_LINES_QUOTED: usize = 20;

/// Everything needed to start an engine, and to start it again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) engine: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    /// The user and group to run as, when not those of this program.
    pub(crate) user: Option<(u32, u32)>,
    /// Asks the engine to end in order.
    pub(crate) stop_signal: Signal,
    /// What the engine gets from the kernel when this program dies.
    pub(crate) death_signal: Signal,
    pub(crate) probe: Probe,
}

/// A running engine's process, for tests that make it fail.
#[derive(Debug)]
pub struct Process {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    launch: Launch,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    /// Wakes a paused engine when this program dies, so that it can receive its death signal.
    waker: Option<Child>,
}

impl Process {
    /// Starts the engine and returns when it answers. Blocks.
    pub(crate) fn start(launch: Launch) -> Result<Self, DevstackError> {
        let process = Self { inner: Arc::new(Inner { launch, running: Mutex::default() }) };
        process.inner.start()?;
        Ok(process)
    }

    /// Asks the engine to end in order, as [`Process::stop`] does. Blocks.
    pub(crate) fn stop_now(&self) -> Result<(), DevstackError> {
        self.inner.stop()
    }

    /// The process id, if the engine runs.
    pub fn pid(&self) -> Option<u32> {
        self.inner.lock().child.as_ref().map(Child::id)
    }

    /// The file that holds what the engine printed since its data folder was made.
    pub fn log(&self) -> &Path {
        &self.inner.launch.log
    }

    /// Ends the engine and all its processes at once, as a crash does (SIGKILL).
    ///
    /// # Errors
    /// [`DevstackError::Io`] when the process could not be waited for.
    pub fn kill(&self) -> Result<(), DevstackError> {
        self.inner.kill()
    }

    /// Freezes the engine: connections stay open and nothing is answered (SIGSTOP).
    ///
    /// # Errors
    /// [`DevstackError::Io`] when it did not freeze, or the watcher that guards it could not be started.
    pub fn pause(&self) -> Result<(), DevstackError> {
        self.inner.pause()
    }

    /// Lets a frozen engine go on (SIGCONT).
    pub fn resume(&self) {
        self.inner.resume();
    }

    /// Asks the engine to end in order, and kills it if it does not within 15 s.
    ///
    /// # Errors
    /// [`DevstackError::Io`] when the process could not be waited for.
    pub async fn stop(&self) -> Result<(), DevstackError> {
        self.in_background(Inner::stop).await
    }

    /// Starts the engine again on the same port and data, after stopping it if it still runs, and
    /// returns when it answers.
    ///
    /// # Errors
    /// [`DevstackError::Ended`] and [`DevstackError::Silent`] with the end of the engine's log.
    pub async fn restart(&self) -> Result<(), DevstackError> {
        self.in_background(|inner| {
            inner.stop()?;
            inner.start()
        })
        .await
    }

    async fn in_background(
        &self,
        work: impl FnOnce(&Inner) -> Result<(), DevstackError> + Send + 'static,
    ) -> Result<(), DevstackError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .attempting(|| "wait for the thread that controls the engine".to_owned())?
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Result<(), DevstackError> {
        let launch = &self.launch;
        let mut running = self.lock();
        let open_log = || {
            File::options()
                .create(true)
                .append(true)
                .open(&launch.log)
                .attempting(|| format!("open the log {}", launch.log.display()))
        };
        let log = open_log()?;
        let logged = log.metadata().attempting(|| format!("look at {}", launch.log.display()))?.len();
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .current_dir(&launch.folder)
            // Days begin at the same moment on every machine, as on servers.
            .env("TZ", "UTC")
            // The engine of ClickHouse ends when this pipe closes; the others do not read it.
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(open_log()?)
            // Its own group: Ctrl-C in the terminal reaches this program, which then stops engines in order.
            .process_group(0);
        if let Some((uid, gid)) = launch.user {
            command.uid(uid).gid(gid);
        }
        let child = spawn(command, launch.death_signal)
            .attempting(|| format!("start {} ({})", launch.engine, launch.program.display()))?;
        let result = self.wait_for_answer(running.child.insert(child), logged);
        drop(running);
        if result.is_err() {
            // The reason is the failed start; what remains of it goes as far as it can.
            let _ = self.kill();
        }
        result
    }

    /// `logged` is the length of the log before this start: what follows is what this start said.
    fn wait_for_answer(&self, child: &mut Child, logged: u64) -> Result<(), DevstackError> {
        let Launch { engine, log, probe, .. } = &self.launch;
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().attempting(|| format!("look after {engine}"))? {
                return Err(DevstackError::Ended {
                    engine,
                    status: status.to_string(),
                    log: log.clone(),
                    tail: last_lines(log, logged),
                });
            }
            if probe.answers() {
                return Ok(());
            }
            if begun.elapsed() > ANSWER_WITHIN {
                return Err(DevstackError::Silent {
                    engine,
                    waited: ANSWER_WITHIN,
                    log: log.clone(),
                    tail: last_lines(log, logged),
                });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn stop(&self) -> Result<(), DevstackError> {
        self.resume();
        let mut running = self.lock();
        if let Some(child) = &mut running.child {
            family::signal(&[child.id()], self.launch.stop_signal);
            if let Err(error) = wait_at_most(child, STOP_WITHIN) {
                tracing::warn!(engine = self.launch.engine, %error, "the engine did not stop in order");
            }
        }
        drop(running);
        self.kill()
    }

    fn kill(&self) -> Result<(), DevstackError> {
        let mut running = self.lock();
        let Some(mut child) = running.child.take() else { return Ok(()) };
        let mut members = family::descendants(child.id());
        members.push(child.id());
        family::signal(&members, Signal::SIGKILL);
        let waited = child.wait().attempting(|| format!("wait for the end of {}", self.launch.engine));
        running.end_waker();
        waited.map(|_: ExitStatus| ())
    }

    fn pause(&self) -> Result<(), DevstackError> {
        let mut running = self.lock();
        let Some(child) = &running.child else { return Ok(()) };
        let members = family::freeze(child.id()).attempting(|| format!("pause {}", self.launch.engine))?;
        let waker =
            family::waker(&members).attempting(|| "start the watcher of a paused engine".to_owned())?;
        running.end_waker();
        running.waker = Some(waker);
        Ok(())
    }

    fn resume(&self) {
        let mut running = self.lock();
        if let Some(child) = &running.child {
            let mut members = family::descendants(child.id());
            members.push(child.id());
            family::signal(&members, Signal::SIGCONT);
        }
        running.end_waker();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(engine = self.launch.engine, %error, "the engine could not be waited for");
        }
    }
}

impl Running {
    fn end_waker(&mut self) {
        if let Some(mut waker) = self.waker.take() {
            // It may have ended by itself, which is all that is wanted.
            let _ = waker.kill();
            let _ = waker.wait();
        }
    }
}

fn wait_at_most(child: &mut Child, limit: Duration) -> std::io::Result<()> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > limit {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// The end of a log, as much as an error message can carry, of what was written after the first
/// `before` bytes.
pub(crate) fn last_lines(log: &Path, before: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let before = usize::try_from(before).unwrap_or(usize::MAX).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[before..]);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_QUOTED)..].join("\n")
}
