//! Transactions spoken by ourselves, with the reactions that the loop knows.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::link::error_of;
use super::transaction::{Call, Failure, Reaction};
use crate::error::KafkaError;
use crate::metrics;
use crate::record::{Record, TopicPartition};
use crate::wire::{Membership, Refusal, TransactionError, Transactor, TransactorOptions, Verdict};

/// A transactional producer, and why it stopped taking records.
pub(crate) struct Direct {
    id: String,
    transactor: RefCell<Transactor>,
    failed: RefCell<Option<TransactionError>>,
}

impl Direct {
    pub(super) fn connect(options: TransactorOptions, patience: Duration) -> Result<Self, KafkaError> {
        let id = options.transactional_id.clone();
        let connected = Transactor::connect(options, Instant::now() + patience);
        let transactor = connected.map_err(|error| error_of(&id, failure(Call::Init, error)))?;
        Ok(Self { id, transactor: RefCell::new(transactor), failed: RefCell::new(None) })
    }

    pub(super) fn send(&self, record: &Record<'_>) -> Result<(), Code> {
        self.transactor.borrow_mut().send(record).map_err(|refusal| match refusal {
            Refusal::TooLarge => Code::MessageSizeTooLarge,
            Refusal::NoSuchPartition => Code::UnknownPartition,
            Refusal::Failed(error) => {
                self.failed.borrow_mut().get_or_insert(error);
                Code::State
            }
        })
    }

    pub(super) fn begin(&self, patience: Duration) -> Result<(), Failure> {
        self.act(Call::Begin, |transactor| transactor.begin(Instant::now() + patience))
    }

    pub(super) fn delivery_failure(&self) -> Option<Failure> {
        self.failed.borrow_mut().take().map(|error| failure(Call::Deliver, error))
    }

    pub(super) fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        membership: &Membership,
        deadline: Instant,
    ) -> Result<(), Failure> {
        metrics::set_queue(&self.id, self.transactor.borrow().waiting());
        self.act(Call::SendOffsets, |transactor| transactor.send_offsets(offsets, membership, deadline))
    }

    pub(super) fn drain(&self, deadline: Instant) -> Result<(), Failure> {
        self.act(Call::Deliver, |transactor| transactor.drain(deadline))
    }

    pub(super) fn commit(&self, deadline: Instant) -> Result<(), Failure> {
        self.act(Call::Commit, |transactor| transactor.commit(deadline))
    }

    pub(super) fn abort(&self, patience: Duration) -> Result<(), Failure> {
        *self.failed.borrow_mut() = None;
        self.act(Call::Abort, |transactor| transactor.abort(Instant::now() + patience))
    }

    fn act(
        &self,
        call: Call,
        act: impl FnOnce(&mut Transactor) -> Result<(), TransactionError>,
    ) -> Result<(), Failure> {
        act(&mut self.transactor.borrow_mut()).map_err(|error| failure(call, error))
    }
}

fn failure(call: Call, error: TransactionError) -> Failure {
    let reaction = match error.verdict {
        Verdict::Fenced => Reaction::Fenced,
        // A failed abort is no abort.
        Verdict::Abort if call == Call::Abort => Reaction::Rebuild,
        Verdict::Abort => Reaction::Abort,
        Verdict::Unknown => Reaction::Rebuild,
    };
    Failure { call, reaction, reason: error.reason }
}
