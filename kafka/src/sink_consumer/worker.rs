//! The thread of a sink consumer: polls whatever happens, collects batches, carries out commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use tokio::sync::mpsc::UnboundedSender;

use super::{Batch, Command, SinkConfig, SinkEvent};
use crate::client::Transience as _;
use crate::error::KafkaError;
use crate::group::{GroupConsumer, Rebalance, close, next_rebalance, offset_list, rebalance_waits};
use crate::metrics::{self, TopicCounts};
use crate::positions::{Admission, Positions};
use crate::record::TopicPartition;
use crate::settings::KafkaSettings;
use crate::stage::link::Link;

/// A command waits at most this long for the thread's attention.
const ATTENTION: Duration = Duration::from_millis(10);
/// A full queue is waited for this long before the partitions are paused, which throws away what was fetched ahead.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Wires {
    pub(super) orders: Receiver<Command>,
    pub(super) events: UnboundedSender<Result<SinkEvent, KafkaError>>,
    pub(super) queued: Arc<AtomicUsize>,
    pub(super) revoking: tokio::sync::watch::Sender<u64>,
}

pub(super) struct Worker {
    pub(super) settings: KafkaSettings,
    pub(super) config: SinkConfig,
    pub(super) consumer: GroupConsumer,
    pub(super) wires: Wires,
    pub(super) assignment: u64,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) positions: Positions,
    pub(super) batch: Batch,
    pub(super) batch_since: Option<Instant>,
    /// A finished batch for which the queue has no room yet.
    pub(super) waiting: Option<(Batch, Instant)>,
    pub(super) paused_by_caller: bool,
    pub(super) paused_by_queue: bool,
    pub(super) consumed: TopicCounts,
    /// The producer of records that go with offsets; built when first needed, and anew after a failure.
    pub(super) link: Option<Link>,
}

/// Why the thread ends.
pub(super) enum End {
    Asked(Option<tokio::sync::oneshot::Sender<Result<(), KafkaError>>>),
    Failed(KafkaError),
}

impl From<KafkaError> for End {
    fn from(error: KafkaError) -> Self {
        Self::Failed(error)
    }
}

impl Worker {
    pub(super) fn new(
        settings: KafkaSettings,
        config: SinkConfig,
        consumer: GroupConsumer,
        wires: Wires,
    ) -> Self {
        Self {
            settings,
            config,
            consumer,
            wires,
            assignment: 0,
            partitions: Vec::new(),
            positions: Positions::default(),
            batch: Batch::new(0),
            batch_since: None,
            waiting: None,
            paused_by_caller: false,
            paused_by_queue: false,
            consumed: TopicCounts::default(),
            link: None,
        }
    }

    pub(super) fn run(mut self) {
        let end = loop {
            if let Err(end) = self.step() {
                break end;
            }
        };
        let closed = close(self.consumer, self.config.leave_group_on_close, self.config.request_timeout);
        match end {
            End::Asked(Some(reply)) => {
                let _ = reply.send(closed);
            }
            End::Asked(None) => {}
            End::Failed(error) => {
                let _ = self.wires.events.send(Err(error));
            }
        }
    }

    fn step(&mut self) -> Result<(), End> {
        loop {
            match self.wires.orders.try_recv() {
                Ok(command) => self.obey(command)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(End::Asked(None)),
            }
        }
        match next_rebalance(&self.consumer) {
            Some(Rebalance::Assigned(partitions)) => return Ok(self.assigned(partitions)?),
            Some(Rebalance::Revoked { lost }) => return self.revoked(lost),
            None => {}
        }
        if !self.hand_over()? {
            return Ok(());
        }
        self.poll(ATTENTION)?;
        // While the store has yet to take the batch before, time makes no batch: a slow store gets few large ones, not a queue of
        // small ones that it never works off.
        let is_next = self.wires.queued.load(Ordering::Acquire) == 0;
        let due = is_next && self.batch_since.is_some_and(|since| since.elapsed() >= self.config.max_wait);
        if due
            || self.batch.len() >= self.config.max_batch_records
            || self.batch.bytes() >= self.config.max_batch_bytes
        {
            self.finish_batch();
        }
        Ok(())
    }

