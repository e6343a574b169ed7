//! Producing to topics that were looked up once. The binding finds the topic by its name for every record, behind a lock
//! and an allocation.

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::types::{RDKafkaConfRes, RDKafkaRespErr};

use crate::record::{Placement, Record};

/// Leaves the choice to the configured partitioner.
const BY_KEY: i32 = -1;

/// The topics of a producer.
pub(crate) struct Topics<C: ProducerContext + 'static> {
    known: Vec<(String, *mut native::rd_kafka_topic_t)>,
    /// Topics whose batches are sent as they are, whatever the producer's setting.
    uncompressed: Vec<String>,
    /// Dropped after the topics.
    producer: Arc<BaseProducer<C>>,
}

// SAFETY: the library's topics may be used from any thread.
unsafe impl<C: ProducerContext + 'static> Send for Topics<C> {}

impl<C: ProducerContext<DeliveryOpaque = ()> + 'static> Topics<C> {
    pub(crate) fn new(producer: Arc<BaseProducer<C>>) -> Self {
        Self { known: Vec::new(), uncompressed: Vec::new(), producer }
    }

    /// Leaves the batches of these topics uncompressed. To be called before anything is sent.
    pub(crate) fn leave_uncompressed(&mut self, topics: &[String]) {
        self.uncompressed = topics.to_vec();
    }

    /// Copies a record without headers and time into the producer's queue.
    ///
    /// # Errors
    /// As the library says: the queue is full, the partition unknown, the transaction failed.
    pub(crate) fn send(&mut self, record: &Record<'_>) -> Result<(), Code> {
        let topic = self.handle(record.topic)?;
        let partition = match record.placement {
            Placement::ByKey => BY_KEY,
            Placement::Explicit(partition) => partition,
        };
        let (key, key_len) = record.key.map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
        let (value, len) = record.value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        // SAFETY: the topic lives as long as `self`; with the flag the library copies key and value and does not write
        // to them, and no opaque is given that a report could bring back.
        let refused = unsafe {
            native::rd_kafka_produce(
                topic,
                partition,
                native::RD_KAFKA_MSG_F_COPY,
                value.cast_mut().cast(),
                len,
                key.cast(),
                key_len,
                ptr::null_mut(),
            )
        };
        if refused == 0 {
            return Ok(());
        }
        // SAFETY: reads a number of this thread.
        Err(unsafe { native::rd_kafka_last_error() }.into())
    }

    fn handle(&mut self, topic: &str) -> Result<*mut native::rd_kafka_topic_t, Code> {
        if let Some((_, known)) = self.known.iter().find(|(name, _)| name == topic) {
            return Ok(*known);
        }
        let name = CString::new(topic).map_err(|_| Code::InvalidTopic)?;
        let client = self.producer.client().native_ptr();
        let is_uncompressed = self.uncompressed.iter().any(|uncompressed| uncompressed == topic);
        let settings = if is_uncompressed { self.uncompressed_settings()? } else { ptr::null_mut() };
        // SAFETY: the client lives as long as `self`; the settings are ours or none, and become the topic's.
        let handle = unsafe { native::rd_kafka_topic_new(client, name.as_ptr(), settings) };
        if handle.is_null() {
            // SAFETY: reads a number of this thread; settings that no topic has taken are still ours.
            return Err(unsafe {
                let refused = native::rd_kafka_last_error();
                if !settings.is_null() {
                    native::rd_kafka_topic_conf_destroy(settings);
                }
                refused
            }
            .into());
        }
        self.known.push((topic.to_owned(), handle));
        Ok(handle)
    }
}

impl<C: ProducerContext + 'static> Topics<C> {
    /// The producer's settings of topics, without compression.
    fn uncompressed_settings(&self) -> Result<*mut native::rd_kafka_topic_conf_t, Code> {
        // SAFETY: the client lives as long as `self`; name and value end with NUL, and no room for a reason is given.
        unsafe {
            let settings = native::rd_kafka_default_topic_conf_dup(self.producer.client().native_ptr());
            let (name, value) = (c"compression.codec", c"none");
            let set =
                native::rd_kafka_topic_conf_set(settings, name.as_ptr(), value.as_ptr(), ptr::null_mut(), 0);
            if set != RDKafkaConfRes::RD_KAFKA_CONF_OK {
                native::rd_kafka_topic_conf_destroy(settings);
                return Err(Code::InvalidArgument);
            }
            Ok(settings)
        }
    }
}

impl<C: ProducerContext + 'static> Drop for Topics<C> {
    fn drop(&mut self) {
        for (_, topic) in self.known.drain(..) {
            // SAFETY: made by `handle`, given back once, and the client is still there.
            unsafe { native::rd_kafka_topic_destroy(topic) };
        }
    }
}

/// Waits until every record has been acknowledged or has failed, at most so long. While it waits nothing lingers.
pub(crate) fn wait_for_acknowledgements<C: ProducerContext>(
    producer: &BaseProducer<C>,
    wait: Duration,
) -> bool {
    let wait_ms = i32::try_from(wait.as_millis().max(1)).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as the producer.
    let outcome = unsafe { native::rd_kafka_flush(producer.client().native_ptr(), wait_ms) };
    outcome == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
