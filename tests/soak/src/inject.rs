//! Does to an installation what a fault says, and takes it back when its time is over.

use std::time::{Duration, Instant};

use anyhow::bail;
use nix::sys::signal::Signal;

use crate::block_on;
use crate::fault::{Engine, Fault, Link};
use crate::generator::Generator;
use crate::proxy::Mode;
use crate::role::Role;
use crate::site::Site;

/// A process passes its crash points within this, as long as there is traffic.
const DIES_WITHIN: Duration = Duration::from_secs(45);
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const MARKERS_WRITTEN: Duration = Duration::from_millis(500);
/// From the broker's first answer until it knows the leaders of all partitions.
const LEADERS_KNOWN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Injects a fault and returns when it is over; the installation may still be recovering then.
///
/// # Errors
/// When the fault could not be injected, or a process did not end as it should.
pub fn inject(site: &Site, traffic: &Generator<'_>, fault: &Fault) -> anyhow::Result<()> {
    match *fault {
        Fault::CrashPoint { role, process, point, pass } => {
            let member = site.fleet().member(role, process);
            member.order(point, pass);
            let died = wait(DIES_WITHIN, || member.carried_out());
            member.withdraw();
            match died {
                // No exit code: it was a signal that ended it.
                Some(status) if status.code().is_none() => Ok(()),
                Some(status) => bail!(
                    "{} ended with {status} instead of dying at {point}\n{}",
                    role.name(),
                    member.last_words()
                ),
                None => bail!("{} {process} did not pass {point} {pass} times", role.name()),
            }
        }
        Fault::CrashUpload { point, pass } => {
            let before = traffic.kill_upload(format!("{point}:{pass}"));
            let died = wait(DIES_WITHIN, || (traffic.uploads_killed() > before).then_some(()));
            if died.is_none() { bail!("no upload passed {point} {pass} times") } else { Ok(()) }
        }
        Fault::Kill { role, process } => {
            site.fleet().member(role, process).signal(Signal::SIGKILL);
            Ok(())
        }
        Fault::KillBehind { role, process, link, mode, time } => {
            site.proxy(link).set(mode);
            std::thread::sleep(time);
            site.fleet().member(role, process).signal(Signal::SIGKILL);
            site.proxy(link).set(Mode::Pass);
            Ok(())
        }
        Fault::Freeze { role, process, time } => {
            let member = site.fleet().member(role, process);
            member.signal(Signal::SIGSTOP);
            std::thread::sleep(time);
            member.signal(Signal::SIGCONT);
            Ok(())
        }
        Fault::Terminate { role, process, twice } => terminate(site, role, process, twice),
        Fault::RebalanceStorm { role, times } => {
            for turn in 0..times as usize {
                terminate(site, role, turn, true)?;
            }
            Ok(())
        }
        Fault::Network { link, mode, time } => {
            site.proxy(link).set(mode);
            std::thread::sleep(time);
            site.proxy(link).set(Mode::Pass);
            Ok(())
        }
        Fault::Restart(Engine::Kafka) => broker(site, traffic, None),
        Fault::Crash(Engine::Kafka, away) => broker(site, traffic, Some(away)),
        Fault::Restart(engine) => Ok(block_on(site.engine(engine).restart())?),
        Fault::Crash(engine, away) => {
            site.engine(engine).kill()?;
            std::thread::sleep(away);
            Ok(block_on(site.engine(engine).restart())?)
        }
        Fault::Pause(engine, time) => {
            site.engine(engine).pause()?;
            std::thread::sleep(time);
            site.engine(engine).resume();
            Ok(())
        }
    }
}

/// The broker ends in order, or is killed and comes back after a while, with transactions open.
///
/// No transaction is between its decision and its markers at that moment, and none is decided while the broker starts: a single
/// node of Kafka 4.4.0 that resumes such a one before it knows the leaders of its partitions says that they "are likely deleted
/// already and hence can be skipped", never writes their markers, and leaves them hanging for ever. So whoever has
/// transactions holds still for a moment, and then sees no broker until it has come up.
fn broker(site: &Site, traffic: &Generator<'_>, away: Option<Duration>) -> anyhow::Result<()> {
    let _no_upload = traffic.hold_uploads();
    let signal_stages = |signal| {
        for member in site.fleet().members().iter().filter(|member| member.role.has_transactions()) {
            member.signal(signal);
        }
    };
    signal_stages(Signal::SIGSTOP);
    std::thread::sleep(MARKERS_WRITTEN);
    site.proxy(Link::Kafka).set(Mode::Refuse);
    let engine = site.engine(Engine::Kafka);
    let ended = if away.is_some() { engine.kill() } else { block_on(engine.stop()) };
    signal_stages(Signal::SIGCONT);
    std::thread::sleep(away.unwrap_or_default());
    let started = block_on(engine.restart());
    std::thread::sleep(LEADERS_KNOWN);
    site.proxy(Link::Kafka).set(Mode::Pass);
    Ok(ended.and(started)?)
}

/// The process must end by itself; how, its exit status says in its log. A stuck dependency may make it fail, never hang.
fn terminate(site: &Site, role: Role, process: usize, twice: bool) -> anyhow::Result<()> {
    let member = site.fleet().member(role, process);
    let starts = member.starts();
    member.signal(Signal::SIGTERM);
    if twice {
        std::thread::sleep(Duration::from_millis(20));
        member.signal(Signal::SIGTERM);
    }
    match wait(ENDS_WITHIN, || (member.starts() > starts).then_some(())) {
        Some(()) => Ok(()),
        None => bail!(
            "{} {process} did not end within {ENDS_WITHIN:?} of SIGTERM\n{}",
            role.name(),
            member.last_words()
        ),
    }
}

fn wait<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
