//! A measured process: its CPU time, its memory, its end.
//!
//! Figures are the kernel's own for the whole process, all threads, ended ones too. CPU time comes in hundredths of a second. What
//! the threads of a Java compiler took is told apart by their names.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// The kernel reports CPU time in this unit on every architecture of Linux (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process, killed if it is dropped before it is stopped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    started: Instant,
}

/// Resident memory of a process, MiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now.
    pub now: f64,
    /// The most so far.
    pub peak: f64,
}

/// CPU time, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Of all threads.
    pub total: f64,
    /// Of those that compile Java; 0 in any other process.
    pub jit: f64,
}

/// What a command took that ended by itself.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// CPU time of all its threads, seconds.
    pub cpu_seconds: f64,
    /// From its start to its end, seconds.
    pub seconds: f64,
    /// The most memory it was seen with, MiB.
    pub peak_mib: f64,
}

impl Process {
    /// Starts a command; what it says goes to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let errors = file.try_clone().context("sharing a log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), started: Instant::now() })
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Fails with the end of its log when it has ended.
    pub fn verify_running(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait().context("asking for the state of a process")? else {
            return Ok(());
        };
        bail!("{} ended too early ({status}):\n{}", self.name, self.last_words());
    }

    /// CPU time used so far, seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// The same, with the compiler told apart.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let pid = self.child.id();
        let tasks =
            std::fs::read_dir(format!("/proc/{pid}/task")).context("reading the threads of a process")?;
        let mut jit = 0.0;
        for task in tasks.flatten() {
            // A thread may end meanwhile; it then was no compiler, because those are told to stay.
            let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
            if stat.contains("(C1 Compiler") || stat.contains("(C2 Compiler") {
                jit += seconds(&stat)?;
            }
        }
        Ok(Cpu { total: self.cpu_seconds()?, jit })
    }

    /// Whether it has said something.
    pub fn has_said(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.log).is_ok_and(|text| text.contains(words))
    }

    /// Resident memory.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("reading the memory of a process")?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib / 1024.0)
        };
        let memory = mib("VmRSS:").zip(mib("VmHWM:"));
        memory.map(|(now, peak)| Memory { now, peak }).context("the kernel does not say how much memory")
    }

    /// Waits until it has ended by itself, in success.
    pub async fn ended(mut self) -> anyhow::Result<Ended> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).context("the process number")?);
        let mut peak_mib = 0.0_f64;
        // Left unreaped at first: the kernel forgets the CPU time of a process that was waited for.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), look).context("waiting for a process")? == WaitStatus::StillAlive {
            peak_mib = self.memory().map_or(peak_mib, |memory| peak_mib.max(memory.peak));
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (cpu_seconds, seconds) = (self.cpu_seconds()?, self.age().as_secs_f64());
        let status = self.child.wait().context("waiting for a process")?;
        if !status.success() {
            bail!("{} failed ({status}):\n{}", self.name, self.last_words());
        }
        Ok(Ended { cpu_seconds, seconds, peak_mib })
    }

    /// Asks it to end and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).context("the process number")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("ending {}", self.name))?;
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().context("waiting for a process")? {
                if status.success() {
                    return Ok(());
                }
                bail!("{} failed while ending ({status}):\n{}", self.name, self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("{} did not end within {} s", self.name, STOP_LIMIT.as_secs())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of this process, seconds.
pub fn own_cpu_seconds() -> anyhow::Result<f64> {
    cpu_seconds("self")
}

/// CPU time of an engine, seconds.
pub fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    cpu_seconds(&pid.to_string())
}

/// CPU time of an engine, of the processes that it runs now and of those that have ended, seconds.
pub fn cpu_of_tree(pid: u32) -> anyhow::Result<f64> {
    let parent = pid.to_string();
    let own = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading CPU time")?;
    let mut sum = seconds(&own)? + seconds_from(&own, 13)?;
    for process in std::fs::read_dir("/proc").context("reading the processes")?.flatten() {
        // One that has ended meanwhile is not of interest; neither are entries that are no processes.
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        if fields.split_whitespace().nth(1) == Some(&parent) {
            sum += seconds(&stat)?;
        }
    }
    Ok(sum)
}

fn cpu_seconds(pid: &str) -> anyhow::Result<f64> {
    seconds(&std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading CPU time")?)
}

/// CPU time in a line that the kernel tells of a process or thread.
fn seconds(stat: &str) -> anyhow::Result<f64> {
    seconds_from(stat, 11)
}

/// The same of two fields by the first one's place after the name: 11 is the process's own time, 13 that of its ended children.
fn seconds_from(stat: &str, place: usize) -> anyhow::Result<f64> {
    // The name in brackets may hold anything; the fields after it are numbers.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let mut fields = fields.split_whitespace().skip(place);
    let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks().zip(ticks()).context("the kernel does not say how much CPU time")?;
    Ok((user + system) / TICKS_PER_SECOND)
}
