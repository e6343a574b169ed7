//! From a seed to a schedule of faults: the same seed gives the same one, whatever the machine does with it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::fault::{Engine, Fault, Link, Refusal};
use crate::generator::POISONED;
use crate::points::CRASH_POINTS;
use crate::proxy::Mode;
use crate::role::Role;

/// A fault and how long nothing else is done after it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What goes wrong.
    pub fault: Fault,
    /// The pause after it: sometimes too short to recover in.
    pub then: Duration,
}

/// An endless schedule. A run takes as much of it as its time allows.
#[derive(Debug)]
pub struct Schedule {
    chance: StdRng,
    /// Beginnings of the kinds wanted; empty for all.
    wanted: Vec<String>,
}

/// Draws before a filter is taken to want nothing there is.
const DRAWS_MAX: usize = 100_000;

impl Schedule {
    /// The schedule of a seed. `wanted` holds beginnings of kinds, such as `network.kafka`.
    #[must_use]
    pub fn new(seed: u64, wanted: &[String]) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), wanted: wanted.to_vec() }
    }

    fn draw(&mut self) -> Fault {
        let seconds = |chance: &mut StdRng, low: f64, high: f64| {
            Duration::from_secs_f64(chance.random_range(low..high))
        };
        let chance = &mut self.chance;
        let role = *Role::ALL[..5].choose(chance).unwrap_or(&Role::Score);
        let process = chance.random_range(0..role.processes());
        match chance.random_range(0..100) {
            0..28 => crash_point(chance),
            28..36 => Fault::Kill { role, process },
            36..40 => {
                let link = *Link::ALL.choose(chance).unwrap_or(&Link::Kafka);
                Fault::KillBehind { role, process, link, mode: mode(chance), time: seconds(chance, 0.5, 4.0) }
            }
            40..47 => Fault::Freeze { role, process, time: seconds(chance, 2.0, 20.0) },
            47..54 => Fault::Terminate { role, process, twice: chance.random_bool(0.3) },
            54..58 => {
                let role = if chance.random_bool(0.5) { Role::Normalize } else { Role::Score };
                Fault::RebalanceStorm { role, times: chance.random_range(2..5) }
            }
            58..80 => {
                let link = *Link::ALL.choose(chance).unwrap_or(&Link::Kafka);
                Fault::Network { link, mode: mode(chance), time: seconds(chance, 1.0, 15.0) }
            }
            80..84 => {
                let all = [Refusal::ReadOnly, Refusal::LowDisk, Refusal::TooManyParts, Refusal::SchemaDrift];
                let refusal = *all.choose(chance).unwrap_or(&Refusal::ReadOnly);
                Fault::Refuse(refusal, seconds(chance, 0.5, 8.0))
            }
            84..86 => {
                let (link, mode) = (Link::Registry, Mode::Refuse);
                let role = *Role::PROCESSORS.choose(chance).unwrap_or(&Role::Score);
                Fault::StartBehind { role, process: 0, link, mode, time: seconds(chance, 1.0, 8.0) }
            }
            86..89 => Fault::Poison(*POISONED.choose(chance).unwrap_or(&POISONED[0])),
            89..91 => {
                let role = *Role::PROCESSORS.choose(chance).unwrap_or(&Role::Score);
                Fault::MemoryLimit { role, mib: 12, time: seconds(chance, 2.0, 8.0), enough: false }
            }
            other => {
                let engine = *Engine::ALL.choose(chance).unwrap_or(&Engine::Kafka);
                match other {
                    91..94 => Fault::Restart(engine),
                    94..96 => Fault::Crash(engine, seconds(chance, 0.0, 8.0)),
                    96..97 => Fault::FailOver(seconds(chance, 0.5, 4.0)),
                    _ => Fault::Pause(engine, seconds(chance, 1.0, 12.0)),
                }
            }
        }
    }
}

fn crash_point(chance: &mut StdRng) -> Fault {
    let point = CRASH_POINTS.choose(chance).unwrap_or(&CRASH_POINTS[0]);
    let pass = *[1, 2, 5, 20].choose(chance).unwrap_or(&1);
    match point.roles.choose(chance) {
        Some(&role) => Fault::CrashPoint {
            role,
            process: chance.random_range(0..role.processes()),
            point: point.name,
            pass,
        },
        None => Fault::CrashUpload {
            point: point.name,
            pass: if point.name == "csv.mid_file" { pass } else { 1 },
        },
    }
}

fn mode(chance: &mut StdRng) -> Mode {
    match chance.random_range(0..7) {
        0 => Mode::Refuse,
        1 => Mode::Reset,
        2 => Mode::Hang,
        3 => Mode::Latency(Duration::from_millis(chance.random_range(20..400))),
        4 => Mode::Throttle(chance.random_range(2_000..200_000)),
        5 => Mode::CutAfter(chance.random_range(100..50_000)),
        _ => Mode::CutAnswer,
    }
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        for _ in 0..DRAWS_MAX {
            let fault = self.draw();
            let then = Duration::from_secs_f64(self.chance.random_range(0.2..6.0));
            let kind = fault.kind();
            if self.wanted.is_empty() || self.wanted.iter().any(|wanted| kind.starts_with(wanted.as_str())) {
                return Some(Step { fault, then });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_schedule_and_another_seed_another() {
        let of = |seed| Schedule::new(seed, &[]).take(50).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn a_filter_keeps_only_the_kinds_that_begin_as_it_says() {
        let wanted = ["network.kafka".to_owned(), "crash.".to_owned()];
        let kinds: Vec<String> = Schedule::new(3, &wanted).take(40).map(|step| step.fault.kind()).collect();
        assert!(
            kinds.iter().all(|kind| kind.starts_with("network.kafka") || kind.starts_with("crash.")),
            "{kinds:?}"
        );
        assert_eq!(Schedule::new(3, &["no such kind".to_owned()]).next(), None);
    }

    #[test]
    fn a_long_schedule_has_every_kind_of_fault() {
        let kinds: std::collections::BTreeSet<String> =
            Schedule::new(1, &[]).take(4_000).map(|step| step.fault.kind()).collect();
        for point in CRASH_POINTS {
            assert!(kinds.iter().any(|kind| kind.ends_with(point.name)), "{} of {kinds:?}", point.name);
        }
        for kind in [
            "sigkill.ingest",
            "sigstop.score",
            "sigterm_twice.normalize",
            "network.registry.hang",
            "pause.kafka",
            "clickhouse.read_only",
            "start.normalize.registry_refuse",
            "poison.events",
            "out_of_memory.score",
        ] {
            assert!(kinds.contains(kind), "{kind} of {kinds:?}");
        }
    }
}
