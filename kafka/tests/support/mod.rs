//! A real broker for the tests of this crate, and a stage that copies and counts.

#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "shared by several test programs, each of which uses a part"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use devstack::{Engine, Progress, Stack, StackConfig};
use kafka::{
    Admin, ConsumedRecord, Isolation, KafkaError, KafkaSettings, Outputs, Producer, ReadRange, Record,
    ShutdownToken, Stage, StageConfig, StageError, StageEvent, StageObserver, TopicReader, TopicSpec,
    run_stage,
};

/// Bootstrap servers of the broker that all tests of this process share. `ADPULSE_TEST_KAFKA` names one that runs already.
pub fn brokers() -> String {
    static BROKERS: OnceLock<String> = OnceLock::new();
    let start = || {
        if let Ok(running) = std::env::var("ADPULSE_TEST_KAFKA") {
            return running;
        }
        let (sender, receiver) = mpsc::channel();
        // The stack lives on this thread until the process ends, and its processes end with the process.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = StackConfig { progress: Progress::Lines, ..StackConfig::default() };
                let stack = Stack::start(config, &[Engine::Kafka]).await.expect("Kafka starts");
                sender.send(stack.kafka().unwrap().bootstrap()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().expect("Kafka started")
    };
    BROKERS.get_or_init(start).clone()
}

pub fn settings() -> KafkaSettings {
    KafkaSettings::new(&brokers(), "kafka-tests")
}

/// A name nobody else uses, also when a broker is used again.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{now:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn create(settings: &KafkaSettings, specs: &[TopicSpec]) {
    block_on(async { Admin::new(settings).unwrap().ensure(specs).await.unwrap() });
}

/// The topics of one copying pipeline.
#[derive(Clone)]
pub struct Pipeline {
    pub input: String,
    pub output: String,
    pub changelog: String,
    pub tiny: String,
    pub group: String,
    pub partitions: i32,
}

impl Pipeline {
    pub fn create(settings: &KafkaSettings, name: &str, partitions: i32) -> Self {
        let base = unique(name);
        let pipeline = Self {
            input: format!("{base}.in"),
            output: format!("{base}.out"),
            changelog: format!("{base}.state"),
            tiny: format!("{base}.tiny"),
            group: format!("{base}.group"),
            partitions,
        };
        create(
            settings,
            &[
                TopicSpec::new(&pipeline.input, partitions, 1),
                TopicSpec::new(&pipeline.output, partitions, 1),
                TopicSpec::new(&pipeline.changelog, partitions, 1).with("cleanup.policy", "compact"),
                TopicSpec::new(&pipeline.tiny, 1, 1).with("max.message.bytes", "200"),
            ],
        );
        pipeline
    }

    pub fn config(&self, worker: &str) -> StageConfig {
        let id = format!("{}.{worker}", self.group);
        let mut config = StageConfig::new(&self.group, &id, &[&self.input], &[&self.changelog]);
        config.instance_id = Some(id);
        config.session_timeout = Duration::from_secs(10);
        config.transaction_timeout = Duration::from_secs(8);
        config.max_batch_records = 2_000;
        config
    }

    /// Puts records `from..to` into the input: key `k<n % 50>`, value the number, round robin over the partitions.
    pub fn fill(&self, settings: &KafkaSettings, from: u32, to: u32) {
        let producer = Producer::new(settings, "fill").unwrap();
        for number in from..to {
            let key = format!("k{}", number % 50);
            let value = number.to_string();
            let partition = i32::try_from(number).unwrap() % self.partitions;
            let record = Record::new(&self.input, Some(key.as_bytes()), Some(value.as_bytes()))
                .to_partition(partition);
            while let Err(error) = producer.enqueue(&record) {
                assert!(matches!(error, kafka::ProduceError::Backpressure), "{error}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// Numbers in the output, per partition, in order.
    pub fn copied(&self, settings: &KafkaSettings, isolation: Isolation) -> BTreeMap<i32, Vec<u32>> {
        let mut copied: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        let range = ReadRange { isolation, ..ReadRange::whole(&self.output) };
        let mut reader = TopicReader::open(settings, "verify", &range).unwrap();
        let visit = |record: ConsumedRecord<'_>| {
            copied.entry(record.partition).or_default().push(number_in(&record));
            true
        };
        reader.for_each(visit).unwrap();
        copied
    }

    /// Every number once, in order within its partition.
    pub fn assert_exactly_once(&self, settings: &KafkaSettings, total: u32) {
        let copied = self.copied(settings, Isolation::ReadCommitted);
        for partition in 0..self.partitions {
            let step = usize::try_from(self.partitions).unwrap();
            let expected: Vec<u32> = (u32::try_from(partition).unwrap()..total).step_by(step).collect();
            assert_eq!(copied.get(&partition), Some(&expected), "partition {partition}");
        }
    }

    /// Waits until the output shows this many committed records.
    pub fn wait_for(&self, settings: &KafkaSettings, total: usize) {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let found: usize = self.copied(settings, Isolation::ReadCommitted).values().map(Vec::len).sum();
            if found >= total {
                return;
            }
            assert!(Instant::now() < end, "{found} of {total} records after two minutes");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn number_in(record: &ConsumedRecord<'_>) -> u32 {
    std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()
}

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
