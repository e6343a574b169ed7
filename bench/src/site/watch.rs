//! Watching a role at work: when it has joined, how far it has come, what its metrics say.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kafka::Admin;
use schemas::Topic;

use super::{PREFIX, Site, drain, spinner};
use crate::process::{Cpu, Process};

const READY_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_LIMIT: Duration = Duration::from_secs(900);
/// Drained or not is asked this often; a wall time is not known better than this.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far a process had come at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Records that its group has left to read, transaction markers included.
    pub lag: i64,
    /// CPU time that it had used.
    pub cpu: Cpu,
    /// How long it had been running.
    pub age: Duration,
}

impl Site {
    /// Waits until a role has its partitions.
    pub async fn joined(&self, role: &mut Process) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            role.verify_running()?;
            let joined = self.counter(kafka::metrics::REBALANCES_TOTAL).await.unwrap_or(0.0);
            if joined >= 1.0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the role did not join its group:\n{}", role.last_words());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a role has worked off its topics. Returns how far it had come on the way, the end last.
    pub async fn drained(
        &self,
        role: &mut Process,
        group: &str,
        topics: &[Topic],
    ) -> anyhow::Result<Vec<Sample>> {
        let topics: Vec<String> = topics.iter().map(|&topic| self.topic(topic)).collect();
        self.drained_group(role, &format!("{PREFIX}{group}"), &topics).await
    }

    /// The same for a group and topics by their full names.
    pub async fn drained_group(
        &self,
        role: &mut Process,
        group: &str,
        topics: &[String],
    ) -> anyhow::Result<Vec<Sample>> {
        let settings = self.kafka()?;
        let deadline = Instant::now() + if self.under.is_some() { DRAIN_LIMIT * 6 } else { DRAIN_LIMIT };
        let admin = Admin::new(&settings)?;
        let waiting = spinner(&format!("{group} works off its topics"));
        let mut samples: Vec<Sample> = Vec::new();
        loop {
            role.verify_running()?;
            // The age first: what is committed between the two then counts too late rather than too early.
            let (age, cpu) = (role.age(), role.cpu()?);
            let (lag, is_empty) = drain::state(&settings, &admin, group, topics).await?;
            // Of a group that rests only the first look counts: idling is not part of the work.
            if samples.last().is_none_or(|last| last.lag != lag) {
                samples.push(Sample { lag, cpu, age });
            }
            if is_empty {
                waiting.finish_and_clear();
                return Ok(samples);
            }
            if Instant::now() >= deadline {
                bail!("{group} still has records to read after {} s", DRAIN_LIMIT.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A counter of the running role, summed over its labels.
    pub async fn counter(&self, name: &str) -> anyhow::Result<f64> {
        Ok(self.samples(name).await?.into_iter().map(|(_, value)| value).sum())
    }

    /// A metric of the running role: each set of labels as it is written, with its value.
    pub async fn samples(&self, name: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let url = format!("http://{}/metrics", self.operations);
        let text = tokio::task::spawn_blocking(move || {
            anyhow::Ok(ureq::get(&url).call()?.body_mut().read_to_string()?)
        });
        let text = text.await?.context("asking the role for its metrics")?;
        let of_name = text.lines().filter_map(|line| line.strip_prefix(name));
        let sample = |rest: &str| {
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels.to_owned(), value.parse().ok()?))
        };
        Ok(of_name.filter(|rest| rest.starts_with(['{', ' '])).filter_map(sample).collect())
    }
}
