//! The in-memory broker of `adpulse dev` without Java, and of the tests of error handling.
//!
//! It is librdkafka's mock cluster: produces, fetches, groups and offset commits over the real protocol. It does not keep
//! what the promises need: nothing persists, aborted records are visible, transactions do not carry offsets, and a partition keeps
//! only its newest 5 MiB. So: at-least-once only, with `offsets_are_dense` set, which turns dropped records into an error.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rdkafka::mocking::MockCluster;

use crate::error::KafkaError;
use crate::topics::TopicSpec;

/// A broker inside this process; gone when dropped.
#[derive(Debug)]
pub struct MockBroker {
    brokers: String,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    TakeDown,
    BringUp,
}

impl MockBroker {
    /// Starts one broker with these topics (their settings have no effect).
    ///
    /// # Errors
    /// [`KafkaError::Client`] or [`KafkaError::Topic`].
    pub fn start(topics: &[TopicSpec]) -> Result<Self, KafkaError> {
        let (commands, orders) = mpsc::channel();
        let (started, start) = mpsc::sync_channel(1);
        let topics = topics.to_vec();
        // The binding's handle must stay on the thread that made it.
        let thread = std::thread::Builder::new()
            .name("kafka-in-memory".to_owned())
            .spawn(move || host(&topics, &started, &orders))
            .map_err(|error| KafkaError::Settings { key: "threads".to_owned(), reason: error.to_string() })?;
        let brokers =
            start.recv().unwrap_or_else(|_| Err(KafkaError::Stopped("in-memory broker".to_owned())))?;
        Ok(Self { brokers, commands: Some(commands), thread: Some(thread) })
    }

    /// `host:port` for [`crate::KafkaSettings::new`].
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Cuts all connections and refuses new ones, until [`Self::bring_up`].
    pub fn take_down(&self) {
        self.order(Command::TakeDown);
    }

    /// Accepts connections again.
    pub fn bring_up(&self) {
        self.order(Command::BringUp);
    }

    fn order(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // The thread lives until the sender is dropped.
            let _ = commands.send(command);
        }
    }
}

fn host(
    topics: &[TopicSpec],
    started: &mpsc::SyncSender<Result<String, KafkaError>>,
    orders: &mpsc::Receiver<Command>,
) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = started.send(Err(KafkaError::client("in-memory broker")(error)));
            return;
        }
    };
    for topic in topics {
        if let Err(error) = cluster.create_topic(&topic.name, topic.partitions, 1) {
            let _ =
                started.send(Err(KafkaError::Topic { topic: topic.name.clone(), reason: error.to_string() }));
            return;
        }
    }
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    while let Ok(command) = orders.recv() {
        let outcome = match command {
            Command::TakeDown => cluster.broker_down(-1),
            Command::BringUp => cluster.broker_up(-1),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "in-memory broker");
        }
    }
}

impl Drop for MockBroker {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // Nothing is left to do about a broker thread that panicked.
            let _ = thread.join();
        }
    }
}
