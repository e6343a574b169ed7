//! The engines: one set that all tests of the process share, and one that is taken away, held by one test at a time.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use devstack::{Engine, Process, Progress, Stack, StackConfig};
use tokio::runtime::Runtime;

/// Where the engines of a set answer.
#[derive(Clone, Debug)]
pub struct Engines {
    pub kafka: String,
    pub clickhouse: String,
    pub postgres: String,
}

/// Runs a future to its end, from a test's own thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let start =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    RUNTIME.get_or_init(start).block_on(future)
}

/// The engines that nobody disturbs. They end with this process.
pub fn shared() -> Engines {
    static STACK: OnceLock<Stack> = OnceLock::new();
    addresses(STACK.get_or_init(start))
}

/// Engines that the holder may kill, pause and restart. Nobody else uses them meanwhile.
pub struct Exclusive {
    stack: &'static Stack,
    _turn: MutexGuard<'static, ()>,
}

/// Waits for the turn, and for all engines to be as they should.
pub fn exclusive() -> Exclusive {
    static STACK: OnceLock<Stack> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves its turn poisoned and perhaps an engine down; the next one starts from a sound set.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let exclusive = Exclusive { stack: STACK.get_or_init(start), _turn: turn };
    for process in [exclusive.kafka(), exclusive.clickhouse(), exclusive.postgres()] {
        process.resume();
        if process.pid().is_none() {
            block_on(process.restart()).expect("the engine starts again");
        }
    }
    exclusive
}

impl Exclusive {
    pub fn engines(&self) -> Engines {
        addresses(self.stack)
    }

    pub fn kafka(&self) -> &Process {
        self.stack.kafka().unwrap().process()
    }

    pub fn clickhouse(&self) -> &Process {
        self.stack.clickhouse().unwrap().process()
    }

    pub fn postgres(&self) -> &Process {
        self.stack.postgres().unwrap().process()
    }
}

fn start() -> Stack {
    let program = env!("CARGO_BIN_EXE_adpulse");
    let config = StackConfig {
        progress: Progress::Lines,
        engine_command: Some(vec![program.into(), "engine-clickhouse".into()]),
        ..StackConfig::default()
    };
    block_on(Stack::start(config, &[Engine::Kafka, Engine::ClickHouse, Engine::Postgres]))
        .expect("the engines start")
}

fn addresses(stack: &Stack) -> Engines {
    Engines {
        kafka: stack.kafka().unwrap().bootstrap(),
        clickhouse: stack.clickhouse().unwrap().url(),
        postgres: stack.postgres().unwrap().url(),
    }
}
