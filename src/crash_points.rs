//! Deaths and defects on demand, for the package `soak`; not in a binary that users get.
//!
//! `ADPULSE_CRASH_AT=point:n` kills this process with SIGKILL when it passes the named point for the n-th time.
//! `ADPULSE_BUG=name` switches a seeded defect on, which the oracle of `soak` must find. Anything that is not
//! understood ends the process, because a test that injects nothing would prove nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CRASH: &str = "ADPULSE_CRASH_AT";
const BUG: &str = "ADPULSE_BUG";

/// Arms what the environment asks for. Called once, before anything else happens.
pub fn arm() {
    if let Some(wish) = asked(CRASH) {
        let parsed = wish.split_once(':').and_then(|(point, pass)| Some((point, pass.parse::<u64>().ok()?)));
        let (point, pass) = parsed.unwrap_or_else(|| refuse(CRASH, &wish, "not point:n"));
        let point = point.to_owned();
        let name = point.clone();
        let passes = AtomicU64::new(0);
        let die = move || {
            if passes.fetch_add(1, Ordering::SeqCst) + 1 == pass {
                eprintln!("crash point {name} passed {pass} times: dying");
                // The signal takes effect before the call returns, so nothing after the point happens.
                let _ = kill(Pid::this(), Signal::SIGKILL);
            }
        };
        fail::cfg_callback(point, die).unwrap_or_else(|error| refuse(CRASH, &wish, &error));
    }
    if let Some(bug) = asked(BUG) {
        fail::cfg(format!("bug.{bug}"), "return").unwrap_or_else(|error| refuse(BUG, &bug, &error));
    }
}

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn refuse(name: &str, value: &str, reason: &str) -> ! {
    eprintln!("{name}={value}: {reason}");
    std::process::exit(2);
}
