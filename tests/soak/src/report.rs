//! What a run comes to: one JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oracle::{Damage, Findings, Violation};

/// What became of one fault of the plan.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its kind.
    pub kind: String,
    /// How long a message was under way during it and after it, at most.
    pub unavailable_s: f64,
    /// Why it was not injected, or did not end as it should.
    pub problem: Option<String>,
}

/// The figures of a run and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The seed that schedule and traffic follow from.
    pub seed: u64,
    /// The seeded defect, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeded_bug: Option<String>,
    /// Faults injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Faults that could not be injected or ended wrongly, and why.
    pub not_as_planned: Vec<String>,
    /// Records on the raw topics.
    pub records: u64,
    /// Messages that were definitely answered.
    pub acknowledged: u64,
    /// Keys lost.
    pub lost: usize,
    /// Keys counted twice.
    pub doubled: usize,
    /// Keys with other figures than the log comes to.
    pub wrong_figures: usize,
    /// The longest time that a message took from its first attempt to both stores.
    pub longest_unavailable_s: f64,
    /// The same by kind of the fault that was under way.
    pub unavailable_s: BTreeMap<String, f64>,
    /// From healing to lag 0.
    pub settled_s: f64,
    /// The longest restore of a process, and how many records it read.
    pub restore: Restore,
    /// The most memory of a process of each role, MiB.
    pub memory_mib: BTreeMap<String, u64>,
    /// Starts of processes beyond the first.
    pub restarts: u32,
    /// `pass` or `fail`.
    pub verdict: &'static str,
    /// Every invariant that does not hold.
    pub violations: Vec<Violation>,
    /// What became of the plan, fault by fault.
    #[serde(skip)]
    pub outcomes: Vec<Outcome>,
}

/// The longest restore.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Restore {
    /// How long it took.
    pub seconds: f64,
    /// How many records it read.
    pub records: u64,
}

impl Report {
    /// Takes in what the oracle found.
    pub fn judge(&mut self, findings: Findings) {
        self.lost = findings.count(Damage::Lost);
        self.doubled = findings.count(Damage::Doubled);
        self.wrong_figures = findings.count(Damage::WrongFigures);
        self.verdict = if findings.0.is_empty() && self.not_as_planned.is_empty() { "pass" } else { "fail" };
        self.violations = findings.0;
    }

    /// Adds another run, so that several are judged as one: figures are summed, and the longest and the most are kept.
    pub fn add(&mut self, other: Self) {
        let longest = |into: &mut BTreeMap<String, f64>, from: BTreeMap<String, f64>| {
            for (kind, seconds) in from {
                let kept = into.entry(kind).or_default();
                *kept = kept.max(seconds);
            }
        };
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (role, mib) in other.memory_mib {
            let kept = self.memory_mib.entry(role).or_default();
            *kept = (*kept).max(mib);
        }
        longest(&mut self.unavailable_s, other.unavailable_s);
        self.not_as_planned.extend(other.not_as_planned);
        self.records += other.records;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong_figures += other.wrong_figures;
        self.longest_unavailable_s = self.longest_unavailable_s.max(other.longest_unavailable_s);
        self.settled_s = self.settled_s.max(other.settled_s);
        if other.restore.seconds > self.restore.seconds {
            self.restore = other.restore;
        }
        self.restarts += other.restarts;
        if other.verdict != "pass" {
            self.verdict = other.verdict;
        }
        self.violations.extend(other.violations);
        self.outcomes.extend(other.outcomes);
    }

    /// Whether an invariant was found broken.
    #[must_use]
    pub fn breaks(&self, invariant: &str) -> bool {
        self.violations.iter().any(|violation| violation.invariant == invariant)
    }

    /// Whether the oracle holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == "pass"
    }
}

/// The longest restore that a log tells of.
pub fn longest_restore(logs: impl Iterator<Item = String>) -> Restore {
    let mut longest = Restore::default();
    for log in logs {
        for line in log.lines().filter(|line| line.contains("state restored")) {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let field =
                |name: &str| line["fields"].get(name).or_else(|| line.get(name)).cloned().unwrap_or_default();
            let seconds = field("seconds").as_f64().unwrap_or_default();
            if seconds > longest.seconds {
                longest = Restore { seconds, records: field("records").as_u64().unwrap_or_default() };
            }
        }
    }
    longest
}