    /// Takes records until a batch is full, or the time is up.
    fn poll(&mut self, patience: Duration) -> Result<(), KafkaError> {
        let end = Instant::now() + patience;
        loop {
            while let Some(fetched) = self.consumer.next() {
                let record = match fetched {
                    Ok(record) => record,
                    Err(error) => return self.judge(error),
                };
                let dense = self.config.offsets_are_dense;
                match self.positions.admit(record.topic, record.partition, record.offset, dense) {
                    Admission::Process => {}
                    Admission::Skip => continue,
                    Admission::Gap { expected } => {
                        let partition = TopicPartition::new(record.topic, record.partition);
                        let found = record.offset;
                        return Err(self.lost(&partition, expected, found));
                    }
                }
                self.consumed.note(record.topic);
                self.batch.push(&record);
                self.batch_since.get_or_insert_with(Instant::now);
                let full = self.batch.len() >= self.config.max_batch_records
                    || self.batch.bytes() >= self.config.max_batch_bytes;
                if full {
                    return Ok(());
                }
            }
            if let Some(error) = self.consumer.serve() {
                return self.judge(error);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || rebalance_waits(&self.consumer) || !self.consumer.fill(left) {
                return Ok(());
            }
        }
    }

    fn judge(&self, error: ClientError) -> Result<(), KafkaError> {
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            let identity = self.config.instance_id.clone().unwrap_or_else(|| self.config.group.clone());
            return Err(match code {
                Code::FencedInstanceId => KafkaError::Fenced { identity, reason },
                _ => KafkaError::Client {
                    operation: "consuming",
                    source: ClientError::MessageConsumptionFatal(code),
                },
            });
        }
        match error {
            ClientError::MessageConsumption(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                let positions = self.positions.reached();
                self.verify_kept(&positions)?;
                Err(KafkaError::Client { operation: "consuming", source: error })
            }
            ClientError::MessageConsumption(Code::PollExceeded) => Ok(()),
            error if error.is_transient() => Ok(()),
            error => Err(KafkaError::Client { operation: "consuming", source: error }),
        }
    }

    fn finish_batch(&mut self) {
        self.batch_since = None;
        let next = Batch::like(&self.batch, self.assignment);
        let batch = std::mem::replace(&mut self.batch, next).finish();
        metrics::observe_batch(&self.config.group, batch.len());
        self.consumed.publish(|topic, count| metrics::count_consumed(&self.config.group, topic, count));
        self.waiting = Some((batch, Instant::now()));
    }

    /// Puts a finished batch into the queue. `false` while there is no room; then commands and rebalances are served, records not.
    fn hand_over(&mut self) -> Result<bool, End> {
        let Some((batch, since)) = self.waiting.take() else { return Ok(true) };
        let queued = self.wires.queued.load(Ordering::Acquire);
        if queued == 0 || queued + batch.bytes() <= self.config.queue_bytes {
            self.wires.queued.fetch_add(batch.bytes(), Ordering::AcqRel);
            self.tell(SinkEvent::Batch(batch));
            self.pause_for_queue(false)?;
            return Ok(true);
        }
        if since.elapsed() >= PATIENCE {
            self.pause_for_queue(true)?;
            self.waiting = Some((batch, since));
            // Anything still delivered from before the pause goes into the next batch.
            self.poll(ATTENTION)?;
            return Ok(false);
        }
        self.waiting = Some((batch, since));
        match self.wires.orders.recv_timeout(ATTENTION) {
            Ok(command) => self.obey(command)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(End::Asked(None)),
        }
        Ok(false)
    }

    pub(super) fn tell(&self, event: SinkEvent) {
        // Without a receiver the next look at the commands ends the thread.
        let _ = self.wires.events.send(Ok(event));
    }

    fn pause_for_queue(&mut self, pause: bool) -> Result<(), KafkaError> {
        if self.paused_by_queue != pause {
            self.paused_by_queue = pause;
            self.apply_pause()?;
        }
        Ok(())
    }

    pub(super) fn apply_pause(&mut self) -> Result<(), KafkaError> {
        let list = offset_list(self.positions.reached())?;
        if list.count() == 0 {
            return Ok(());
        }
        let paused = self.paused_by_caller || self.paused_by_queue;
        metrics::set_paused(&self.config.group, if paused { list.count() } else { 0 });
        self.consumer.pause(&list, paused)
    }
}
