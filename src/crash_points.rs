//! Deaths and defects on demand, for the package `soak`; without the feature `crash-points` nothing of it exists.
//!
//! `ADPULSE_CRASH_AT=point:n` kills this process with SIGKILL when it passes the named point for the n-th time.
//! `ADPULSE_BUG=name` switches a seeded defect on, which the oracle of `soak` must find. Anything that is not
//! understood ends the process, because a test that injects nothing would prove nothing.

/// Whether a seeded defect is switched on. The name begins with `bug.`; the answer is `false` in every binary that users get.
pub fn seeded(bug: &str) -> bool {
    fail::fail_point!(bug, |_| true);
    let _ = bug;
    false
}

/// Does nothing.
#[cfg(not(feature = "crash-points"))]
pub const fn arm() {}

/// Arms what the environment asks for. Called once, before anything else happens.
#[cfg(feature = "crash-points")]
pub fn arm() {
    if let Some(wish) = asked(CRASH) {
        let parsed = wish.split_once(':').and_then(|(point, pass)| Some((point, pass.parse::<u64>().ok()?)));
        let (point, pass) = parsed.unwrap_or_else(|| refuse(CRASH, &wish, "not point:n"));
        let name = point.to_owned();
        let passes = std::sync::atomic::AtomicU64::new(0);
        let die = move || {
            if passes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == pass {
                eprintln!("crash point {name} passed {pass} times: dying");
                // The signal takes effect before the call returns, so nothing after the point happens.
                let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
            }
        };
        fail::cfg_callback(point, die).unwrap_or_else(|error| refuse(CRASH, &wish, &error));
    }
    if let Some(bug) = asked(BUG) {
        fail::cfg(format!("bug.{bug}"), "return").unwrap_or_else(|error| refuse(BUG, &bug, &error));
    }
}

#[cfg(feature = "crash-points")]
const CRASH: &str = "ADPULSE_CRASH_AT";
#[cfg(feature = "crash-points")]
const BUG: &str = "ADPULSE_BUG";

#[cfg(feature = "crash-points")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(feature = "crash-points")]
fn refuse(name: &str, value: &str, reason: &str) -> ! {
    eprintln!("{name}={value}: {reason}");
    std::process::exit(2);
}
