//! The threads that stages run on: one worker a thread, restarted with a growing pause when starting again can help.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use kafka::{ProcessingGuarantee, Stage, StageConfig, StageEvent, StageObserver, run_stage};
use schemas::Topic;

use super::Context;
use crate::config::{Config, Guarantee, ms};
use crate::metrics;

const RESTART_PAUSE_FIRST: Duration = Duration::from_millis(500);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);

/// What the parts of this process say of themselves: by name, ready or the reason why not.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Result<(), String>>>>);

impl Health {
    /// Notes what a part says.
    pub fn set(&self, part: &str, state: Result<(), String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), state);
    }

    /// What all parts say.
    pub fn all(&self) -> BTreeMap<String, Result<(), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The consumer group of a role.
pub fn group_name(config: &Config, role: &str) -> String {
    format!("{}{role}", config.kafka.topic_prefix)
}

/// Runs a stage's workers until the end is asked for or one fails for good.
pub async fn run<S: Stage + 'static>(
    context: &Context,
    name: &'static str,
    inputs: &[Topic],
    changelogs: &[Topic],
    make: impl Fn() -> S + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let make = Arc::new(make);
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..context.config.processing.workers {
        let config = stage_config(context, name, number, inputs, changelogs);
        let (context, make) = (context.clone(), Arc::clone(&make));
        let (done, ended) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name(format!("{name}-{number}"))
            .spawn(move || {
                // Nobody listens any more only when the process is ending.
                let _ = done.send(supervise(&context, name, &config, || make()));
            })
            .with_context(|| format!("starting a thread for {name}"))?;
        workers.spawn(
            async move { ended.await.unwrap_or_else(|_| Err(anyhow!("a worker of {name} panicked"))) },
        );
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("waiting for a worker")??;
    }
    Ok(())
}

fn supervise<S: Stage>(
    context: &Context,
    name: &'static str,
    config: &StageConfig,
    make: impl Fn() -> S,
) -> anyhow::Result<()> {
    let mut pause = RESTART_PAUSE_FIRST;
    loop {
        let mut observer =
            Observer { health: context.health.clone(), part: config.transactional_id.clone(), ran: false };
        observer.say(Err("joining its group".to_owned()));
        let mut stage = make();
        let result =
            run_stage(&context.kafka, config, &mut stage, &context.shutdown.thread_token(), &mut observer);
        match result {
            Ok(()) => return Ok(()),
            Err(error) if error.is_retriable() && !context.shutdown.is_requested() => {
                if observer.ran {
                    pause = RESTART_PAUSE_FIRST;
                }
                tracing::warn!(stage = name, %error, pause_ms = pause.as_millis(), "worker failed, starting again");
                ::metrics::counter!(metrics::WORKER_RESTARTS_TOTAL, "stage" => name).increment(1);
                observer.say(Err(error.to_string()));
                wait(context, pause);
                pause = (pause * 2).min(RESTART_PAUSE_MAX);
            }
            Err(_) if context.shutdown.is_requested() => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("stage {name}")),
        }
    }
}

/// Waits in short steps, so that the end is not held up.
fn wait(context: &Context, pause: Duration) {
    let until = std::time::Instant::now() + pause;
    while std::time::Instant::now() < until && !context.shutdown.is_requested() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn stage_config(
    context: &Context,
    name: &str,
    number: usize,
    inputs: &[Topic],
    changelogs: &[Topic],
) -> StageConfig {
    let (config, processing) = (&context.config, &context.config.processing);
    let member = format!("{}-{}-{number}", group_name(config, name), processing.instance);
    let at_least_once = processing.guarantee == Guarantee::AtLeastOnce;
    let mut stage = StageConfig::new(&group_name(config, name), &member, &[], &[]);
    stage.instance_id = Some(member);
    stage.inputs = context.topics.names(inputs);
    stage.changelogs = context.topics.names(changelogs);
    stage.guarantee =
        if at_least_once { ProcessingGuarantee::AtLeastOnce } else { ProcessingGuarantee::ExactlyOnce };
    stage.commit_interval = ms(processing.commit_interval_ms);
    stage.commit_interval_idle = ms(processing.commit_interval_idle_ms);
    stage.max_batch_records = processing.max_batch_records;
    stage.max_batch_bytes = processing.max_batch_bytes;
    stage.prefetch_bytes = processing.prefetch_bytes;
    stage.queue_bytes = config.kafka.queue_bytes;
    stage.session_timeout = ms(processing.session_timeout_ms);
    stage.transaction_timeout = ms(processing.transaction_timeout_ms);
    stage.shutdown_deadline = ms(processing.shutdown_deadline_ms);
    stage.offsets_are_dense = at_least_once;
    stage
}

struct Observer {
    health: Health,
    part: String,
    ran: bool,
}

impl Observer {
    fn say(&self, state: Result<(), String>) {
        self.health.set(&self.part, state);
    }
}

impl StageObserver for Observer {
    fn event(&mut self, event: &StageEvent) {
        match event {
            StageEvent::Assigned { partitions } => {
                self.say(Err(format!("restoring the state of {} partitions", partitions.len())));
            }
            StageEvent::Running { partitions, restored_records, elapsed, .. } => {
                self.ran = true;
                self.say(Ok(()));
                tracing::info!(
                    worker = self.part,
                    partitions = partitions.len(),
                    restored_records,
                    restore_ms = elapsed.as_millis(),
                    "processing"
                );
            }
            StageEvent::Revoked { lost, .. } => self.say(Err(format!("partitions revoked (lost: {lost})"))),
            StageEvent::Aborted { records, reason } => {
                tracing::warn!(
                    worker = self.part,
                    records,
                    reason,
                    "transaction aborted, its records are read again"
                );
            }
            StageEvent::ProducerRebuilt => tracing::warn!(worker = self.part, "producer rebuilt"),
            StageEvent::Committed { .. } => {}
        }
    }
}
