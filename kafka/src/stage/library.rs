//! The producer's side of a worker through the client library: where the connection is protected, and at least once.
//!
//! Everything is bounded by a deadline, and every failure comes back with what follows from it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::statistics::Statistics;

use super::link::error_of;
use super::transaction::{Call, ErrorFacts, Failure, Reaction, attempt, react};
use super::watch::watched;
use crate::client::{client_error, log_line};
use crate::error::KafkaError;
use crate::metrics;
use crate::native::{Topics, wait_for_acknowledgements};
use crate::record::Record;

/// Remembers the first failed delivery; successes need no bookkeeping, since a commit implies them.
pub(crate) struct DeliveryLog {
    name: String,
    failed: AtomicBool,
    first: Mutex<Option<(ClientError, String)>>,
}

impl ClientContext for DeliveryLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        metrics::set_queue(&self.name, i32::try_from(statistics.msg_cnt).unwrap_or(i32::MAX));
    }

    fn error(&self, error: ClientError, reason: &str) {
        client_error("producer", &self.name, &error, reason);
    }
}

impl ProducerContext for DeliveryLog {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        // Records thrown away by our own abort are no failure of delivery.
        if matches!(error.rdkafka_error_code(), Some(Code::PurgeQueue | Code::PurgeInflight)) {
            return;
        }
        metrics::count_delivery_failure(message.topic());
        let mut first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        first.get_or_insert_with(|| (error.clone(), message.topic().to_owned()));
        self.failed.store(true, Ordering::Release);
    }
}

/// How long to wait for acknowledgements between looks at failures and the deadline.
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// The same while a call is under way whose end is to be noticed at once.
const MEANWHILE_STEP: Duration = Duration::from_millis(1);

/// Serves the reports that are here. Only failures are reported; the statistics come the same way.
fn serve_reports(producer: &StageProducer) {
    let mut waiting = producer.in_flight_count();
    loop {
        producer.poll(Duration::ZERO);
        let left = producer.in_flight_count();
        if left == 0 || left >= waiting {
            return;
        }
        waiting = left;
    }
}

pub(crate) type StageProducer = BaseProducer<DeliveryLog>;

/// A producer and the promise it was built for.
pub(crate) struct Library {
    /// Before the producer, so that they are gone before the client is.
    topics: RefCell<Topics<DeliveryLog>>,
    producer: Arc<StageProducer>,
    transactional_id: Option<String>,
}

impl Library {
    /// An idempotent producer without transactions.
    pub(crate) fn idempotent(config: &ClientConfig, name: &str) -> Result<Self, KafkaError> {
        Ok(Self::new(build(config, name)?, None))
    }

