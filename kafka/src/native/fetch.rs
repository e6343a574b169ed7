//! Records by the batch.
//!
//! The binding takes a record at a time out of a queue of events, with a lock, two looks at the clock and two allocations
//! for each. Here the partitions' queues are joined into one of our own and emptied by the batch; the client's events
//! (rebalances, errors, statistics) stay on its main queue and are served by [`FetchingConsumer::serve`].

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;

use super::NativeHeaders;
use crate::error::KafkaError;
use crate::record::{ConsumedRecord, Headers, TopicPartition};

/// Records taken out of the queue at once. While they are worked off nobody looks at rebalances, so they are few.
const BATCH: usize = 512;

/// A consumer whose records come from a queue of its own.
pub(crate) struct FetchingConsumer<C: ConsumerContext> {
    /// Before the consumer, so that it is gone before the client is.
    fetched: Fetched,
    consumer: BaseConsumer<C>,
}

/// The joined queue, and what was taken out of it.
struct Fetched {
    queue: *mut native::rd_kafka_queue_t,
    batch: [*mut native::rd_kafka_message_t; BATCH],
    /// How many of the batch are there, and which comes next; the one before it may still be borrowed.
    filled: usize,
    next: usize,
    /// Names by the address of the client's topic, which lives as long as one of its partitions is assigned.
    topics: Vec<(*mut native::rd_kafka_topic_t, Arc<str>)>,
}

// SAFETY: the queue and its messages may be used from any thread, one at a time, which `&mut self` sees to.
unsafe impl Send for Fetched {}

impl<C: ConsumerContext> Deref for FetchingConsumer<C> {
    type Target = BaseConsumer<C>;

    fn deref(&self) -> &BaseConsumer<C> {
        &self.consumer
    }
}

impl<C: ConsumerContext> FetchingConsumer<C> {
    pub(crate) fn new(consumer: BaseConsumer<C>) -> Self {
        // SAFETY: the client lives as long as the consumer, which is dropped after the queue.
        let queue = unsafe { native::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let fetched =
            Fetched { queue, batch: [ptr::null_mut(); BATCH], filled: 0, next: 0, topics: Vec::new() };
        Self { fetched, consumer }
    }

    /// Joins the queues of these partitions to ours. To be called before they are assigned; whatever was fetched of
    /// earlier assignments is dropped.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when the client does not know the partition.
    pub(crate) fn join_queues<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<(), KafkaError> {
        self.discard();
        self.fetched.topics.clear();
        let mut names: BTreeMap<&str, CString> = BTreeMap::new();
        for partition in partitions {
            let unknown = || {
                let source = ClientError::MessageConsumption(Code::UnknownPartition);
                KafkaError::Client { operation: "joining the queues of partitions", source }
            };
            let topic = &*partition.topic;
            if !names.contains_key(topic) {
                names.insert(topic, CString::new(topic).map_err(|_| unknown())?);
            }
            let client = self.consumer.client().native_ptr();
            // SAFETY: client and queue live as long as `self`, the name as long as the call; the handle of the
            // partition's queue is given back at once, which does not undo the joining.
            unsafe {
                let queue =
                    native::rd_kafka_queue_get_partition(client, names[topic].as_ptr(), partition.partition);
                if queue.is_null() {
                    return Err(unknown());
                }
                native::rd_kafka_queue_forward(queue, self.fetched.queue);
                native::rd_kafka_queue_destroy(queue);
            }
        }
        Ok(())
    }

    /// Drops records that were fetched and not taken. To be called when the position of a partition is set.
    pub(crate) fn discard(&mut self) {
        self.fetched.discard();
    }

    /// Serves one event of the client: a rebalance, statistics, or an error, which is returned.
    ///
    /// Records come through the joined queue alone. Should the client ever undo the joining, passing over what comes here
    /// would lose it, so that is an error: whoever starts again reads from what is committed.
    pub(crate) fn serve(&self) -> Option<ClientError> {
        let served = self.consumer.poll(Duration::ZERO)?;
        Some(served.map_or_else(|error| error, |_| ClientError::MessageConsumption(Code::Inconsistent)))
    }

    /// Takes the next batch out of the queue, waiting at most so long for its first record. `false` when there is none.
    /// Call it when [`FetchingConsumer::next`] has nothing more.
    pub(crate) fn fill(&mut self, wait: Duration) -> bool {
        self.fetched.fill(wait)
    }

    /// The next record of the batch, or what the client says instead of one.
    pub(crate) fn next(&mut self) -> Option<Result<ConsumedRecord<'_>, ClientError>> {
        self.fetched.next()
    }
}

