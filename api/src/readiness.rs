//! Whether the dependencies answer. Checks run in the background at a steady pace, so that asking costs nothing, and
//! a single slip does not take the process out of service.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::READY;

/// Failures in a row that make a ready dependency unready; one success makes it ready again.
const FAILURES_TO_UNREADY: u32 = 3;

type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Probe = Box<dyn Fn() -> Outcome + Send + Sync>;

/// The named checks of a process and what they last found.
pub struct Readiness {
    interval: Duration,
    timeout: Duration,
    probes: Vec<(&'static str, Probe)>,
    states: Mutex<BTreeMap<&'static str, CheckState>>,
}

/// What a check last found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckState {
    /// Whether the dependency is held to be ready.
    pub ready: bool,
    /// Why it is not, or what went wrong last; absent after a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Failures since the last success.
    pub failures: u32,
}

impl CheckState {
    fn unknown() -> Self {
        Self { ready: false, reason: Some("not checked yet".to_owned()), failures: 0 }
    }

    /// The state after one more outcome.
    #[must_use]
    fn after(&self, outcome: Result<(), String>) -> Self {
        match outcome {
            Ok(()) => Self { ready: true, reason: None, failures: 0 },
            Err(reason) => {
                let failures = self.failures.saturating_add(1);
                Self { ready: self.ready && failures < FAILURES_TO_UNREADY, reason: Some(reason), failures }
            }
        }
    }
}

/// Collects the checks of a process.
#[derive(Default)]
pub struct ReadinessBuilder {
    probes: Vec<(&'static str, Probe)>,
}

impl ReadinessBuilder {
    /// Adds a check. Its error is a sentence for an operator and must hold no secret.
    #[must_use]
    pub fn check<F, R>(mut self, name: &'static str, probe: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.probes.push((name, Box::new(move || Box::pin(probe()))));
        self
    }

    /// Checks that Postgres answers over `pool`.
    #[must_use]
    pub fn postgres(self, pool: deadpool_postgres::Pool) -> Self {
        self.check("postgres", move || {
            let pool = pool.clone();
            async move {
                let answer = crate::pool::rows(&pool, "readiness", "SELECT 1", &[]).await;
                answer.map(drop).map_err(|error| error.to_string())
            }
        })
    }

    /// Checks every `interval`, each check for at most `timeout`.
    #[must_use]
    pub fn build(self, interval: Duration, timeout: Duration) -> Readiness {
        let states = self.probes.iter().map(|(name, _)| (*name, CheckState::unknown())).collect();
        Readiness { interval, timeout, probes: self.probes, states: Mutex::new(states) }
    }
}

impl Readiness {
    /// A process without checks is ready; add those it depends on.
    #[must_use]
    pub fn builder() -> ReadinessBuilder {
        ReadinessBuilder::default()
    }

    /// Runs the checks until `shutdown`; from then on the process is not ready.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut pace = tokio::time::interval(self.interval);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = pace.tick() => self.check_all().await,
            }
        }
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let ending =
            CheckState { ready: false, reason: Some("the process is ending".to_owned()), failures: 0 };
        states.insert("process", ending);
    }

    /// Runs each check once, one after the other.
    pub async fn check_all(&self) {
        for (name, probe) in &self.probes {
            let outcome = tokio::time::timeout(self.timeout, probe())
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} ms", self.timeout.as_millis())));
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            let before = states.get(name).cloned().unwrap_or_else(CheckState::unknown);
            let now = before.after(outcome);
            if now.ready != before.ready {
                tracing::info!(check = name, ready = now.ready, reason = now.reason, "readiness changed");
            }
            metrics::gauge!(READY, "check" => *name).set(if now.ready { 1.0 } else { 0.0 });
            states.insert(name, now);
        }
    }

    /// What each check last found.
    pub fn states(&self) -> BTreeMap<&'static str, CheckState> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.states()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_dependency_survives_two_slips_and_one_success_brings_it_back() {
        let slip = || Err("down".to_owned());
        let ready = CheckState::unknown().after(Ok(()));
        let twice = ready.after(slip()).after(slip());
        assert!(twice.ready);
        let thrice = twice.after(slip());
        assert_eq!(thrice, CheckState { ready: false, reason: Some("down".to_owned()), failures: 3 });
        assert!(thrice.after(Ok(())).ready);
    }

    #[test]
    fn a_dependency_is_not_ready_before_it_answered() {
        assert!(!CheckState::unknown().ready);
        assert!(!CheckState::unknown().after(Err("down".to_owned())).ready);
    }

    #[tokio::test]
    async fn a_check_that_hangs_fails_with_a_reason() {
        let readiness = Readiness::builder()
            .check("stuck", std::future::pending)
            .build(Duration::from_secs(60), Duration::from_millis(5));
        readiness.check_all().await;
        assert_eq!(readiness.states()["stuck"].reason.as_deref(), Some("no answer within 5 ms"));
    }
}
