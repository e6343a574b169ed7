//! A real broker for the tests of this crate, and the topics of a copying pipeline.

#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "shared by several test programs, each of which uses a part"
)]

mod copy;

#[allow(unused_imports, reason = "not every test program uses all of it")]
pub use copy::{CopyStage, Recorder, Running, State, expected_state};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use devstack::{Engine, Progress, Stack, StackConfig};
use kafka::{
    Admin, ConsumedRecord, Isolation, KafkaSettings, Producer, ReadRange, Record, StageConfig, TopicReader,
    TopicSpec,
};

/// The process of the broker that was started here.
static BROKER_PID: AtomicU32 = AtomicU32::new(0);

/// Stops the broker that [`brokers`] started in its tracks for so long.
pub fn pause_broker(time: Duration) {
    let signal = |name: &str| {
        let pid = BROKER_PID.load(Ordering::Acquire);
        assert_ne!(pid, 0, "a broker of our own");
        let status = std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
        assert!(status.success());
    };
    signal("-STOP");
    std::thread::sleep(time);
    signal("-CONT");
}

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
                let broker = stack.kafka().unwrap();
                BROKER_PID.store(broker.process().pid().unwrap(), Ordering::Release);
                sender.send(broker.bootstrap()).unwrap();
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
