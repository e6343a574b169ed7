//! What is asked of the transaction's coordinator.

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, GroupId, InitProducerIdRequest,
    ProducerId, TransactionalId,
};
use kafka_protocol::protocol::{Request, StrBytes};

use super::outputs::Topic;
use super::verdict::{Asked, Meaning, TransactionError, judge};
use crate::wire::cluster::{Cluster, Coordinates};
use crate::wire::connection::Connection;

/// The newest versions before those by which brokers add partitions on their own (KIP-890, part 2): with these, waiting for the end
/// of the transaction before is in our hands, where the broker would wait in steps of 20 ms.
const INIT_VERSION: i16 = 4;
const ADD_PARTITIONS_VERSION: i16 = 3;
const ADD_OFFSETS_VERSION: i16 = 3;
const END_VERSION: i16 = 3;

/// Pauses before a question is asked again that came too early.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The identity of a producer, which its coordinator gives and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Asks for a new one, whatever there was.
pub(super) const NOBODY: Identity = Identity { id: -1, epoch: -1 };

/// The connection to the coordinator, and what it has been told of the open transaction.
#[derive(Debug)]
pub(super) struct Coordinator {
    connection: Connection,
    transactional_id: String,
    pub(super) identity: Identity,
    /// The question whether offsets may be added is under way.
    offsets_asked: bool,
    offsets_added: bool,
    /// The coordinator may know of a transaction that has to be ended.
    begun: bool,
}

impl Coordinator {
    /// Connects and takes on an identity: a new one that fences all before, or the next epoch of the present one.
    pub(super) fn connect(
        cluster: &Cluster,
        transactional_id: &str,
        deadline: Instant,
    ) -> Result<Self, TransactionError> {
        let broker = cluster.coordinator(Coordinates::Transaction, transactional_id, deadline)?;
        let connection = cluster.open(&broker.host, broker.port, deadline)?;
        Ok(Self {
            connection,
            transactional_id: transactional_id.to_owned(),
            identity: NOBODY,
            offsets_asked: false,
            offsets_added: false,
            begun: false,
        })
    }