    /// A transactional producer, initialised: its predecessor is fenced and the predecessor's transaction resolved.
    pub(crate) fn transactional(
        config: &ClientConfig,
        id: &str,
        patience: Duration,
    ) -> Result<Self, KafkaError> {
        let deadline = Instant::now() + patience;
        loop {
            let producer = build(config, id)?;
            let failure = match attempt(Call::Init, deadline, |left| producer.init_transactions(left)) {
                Ok(()) => {
                    return Ok(Self::new(producer, Some(id.to_owned())));
                }
                Err(failure) => failure,
            };
            if failure.reaction == Reaction::Fenced || Instant::now() >= deadline {
                return Err(error_of(id, failure));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn new(producer: StageProducer, transactional_id: Option<String>) -> Self {
        let producer = Arc::new(producer);
        Self { topics: RefCell::new(Topics::new(Arc::clone(&producer))), producer, transactional_id }
    }

    /// The same, which leaves the batches of these topics uncompressed.
    pub(super) fn with_uncompressed(self, topics: &[String]) -> Self {
        self.topics.borrow_mut().leave_uncompressed(topics);
        self
    }

    /// Copies a record into the producer's queue.
    pub(crate) fn send(&self, record: &Record<'_>) -> Result<(), Code> {
        if record.headers.is_empty() && record.timestamp_ms.is_none() {
            return self.topics.borrow_mut().send(record);
        }
        let refused =
            |(error, _): (ClientError, _)| error.rdkafka_error_code().unwrap_or(Code::InvalidArgument);
        self.producer.send(record.native(())).map_err(refused)
    }

    /// Waits at most so long for the records under way, and serves what the client has to say.
    pub(crate) fn wait_for_acknowledgements(&self, wait: Duration) -> bool {
        let done = wait_for_acknowledgements(&self.producer, wait);
        serve_reports(&self.producer);
        done
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.transactional_id.is_some()
    }

    pub(crate) fn begin(&self, patience: Duration) -> Result<(), Failure> {
        if !self.is_transactional() {
            return Ok(());
        }
        attempt(Call::Begin, Instant::now() + patience, |_| self.producer.begin_transaction())
    }

    /// Waits for every acknowledgement. `commit_transaction` alone would cost 100 ms: the binding's flush polls in slices of
    /// that length, each to its end.
    pub(crate) fn drain(&self, deadline: Instant) -> Result<(), Failure> {
        while !self.wait_for_acknowledgements(DRAIN_STEP) {
            if Instant::now() >= deadline {
                let reason = format!("{} records not acknowledged in time", self.producer.in_flight_count());
                // Without a transaction nothing can call the late records back; a new producer at least sends no more of them.
                let reaction = if self.is_transactional() { Reaction::Abort } else { Reaction::Rebuild };
                return Err(Failure { call: Call::Deliver, reaction, reason });
            }
        }
        self.delivery_failure().map_or(Ok(()), Err)
    }

    /// The first failed delivery since the last call, if any.
    pub(crate) fn delivery_failure(&self) -> Option<Failure> {
        let log = self.producer.context();
        if !log.failed.swap(false, Ordering::AcqRel) {
            return None;
        }
        let first = log.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (error, topic) = first?;
        Some(self.failure(error.rdkafka_error_code(), format!("record for `{topic}`: {error}")))
    }

    /// A failure to deliver, judged by the state of the producer: it may be unusable, or fenced.
    pub(crate) fn failure(&self, code: Option<Code>, reason: String) -> Failure {
        let fatal = self.producer.client().fatal_error();
        let facts = ErrorFacts {
            code: fatal.as_ref().map(|(code, _)| *code).or(code),
            fatal: fatal.is_some(),
            retriable: false,
            requires_abort: true,
        };
        Failure { call: Call::Deliver, reaction: react(Call::Deliver, facts), reason }
    }

    /// Sends the offsets, serving the delivery reports that come meanwhile.
    pub(crate) fn send_offsets(
        &self,
        offsets: TopicPartitionList,
        metadata: ConsumerGroupMetadata,
        deadline: Instant,
    ) -> Result<(), Failure> {
        self.call(Call::SendOffsets, deadline, move |producer, left| {
            producer.send_offsets_to_transaction(&offsets, &metadata, left)
        })
    }

    /// Commits. Call `drain` first.
    pub(crate) fn commit(&self, deadline: Instant) -> Result<(), Failure> {
        self.call(Call::Commit, deadline, StageProducer::commit_transaction)
    }

    /// Aborts. librdkafka waits for the reports of the records it throws away, which are served meanwhile.
    pub(crate) fn abort(&self, patience: Duration) -> Result<(), Failure> {
        if !self.is_transactional() {
            return Ok(());
        }
        let deadline = Instant::now() + patience;
        let outcome = self.call(Call::Abort, deadline, StageProducer::abort_transaction);
        // Failures reported before the abort belong to the transaction that is gone.
        let _ = self.delivery_failure();
        outcome
    }

    fn call(
        &self,
        call: Call,
        deadline: Instant,
        mut act: impl FnMut(&StageProducer, Duration) -> Result<(), ClientError> + Send + 'static,
    ) -> Result<(), Failure> {
        let producer = Arc::clone(&self.producer);
        let acting = move || attempt(call, deadline, |left| act(&producer, left));
        // What is still in the queue goes out meanwhile.
        let meanwhile = || {
            self.wait_for_acknowledgements(MEANWHILE_STEP);
        };
        watched(call, deadline, meanwhile, acting)
    }
}

fn build(config: &ClientConfig, name: &str) -> Result<StageProducer, KafkaError> {
    let log = DeliveryLog { name: name.to_owned(), failed: AtomicBool::new(false), first: Mutex::new(None) };
    StageProducer::from_config_and_context(config, log).map_err(KafkaError::client("producer"))
}
