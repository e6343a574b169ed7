//! A stage that copies every record and counts, and a thread to run it on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kafka::{
    ConsumedRecord, KafkaError, KafkaSettings, Outputs, Record, ShutdownToken, Stage, StageConfig,
    StageError, StageEvent, StageObserver, run_stage,
};

use super::{Pipeline, number_in};

/// Count and sum of numbers per partition and key.
pub type State = BTreeMap<i32, BTreeMap<String, (u32, u64)>>;

/// Copies every record and keeps count and sum per key, as state in the changelog.
pub struct CopyStage {
    pub pipeline: Pipeline,
    state: State,
    overlay: State,
    pub seen: Arc<Mutex<State>>,
    /// Every so many calls of `process` an output goes to a topic that refuses it, which aborts the transaction.
    pub abort_every: Option<u32>,
    /// At this call of `process` the process kills itself.
    pub die_at: Option<u32>,
    calls: u32,
}

impl CopyStage {
    pub fn new(pipeline: &Pipeline) -> Self {
        Self {
            pipeline: pipeline.clone(),
            state: State::new(),
            overlay: State::new(),
            seen: Arc::default(),
            abort_every: None,
            die_at: None,
            calls: 0,
        }
    }

    fn publish(&self) {
        *self.seen.lock().unwrap() = self.state.clone();
    }
}

impl Stage for CopyStage {
    fn restore(&mut self, partition: i32, record: ConsumedRecord<'_>) -> Result<(), StageError> {
        let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
        let value = std::str::from_utf8(record.value.unwrap()).unwrap();
        let (count, sum) = value.split_once(' ').unwrap();
        let entry = (count.parse().unwrap(), sum.parse().unwrap());
        self.state.entry(partition).or_default().insert(key, entry);
        Ok(())
    }

    fn restored(&mut self, _partition: i32) {
        self.publish();
    }

    fn process(&mut self, record: ConsumedRecord<'_>, out: &mut Outputs<'_>) -> Result<(), StageError> {
        self.calls += 1;
        let key = std::str::from_utf8(record.key.unwrap()).unwrap();
        let number = number_in(&record);
        let known = self.state.get(&record.partition).and_then(|keys| keys.get(key)).copied();
        let entry = self.overlay.entry(record.partition).or_default().entry(key.to_owned());
        let entry = entry.or_insert(known.unwrap_or_default());
        *entry = (entry.0 + 1, entry.1 + u64::from(number));
        out.send(
            &Record::new(&self.pipeline.output, record.key, record.value).to_partition(record.partition),
        )?;
        if self.abort_every.is_some_and(|every| self.calls.is_multiple_of(every)) {
            // Nothing that compresses: the broker compares the compressed size.
            let noise: Vec<u8> =
                (0..1_000_u32).map(|n| kafka::murmur2(&n.to_le_bytes()).to_le_bytes()[0]).collect();
            out.send(&Record::new(&self.pipeline.tiny, None, Some(&noise)))?;
        }
        if self.die_at == Some(self.calls) {
            std::process::abort();
        }
        Ok(())
    }

    fn before_commit(&mut self, partition: i32, out: &mut Outputs<'_>) -> Result<(), StageError> {
        for (key, (count, sum)) in self.overlay.get(&partition).into_iter().flatten() {
            let value = format!("{count} {sum}");
            let record = Record::new(&self.pipeline.changelog, Some(key.as_bytes()), Some(value.as_bytes()));
            out.send(&record.to_partition(partition))?;
        }
        Ok(())
    }

    fn committed(&mut self) {
        for (partition, keys) in std::mem::take(&mut self.overlay) {
            self.state.entry(partition).or_default().extend(keys);
        }
        self.publish();
    }

    fn aborted(&mut self) {
        self.overlay.clear();
    }

    fn revoked(&mut self, partition: i32) {
        self.state.remove(&partition);
        self.publish();
    }
}

/// What the counts must come to after `total` records.
pub fn expected_state(partitions: i32, total: u32) -> State {
    let mut state = State::new();
    for number in 0..total {
        let keys = state.entry(i32::try_from(number).unwrap() % partitions).or_default();
        let entry = keys.entry(format!("k{}", number % 50)).or_default();
        *entry = (entry.0 + 1, entry.1 + u64::from(number));
    }
    state
}

#[derive(Clone, Default)]
pub struct Recorder(pub Arc<Mutex<Vec<StageEvent>>>);

impl StageObserver for Recorder {
    fn event(&mut self, event: &StageEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    pub fn count(&self, matching: impl Fn(&StageEvent) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|event| matching(event)).count()
    }

    pub fn wait(&self, matching: impl Fn(&StageEvent) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.count(&matching) == 0 {
            assert!(Instant::now() < end, "the event did not come: {:?}", self.0.lock().unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A worker on its own thread.
pub struct Running {
    pub shutdown: ShutdownToken,
    pub recorder: Recorder,
    pub seen: Arc<Mutex<State>>,
    thread: JoinHandle<Result<(), KafkaError>>,
}

impl Running {
    pub fn start(settings: &KafkaSettings, config: StageConfig, mut stage: CopyStage) -> Self {
        let (shutdown, recorder, seen) = (ShutdownToken::new(), Recorder::default(), Arc::clone(&stage.seen));
        let (settings, token, mut observer) = (settings.clone(), shutdown.clone(), recorder.clone());
        let thread = std::thread::spawn(move || {
            let outcome = run_stage(&settings, &config, &mut stage, &token, &mut observer);
            if let Err(error) = &outcome {
                eprintln!("worker {} ended: {error}", config.transactional_id);
            }
            outcome
        });
        Self { shutdown, recorder, seen, thread }
    }

    /// Waits until this worker has committed so many input records.
    pub fn wait_for_committed(&self, total: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        let committed = |event: &StageEvent| match event {
            StageEvent::Committed { records } => *records,
            _ => 0,
        };
        while self.recorder.0.lock().unwrap().iter().map(committed).sum::<usize>() < total {
            assert!(Instant::now() < end, "{total} records were not committed in a minute");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn join(self) -> Result<(), KafkaError> {
        self.thread.join().unwrap()
    }

    pub fn stop(self) -> State {
        self.shutdown.request();
        let seen = Arc::clone(&self.seen);
        self.join().unwrap();
        seen.lock().unwrap().clone()
    }
}