impl Fetched {
    fn fill(&mut self, wait: Duration) -> bool {
        self.discard();
        self.filled = self.take(0, Duration::ZERO, BATCH);
        if self.filled == 0 && !wait.is_zero() {
            // The library waits until it has as many as it was asked for.
            self.filled = self.take(0, wait, 1);
            if self.filled > 0 {
                self.filled += self.take(self.filled, Duration::ZERO, BATCH - self.filled);
            }
        }
        self.filled > 0
    }

    fn take(&mut self, at: usize, wait: Duration, most: usize) -> usize {
        let free = &mut self.batch[at..at + most];
        let wait_ms = if wait.is_zero() { 0 } else { wait.as_millis().clamp(1, 1_000) };
        let wait_ms = i32::try_from(wait_ms).unwrap_or(1_000);
        // SAFETY: the queue lives as long as `self`, and `free` has room for as many pointers as are asked for.
        let taken = unsafe {
            native::rd_kafka_consume_batch_queue(self.queue, wait_ms, free.as_mut_ptr(), free.len())
        };
        // Negative when the client is closing: then there is nothing.
        usize::try_from(taken).unwrap_or(0)
    }

    fn next(&mut self) -> Option<Result<ConsumedRecord<'_>, ClientError>> {
        self.release();
        if self.next >= self.filled {
            return None;
        }
        let message = self.batch[self.next];
        self.next += 1;
        // SAFETY: the message is ours until it is destroyed, which takes a mutable borrow of `self`.
        let message: &native::rd_kafka_message_t = unsafe { &*message };
        if message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Some(Err(match message.err {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                    ClientError::PartitionEOF(message.partition)
                }
                error => ClientError::MessageConsumption(error.into()),
            }));
        }
        let topic = self.topic(message.rkt);
        Some(Ok(record(message, &self.topics[topic].1)))
    }

    fn topic(&mut self, handle: *mut native::rd_kafka_topic_t) -> usize {
        if let Some(known) = self.topics.iter().position(|(known, _)| *known == handle) {
            return known;
        }
        // SAFETY: the message that names the topic keeps it alive, and so its name.
        let name = unsafe { CStr::from_ptr(native::rd_kafka_topic_name(handle)) };
        self.topics.push((handle, name.to_string_lossy().into()));
        self.topics.len() - 1
    }

    /// Destroys the record handed out last, which nobody can be borrowing any more.
    fn release(&mut self) {
        let Some(last) = self.next.checked_sub(1) else { return };
        let message = std::mem::replace(&mut self.batch[last], ptr::null_mut());
        if !message.is_null() {
            // SAFETY: it came out of the queue and is destroyed once, because its place is empty now.
            unsafe { native::rd_kafka_message_destroy(message) };
        }
    }

    fn discard(&mut self) {
        self.release();
        while self.next < self.filled {
            self.next += 1;
            self.release();
        }
        (self.next, self.filled) = (0, 0);
    }
}

fn record<'a>(message: &'a native::rd_kafka_message_t, topic: &'a str) -> ConsumedRecord<'a> {
    let bytes = |start: *mut std::ffi::c_void, len: usize| {
        // SAFETY: the library gives the length with the address, which stays valid as long as the message.
        (!start.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>().cast_const(), len) })
    };
    let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: only reads the message, and writes the kind.
    let timestamp = unsafe { native::rd_kafka_message_timestamp(message, &raw mut kind) };
    let known = kind != native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    ConsumedRecord {
        topic,
        partition: message.partition,
        offset: message.offset,
        timestamp_ms: known.then_some(timestamp),
        key: bytes(message.key, message.key_len),
        value: bytes(message.payload, message.len),
        headers: Headers::from_native(NativeHeaders::of(message)),
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.discard();
        // SAFETY: it was made by `new` and is given back once; the client is still there.
        unsafe { native::rd_kafka_queue_destroy(self.queue) };
    }
}
