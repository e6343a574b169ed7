//! Starts child processes that die with this program, even when it is killed.
//!
//! On Linux the kernel signals a child when the thread that started it ends, so all children are
//! started by one thread that lives as long as the program. Elsewhere a killed program leaves Kafka
//! and PostgreSQL behind, while the ClickHouse server ends as its standard input closes.

// Setting the death signal must happen in the child between `fork` and `exec`, which the standard
// library offers only as an unsafe function.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use nix::sys::signal::Signal;

type Request = (Command, Sender<io::Result<Child>>);

/// Starts a command whose process receives `death_signal` when this program ends.
pub(crate) fn spawn(mut command: Command, death_signal: Signal) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    arm(&mut command, death_signal);
    let (answer, answered) = channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    SPAWNER.get_or_init(start_thread).send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn start_thread() -> Sender<Request> {
    let (requests, received) = channel::<Request>();
    let thread = std::thread::Builder::new().name("devstack-spawner".to_owned()).spawn(move || {
        for (mut command, answer) in received {
            if let Err(unclaimed) = answer.send(command.spawn())
                && let Ok(mut child) = unclaimed.0
            {
                // Nobody waits for this child any more.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    });
    if let Err(error) = thread {
        // The receiver is gone with the closure, so that every request reports the failure.
        tracing::error!(%error, "cannot start the thread that starts processes");
    }
    requests
}

#[cfg(target_os = "linux")]
fn arm(command: &mut Command, death_signal: Signal) {
    let parent = nix::unistd::getpid();
    let in_child = move || {
        nix::sys::prctl::set_pdeathsig(death_signal)?;
        // The program may have died before the line above, and then no signal comes.
        if nix::unistd::getppid() != parent {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only the system calls prctl and getppid, which
    // are async-signal-safe, and allocates nothing.
    unsafe { command.pre_exec(in_child) };
}

#[cfg(not(target_os = "linux"))]
fn arm(_command: &mut Command, _death_signal: Signal) {}
