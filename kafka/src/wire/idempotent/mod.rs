//! The producer of the edges: an idempotent producer that puts all partitions of a leader into one request.
//!
//! One request at a time is under way to a leader, and what comes meanwhile goes with the next one: a record that comes alone is
//! sent at once, and under load batches grow by themselves. It is also what makes idempotence simple: no batch of a partition
//! can overtake another, so a batch that is sent again is either the next in the partition's sequence or written already, and the
//! broker knows which. (With several under way, a partition that has not seen this producer takes whichever comes first:
//! KAFKA-14884.)
//!
//! Promises that `Ok` means that every in-sync replica has the record, that records of one partition are written in the order in
//! which they were taken, and that a record is written twice only if somebody sends it again after its fate stayed unknown, or
//! a leader has forgotten this producer while the fate of a batch was unknown.

mod answers;
mod batches;
mod link;
#[cfg(test)]
mod tests;
mod verdict;
mod worker;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::worker::Worker;
use super::produce::RECORD_BYTES;
use crate::error::{KafkaError, ProduceError};
use crate::record::{Ack, Placement, Record};

/// How a producer is set up.
#[derive(Debug, Clone)]
pub(crate) struct IdempotentOptions {
    /// Labels the metrics.
    pub(crate) name: String,
    pub(crate) brokers: String,
    pub(crate) client_id: String,
    pub(crate) request_timeout: Duration,
    /// A record that is not acknowledged so long after it was taken is given up.
    pub(crate) delivery_timeout: Duration,
    /// Limit of what is taken and not acknowledged.
    pub(crate) queue_bytes: usize,
    /// Two requests to one leader begin at least so far apart.
    pub(crate) linger: Duration,
    /// Pause after a failure.
    pub(crate) backoff: Duration,
    /// Batches are packed with lz4.
    pub(crate) pack: bool,
}

pub(crate) type Report = Result<Ack, ProduceError>;

/// The handle; the work is done by a thread of its own, which ends with it.
#[derive(Debug)]
pub(crate) struct IdempotentProducer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A record that waits to be put into a batch.
#[derive(Debug)]
struct Taken {
    topic: String,
    placement: Placement,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    timestamp_ms: Option<i64>,
    since: Instant,
    reply: oneshot::Sender<Report>,
}

impl Taken {
    /// What the queue's limit counts.
    fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// What the handle and the thread share.
#[derive(Debug)]
struct Shared {
    queue_bytes: usize,
    queue: Mutex<Vec<Taken>>,
    /// Taken and not answered.
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// The thread waits for records, and wants to be woken.
    asleep: AtomicBool,
    stop: AtomicBool,
    /// Written to wake the thread.
    bell: UnixStream,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // When the bell's buffer is full, it rings already.
            let _ = (&self.bell).write(&[1]);
        }
    }

    fn answered(&self, records: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.records.fetch_sub(records, Ordering::AcqRel);
    }
}

/// The other end of the bell.
fn silence(mut bell: &UnixStream) {
    while bell.read(&mut [0; 64]).is_ok_and(|rung| rung > 0) {}
}

impl IdempotentProducer {
    /// Starts the thread. Nothing is connected yet.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] when the system gives no thread or no socket.
    pub(crate) fn start(options: IdempotentOptions) -> Result<Self, KafkaError> {
        let refused = |error: std::io::Error| KafkaError::Settings {
            key: "threads".to_owned(),
            reason: error.to_string(),
        };
        let (bell, rung) = UnixStream::pair().map_err(refused)?;
        bell.set_nonblocking(true).and_then(|()| rung.set_nonblocking(true)).map_err(refused)?;
        let shared = Arc::new(Shared {
            queue_bytes: options.queue_bytes,
            queue: Mutex::default(),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            bell,
        });
        let thread = std::thread::Builder::new().name(format!("kafka-{}", options.name));
        let worker = Worker::new(options, Arc::clone(&shared), rung);
        let thread = thread.spawn(move || worker.run()).map_err(refused)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a record without waiting. The bytes are copied.
    ///
    /// # Errors
    /// [`ProduceError::Backpressure`] when too much is taken already, [`ProduceError::Refused`] for a record that is too large.
    pub(crate) fn enqueue(&self, record: &Record<'_>) -> Result<oneshot::Receiver<Report>, ProduceError> {
        let size = record.payload_bytes();
        if size > RECORD_BYTES {
            let reason = format!("{size} bytes are more than {RECORD_BYTES}");
            return Err(ProduceError::Refused { topic: record.topic.to_owned(), reason });
        }
        let before = self.shared.bytes.fetch_add(size, Ordering::AcqRel);
        if before + size > self.shared.queue_bytes {
            self.shared.bytes.fetch_sub(size, Ordering::AcqRel);
            return Err(ProduceError::Backpressure);
        }
        self.shared.records.fetch_add(1, Ordering::AcqRel);
        let headers = record.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        let (reply, report) = oneshot::channel();
        let taken = Taken {
            topic: record.topic.to_owned(),
            placement: record.placement,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
            timestamp_ms: record.timestamp_ms,
            since: Instant::now(),
            reply,
        };
        self.shared.queue().push(taken);
        self.shared.wake();
        Ok(report)
    }

    /// Records taken and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.records.load(Ordering::Acquire)
    }
}

impl Drop for IdempotentProducer {
    /// What was not acknowledged is given up, unanswered.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Whether it sleeps or waits for a broker.
        let _ = (&self.shared.bell).write(&[1]);
        if let Some(thread) = self.thread.take() {
            // Nothing is left to do about a thread that panicked.
            let _ = thread.join();
        }
    }
}
