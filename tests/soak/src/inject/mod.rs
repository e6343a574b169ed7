//! Does to an installation what a fault says, and takes it back when its time is over.

mod registry;
mod stores;

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
const READY_WITHIN: Duration = Duration::from_secs(60);
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
        Fault::CrashPoint { role, process, point, pass } => crash_point(site, role, process, point, pass),
        Fault::CrashUpload { point, pass } => {
            let before = traffic.kill_upload(format!("{point}:{pass}"));
            let died = wait(DIES_WITHIN, || (traffic.uploads_killed() > before).then_some(()));
            if died.is_none() { bail!("no upload passed {point} {pass} times") } else { Ok(()) }
        }
        Fault::Kill { role, process } => {
            site.fleet().member(role, process).signal(Signal::SIGKILL);
            Ok(())
        }
        Fault::KillBehind { role, process, link, mode, time } => behind(site, link, mode, || {
            std::thread::sleep(time);
            site.fleet().member(role, process).signal(Signal::SIGKILL);
            Ok(())
        }),
        Fault::StartBehind { role, process, link, mode, time } => {
            behind(site, link, mode, || start_without(site, role, process, time))
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
            (0..times as usize).try_for_each(|turn| terminate(site, role, turn, true))
        }
        Fault::Network { link, mode, time } => behind(site, link, mode, || {
            std::thread::sleep(time);
            Ok(())
        }),
        Fault::Outage { link, time } => stores::outage(site, link, time, || traffic.flood()),
        Fault::Refuse(refusal, time) => stores::refuse(site, refusal, time),
        Fault::FullDisk(time) => stores::full_disk(site, time),
        Fault::Contend(how) => stores::contend(site, how),
        Fault::Poison(topic) => traffic.poison_all(topic),
        Fault::UnknownSchema(time) => registry::unknown_schema(site, traffic, time),
        Fault::IncompatibleSchema(role) => registry::incompatible_schema(site, role),
        Fault::MemoryLimit { role, mib, time, enough } => memory_limit(site, role, mib, time, enough),
        Fault::Restart(engine) => engine_ends(site, traffic, engine, None),
        Fault::Crash(engine, away) => engine_ends(site, traffic, engine, Some(away)),
        Fault::FailOver(behind) => site.engines.fail_over(behind),
        Fault::Pause(engine, time) => {
            site.engines.engine(engine).pause()?;
            std::thread::sleep(time);
            site.engines.engine(engine).resume();
            Ok(())
        }
    }
}

/// Does something while a link is in a mode.
fn behind(
    site: &Site,
    link: Link,
    mode: Mode,
    what: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    site.engines.proxy(link).set(mode);
    let done = what();
    site.engines.proxy(link).set(Mode::Pass);
    done
}

fn crash_point(
    site: &Site,
    role: Role,
    process: usize,
    point: &'static str,
    pass: u64,
) -> anyhow::Result<()> {
    let member = site.fleet().member(role, process);
    member.order(point, pass);
    let died = wait(DIES_WITHIN, || member.carried_out());
    member.withdraw();
    match died {
        // No exit code: it was a signal that ended it.
        Some(status) if status.code().is_none() => Ok(()),
        Some(status) => {
            bail!("{} ended with {status} instead of dying at {point}\n{}", role.name(), member.last_words())
        }
        None => bail!("{} {process} did not pass {point} {pass} times", role.name()),
    }
}

/// A process that cannot reach what it needs says so, or ends and is started again; it is not ready.
fn start_without(site: &Site, role: Role, process: usize, time: Duration) -> anyhow::Result<()> {
    let member = site.fleet().member(role, process);
    let starts = member.starts();
    member.signal(Signal::SIGKILL);
    if wait(ENDS_WITHIN, || (member.starts() > starts).then_some(())).is_none() {
        bail!("{} {process} was not started again", role.name());
    }
    let until = Instant::now() + time;
    while Instant::now() < until {
        if member.get("/readyz").0 == 200 {
            bail!("{} {process} is ready without what it needs", role.name());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// With enough memory a process keeps working; with too little it dies, and is well again when it has more.
fn memory_limit(site: &Site, role: Role, mib: u64, time: Duration, enough: bool) -> anyhow::Result<()> {
    let member = site.fleet().member(role, 0);
    let starts = member.starts();
    member.limit(Some(mib));
    let limited = wait(ENDS_WITHIN, || (member.starts() > starts).then_some(()));
    if enough {
        // It may have to restore its state first, on a machine that others use as well.
        let _ = wait(READY_WITHIN, || (member.get("/readyz").0 == 200).then_some(()));
    }
    std::thread::sleep(time);
    let (died, is_ready) = (member.starts() - starts > 1, member.get("/readyz").0 == 200);
    member.limit(None);
    let name = role.name();
    match (limited, enough) {
        (None, _) => bail!("{name} was not started again"),
        (_, true) if died || !is_ready => {
            bail!("{name} did not do with {mib} MiB\n{}", member.last_words())
        }
        (_, false) if !died => bail!("{name} did with {mib} MiB, so nothing was tried"),
        _ => Ok(()),
    }
}

fn engine_ends(
    site: &Site,
    traffic: &Generator<'_>,
    engine: Engine,
    away: Option<Duration>,
) -> anyhow::Result<()> {
    let process = site.engines.engine(engine);
    match (engine, away) {
        (Engine::Kafka, away) => broker(site, traffic, away),
        (_, None) => Ok(block_on(process.restart())?),
        (_, Some(away)) => {
            process.kill()?;
            std::thread::sleep(away);
            Ok(block_on(process.restart())?)
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
    site.engines.proxy(Link::Kafka).set(Mode::Refuse);
    let engine = site.engines.engine(Engine::Kafka);
    let ended = if away.is_some() { engine.kill() } else { block_on(engine.stop()) };
    signal_stages(Signal::SIGCONT);
    std::thread::sleep(away.unwrap_or_default());
    let started = block_on(engine.restart());
    std::thread::sleep(LEADERS_KNOWN);
    site.engines.proxy(Link::Kafka).set(Mode::Pass);
    Ok(ended.and(started)?)
}

/// The process must end by itself, and well, if it was well and was asked once. A stuck dependency may make it fail, never hang.
fn terminate(site: &Site, role: Role, process: usize, twice: bool) -> anyhow::Result<()> {
    let member = site.fleet().member(role, process);
    let (starts, was_well) = (member.starts(), member.get("/readyz").0 == 200);
    member.signal(Signal::SIGTERM);
    if twice {
        std::thread::sleep(Duration::from_millis(20));
        member.signal(Signal::SIGTERM);
    }
    match wait(ENDS_WITHIN, || (member.starts() > starts).then(|| member.last_end())) {
        Some(Some(status)) if was_well && !twice && !status.success() => {
            bail!("{} {process} ended with {status} after SIGTERM\n{}", role.name(), member.last_words())
        }
        Some(_) => Ok(()),
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
