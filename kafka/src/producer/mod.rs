//! The producer of the edges: idempotent, acknowledged by all in-sync replicas, its ack is the delivery report.
//!
//! Promises that `Ok(Ack)` means the record is in the log on every in-sync replica, and that the queue is bounded.
//! Refuses records instead of blocking when the queue stays full. A missing acknowledgement is indefinite, and says so.
//! Called by the webhook door, the scheduler, the pollers and the generators, from async or plain code. It speaks to brokers by
//! itself; where the connection is protected, the client library does.

mod library;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::library::Library;
use crate::error::{KafkaError, ProduceError};
use crate::record::{Ack, Record};
use crate::settings::KafkaSettings;
use crate::wire::{IdempotentProducer, Report};

/// A record on its way. Await it, or block on it; dropping it does not call the record back.
#[derive(Debug)]
pub struct Delivery {
    topic: String,
    reply: oneshot::Receiver<Report>,
}

impl Delivery {
    /// Waits on a plain thread.
    ///
    /// # Errors
    /// See [`ProduceError`].
    ///
    /// # Panics
    /// When called from async code; await the value there.
    pub fn wait(self) -> Report {
        let topic = self.topic;
        self.reply.blocking_recv().unwrap_or_else(|_| Err(stopped(topic)))
    }
}

impl Future for Delivery {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = Pin::new(&mut self.reply).poll(context);
        reply.map(|report| report.unwrap_or_else(|_| Err(stopped(self.topic.clone()))))
    }
}

fn stopped(topic: String) -> ProduceError {
    ProduceError::NotAcknowledged { topic, reason: "the producer was closed".to_owned() }
}

/// Cloneable handle; all clones share one client, one bounded queue and one thread.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

enum Inner {
    Direct(IdempotentProducer),
    Library(Library),
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

/// How long [`Producer::send`] waits for room in a full queue.
const ROOM_PATIENCE: Duration = Duration::from_millis(500);
const ROOM_RETRY: Duration = Duration::from_millis(5);
/// How often [`Producer::send`] sends a record again that may not have been written.
const RESENDS_MAX: u32 = 3;

impl Producer {
    /// Builds the client and its thread. Does not connect yet; `name` labels the metrics.
    ///
    /// # Errors
    /// [`KafkaError::Settings`] or [`KafkaError::Client`].
    pub fn new(settings: &KafkaSettings, name: &str) -> Result<Self, KafkaError> {
        let inner = match settings.direct_producer(name)? {
            Some(options) => Inner::Direct(IdempotentProducer::start(options)?),
            None => Inner::Library(Library::start(&settings.producer()?, name)?),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Puts a record into the queue, without waiting. The bytes are copied.
    ///
    /// # Errors
    /// [`ProduceError::Backpressure`] when the queue is full, [`ProduceError::Refused`] for a record that can never be sent.
    pub fn enqueue(&self, record: &Record<'_>) -> Result<Delivery, ProduceError> {
        if !record.has_valid_headers() {
            let reason = "a header name contains NUL".to_owned();
            return Err(ProduceError::Refused { topic: record.topic.to_owned(), reason });
        }
        let reply = match &*self.inner {
            Inner::Direct(client) => client.enqueue(record),
            Inner::Library(client) => client.enqueue(record),
        }?;
        Ok(Delivery { topic: record.topic.to_owned(), reply })
    }

    /// Sends a record and waits for its delivery report. A full queue is waited for, at most half a second. A record of which the
    /// broker says only that it knows it already is sent again: twice in the log is better than not at all.
    ///
    /// # Errors
    /// See [`ProduceError`]; after [`ProduceError::NotAcknowledged`] the record may be in the log nevertheless.
    pub async fn send(&self, record: Record<'_>) -> Result<Ack, ProduceError> {
        let deadline = Instant::now() + ROOM_PATIENCE;
        let mut resent = 0;
        loop {
            match self.enqueue(&record) {
                Ok(delivery) => match delivery.await {
                    Err(ProduceError::CalledDuplicate { .. }) if resent < RESENDS_MAX => resent += 1,
                    report => return report,
                },
                Err(ProduceError::Backpressure) if Instant::now() < deadline => {
                    tokio::time::sleep(ROOM_RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Records whose fate is not known yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        match &*self.inner {
            Inner::Direct(client) => client.in_flight(),
            Inner::Library(client) => client.in_flight(),
        }
    }

    /// Waits until every record has its report. Call at shutdown; blocks.
    ///
    /// # Errors
    /// [`KafkaError::TimedOut`] when some are still open at the deadline.
    pub fn flush(&self, deadline: Duration) -> Result<(), KafkaError> {
        let end = Instant::now() + deadline;
        while self.in_flight() > 0 {
            if Instant::now() >= end {
                return Err(KafkaError::TimedOut {
                    operation: "flushing the producer",
                    seconds: deadline.as_secs_f64(),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}