    pub(super) fn init(
        &mut self,
        present: Identity,
        transaction_timeout: Duration,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.wire_id()))
            .with_transaction_timeout_ms(i32::try_from(transaction_timeout.as_millis()).unwrap_or(i32::MAX))
            .with_producer_id(ProducerId(present.id))
            .with_producer_epoch(present.epoch);
        let answer =
            self.ask(Asked::InitProducerId, &request, INIT_VERSION, deadline, |answer| answer.error_code)?;
        self.identity = Identity { id: answer.producer_id.0, epoch: answer.producer_epoch };
        Ok(())
    }

    /// Whether the broker has not closed the connection, which it does when nothing was asked for some minutes.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Says that offsets of this group will be part of the transaction, and does not wait for the answer.
    pub(super) fn announce_offsets(
        &mut self,
        group: &str,
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        let version = self.connection.version_of::<AddOffsetsToTxnRequest>(ADD_OFFSETS_VERSION)?;
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.wire_id())
            .with_producer_id(ProducerId(self.identity.id))
            .with_producer_epoch(self.identity.epoch)
            .with_group_id(GroupId(StrBytes::from_string(group.to_owned())));
        self.begun = true;
        self.connection.send(&request, version, deadline)?;
        self.offsets_asked = true;
        Ok(())
    }

    /// Waits for the answer, and asks again as long as the transaction before is being ended.
    pub(super) fn add_offsets(&mut self, group: &str, deadline: Instant) -> Result<(), TransactionError> {
        let mut pause = FIRST_PAUSE;
        while !self.offsets_added {
            if !self.offsets_asked {
                self.announce_offsets(group, deadline)?;
            }
            if !self.take_offsets_answer(deadline)? {
                self.pause(&mut pause, deadline)?;
            }
        }
        Ok(())
    }

    fn take_offsets_answer(&mut self, deadline: Instant) -> Result<bool, TransactionError> {
        let version = self.connection.version_of::<AddOffsetsToTxnRequest>(ADD_OFFSETS_VERSION)?;
        let answer = self.connection.receive::<AddOffsetsToTxnRequest>(version, deadline)?;
        self.offsets_asked = false;
        self.offsets_added = is_done(Asked::AddOffsets, answer.error_code)?;
        Ok(self.offsets_added)
    }

    /// Says that the transaction will write to these partitions, by their topics.
    pub(super) fn add_partitions(
        &mut self,
        partitions: &[(&Topic, Vec<i32>)],
        deadline: Instant,
    ) -> Result<(), TransactionError> {
        if self.offsets_asked {
            // Its answer comes first on this connection. If it came too early it is asked again when it is needed.
            self.take_offsets_answer(deadline)?;
        }
        let topics = partitions.iter().map(|(topic, numbers)| {
            AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(numbers.clone())
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.wire_id())
            .with_v3_and_below_producer_id(ProducerId(self.identity.id))
            .with_v3_and_below_producer_epoch(self.identity.epoch)
            .with_v3_and_below_topics(topics.collect());
        self.begun = true;
        self.ask(Asked::AddPartitions, &request, ADD_PARTITIONS_VERSION, deadline, |answer| {
            let topics = answer.results_by_topic_v3_and_below.iter();
            let codes = topics.flat_map(|topic| &topic.results_by_partition);
            let failed: Vec<i16> =
                codes.map(|partition| partition.partition_error_code).filter(|code| *code != 0).collect();
            // That others were not tried says less than why.
            let not_tried = ResponseError::OperationNotAttempted.code();
            let first = failed.iter().find(|code| **code != not_tried).or(failed.first());
            first.copied().unwrap_or(0)
        })?;
        Ok(())
    }

    /// Ends the transaction, if the coordinator knows of one.
    pub(super) fn end(&mut self, commit: bool, deadline: Instant) -> Result<(), TransactionError> {
        if self.begun {
            let request = EndTxnRequest::default()
                .with_transactional_id(self.wire_id())
                .with_producer_id(ProducerId(self.identity.id))
                .with_producer_epoch(self.identity.epoch)
                .with_committed(commit);
            self.ask(Asked::EndTransaction, &request, END_VERSION, deadline, |answer| {
                // There is nothing to abort: nothing reached the coordinator, or an abort before this one did.
                let nothing = !commit && answer.error_code == ResponseError::InvalidTxnState.code();
                if nothing { 0 } else { answer.error_code }
            })?;
        }
        (self.begun, self.offsets_added) = (false, false);
        Ok(())
    }

    /// Goes on with the identity and the transaction of a connection that is gone.
    pub(super) fn succeed(&mut self, before: &Self) {
        self.identity = before.identity;
        self.begun = before.begun;
    }

    fn ask<R: Request>(
        &mut self,
        asked: Asked,
        request: &R,
        newest: i16,
        deadline: Instant,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, TransactionError> {
        let version = self.connection.version_of::<R>(newest)?;
        let mut pause = FIRST_PAUSE;
        loop {
            self.connection.send(request, version, deadline)?;
            let answer = self.connection.receive::<R>(version, deadline)?;
            if is_done(asked, code(&answer))? {
                return Ok(answer);
            }
            self.pause(&mut pause, deadline)?;
        }
    }

    fn pause(&self, pause: &mut Duration, deadline: Instant) -> Result<(), TransactionError> {
        if Instant::now() >= deadline {
            let reason = format!("{} is still ending the transaction before", self.connection.peer());
            return Err(TransactionError::unknown(reason));
        }
        std::thread::sleep(*pause);
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    fn wire_id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.transactional_id.clone()))
    }
}

/// `false` when it has to be asked again.
fn is_done(asked: Asked, code: i16) -> Result<bool, TransactionError> {
    let Some(error) = ResponseError::try_from_code(code) else { return Ok(true) };
    match judge(asked, error) {
        Meaning::Again => Ok(false),
        Meaning::Final(verdict) => Err(TransactionError::new(verdict, format!("{asked:?}: {error}"))),
    }
}
