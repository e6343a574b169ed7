//! The producer's side of a worker: transactions, or acknowledged outputs, behind one set of calls.
//!
//! Transactions over a plain connection are spoken by ourselves ([`Direct`]); the rest is the client library's ([`Library`]).
//! Everything is bounded by a deadline, and every failure comes back with what follows from it.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::direct::Direct;
use super::library::Library;
use super::transaction::{Call, Failure, Reaction};
use super::{ProcessingGuarantee, StageConfig};
use crate::error::KafkaError;
use crate::group::{GroupConsumer, offset_list};
use crate::native::membership;
use crate::record::{Record, TopicPartition};
use crate::settings::KafkaSettings;

/// What a transactional producer is for.
pub(crate) struct Transactional<'a> {
    pub(crate) id: &'a str,
    /// The group whose offsets go with its transactions, if any.
    pub(crate) group: Option<&'a str>,
    pub(crate) timeout: Duration,
    pub(crate) queue_bytes: usize,
    /// Topics whose batches are left uncompressed, unless somebody has chosen a compression.
    pub(crate) uncompressed: &'a [String],
}

/// A producer and the promise it was built for.
pub(crate) enum Link {
    Library(Library),
    Direct(Box<Direct>),
}

impl Link {
    /// A transactional producer, initialised: its predecessor is fenced and the predecessor's transaction resolved.
    pub(crate) fn transactional(
        settings: &KafkaSettings,
        of: &Transactional<'_>,
        patience: Duration,
    ) -> Result<Self, KafkaError> {
        if let Some(options) = settings.direct_transactions(of)? {
            return Direct::connect(options, patience).map(Box::new).map(Self::Direct);
        }
        let client = settings.transactional(of.id, of.timeout, of.queue_bytes)?;
        let library = Library::transactional(&client, of.id, patience)?;
        // Compaction bounds the changelogs; compressing them was a seventh of the CPU time of `score`.
        let named = settings.names_compression();
        Ok(Self::Library(if named { library } else { library.with_uncompressed(of.uncompressed) }))
    }

    /// Takes a record: it is copied.
    pub(crate) fn send(&self, record: &Record<'_>) -> Result<(), Code> {
        match self {
            Self::Library(library) => library.send(record),
            Self::Direct(direct) => direct.send(record),
        }
    }

    /// Waits at most so long for room in the queue.
    pub(crate) fn wait_for_room(&self, wait: Duration) {
        if let Self::Library(library) = self {
            library.wait_for_acknowledgements(wait);
        }
    }

    pub(crate) fn is_transactional(&self) -> bool {
        match self {
            Self::Library(library) => library.is_transactional(),
            Self::Direct(_) => true,
        }
    }

    pub(crate) fn begin(&self, patience: Duration) -> Result<(), Failure> {
        match self {
            Self::Library(library) => library.begin(patience),
            Self::Direct(direct) => direct.begin(patience),
        }
    }

    /// Waits for every acknowledgement.
    pub(crate) fn drain(&self, deadline: Instant) -> Result<(), Failure> {
        match self {
            Self::Library(library) => library.drain(deadline),
            Self::Direct(direct) => direct.drain(deadline),
        }
    }

    /// The first failed delivery since the last call, if any.
    pub(crate) fn delivery_failure(&self) -> Option<Failure> {
        match self {
            Self::Library(library) => library.delivery_failure(),
            Self::Direct(direct) => direct.delivery_failure(),
        }
    }

    /// A failure to deliver of which nothing more is known, judged by the state of the producer.
    pub(crate) fn failure(&self, reason: String) -> Failure {
        match self {
            Self::Library(library) => library.failure(None, reason),
            Self::Direct(_) => Failure { call: Call::Deliver, reaction: Reaction::Abort, reason },
        }
    }

    /// Makes offsets of the consumer's group a part of the transaction, in the name of its membership: fresh for every commit,
    /// it carries the generation that fences a member whose partitions were given away. Outputs are on their way meanwhile.
    pub(crate) fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        consumer: &GroupConsumer,
        deadline: Instant,
    ) -> Result<(), Failure> {
        fail::fail_point!("bug.offsets_not_in_transaction", |_| Ok(()));
        let call = Call::SendOffsets;
        let no_member = || {
            let reason = "not a member of its group".to_owned();
            Failure { call, reaction: Reaction::Abort, reason }
        };
        match self {
            Self::Library(library) => {
                let unlisted = |error: KafkaError| {
                    let reason = error.to_string();
                    Failure { call, reaction: Reaction::Abort, reason }
                };
                let metadata = consumer.group_metadata().ok_or_else(no_member)?;
                library.send_offsets(offset_list(offsets).map_err(unlisted)?, metadata, deadline)
            }
            Self::Direct(direct) => {
                let membership = membership(consumer).ok_or_else(no_member)?;
                direct.send_offsets(&offsets, &membership, deadline)
            }
        }
    }

    /// Commits. Call `drain` first.
    pub(crate) fn commit(&self, deadline: Instant) -> Result<(), Failure> {
        match self {
            Self::Library(library) => library.commit(deadline),
            Self::Direct(direct) => direct.commit(deadline),
        }
    }

    /// Aborts.
    pub(crate) fn abort(&self, patience: Duration) -> Result<(), Failure> {
        match self {
            Self::Library(library) => library.abort(patience),
            Self::Direct(direct) => direct.abort(patience),
        }
    }
}

/// The error a worker ends with when it cannot or must not recover from a failure.
pub(crate) fn error_of(transactional_id: &str, failure: Failure) -> KafkaError {
    match failure.reaction {
        Reaction::Fenced => {
            KafkaError::Fenced { identity: transactional_id.to_owned(), reason: failure.reason }
        }
        _ => KafkaError::Transaction {
            transactional_id: transactional_id.to_owned(),
            call: failure.call.name(),
            reason: failure.reason,
        },
    }
}

/// Builds the producer of a worker; a transactional one fences and resolves what its predecessor left open.
pub(super) fn connect(settings: &KafkaSettings, config: &StageConfig) -> Result<Link, KafkaError> {
    match config.guarantee {
        ProcessingGuarantee::AtLeastOnce => {
            let library = Library::idempotent(&settings.stage_producer(config)?, &config.transactional_id)?;
            let named = settings.names_compression();
            Ok(Link::Library(if named { library } else { library.with_uncompressed(&config.changelogs) }))
        }
        ProcessingGuarantee::ExactlyOnce => {
            let of = Transactional {
                id: &config.transactional_id,
                group: Some(&config.group),
                timeout: config.transaction_timeout,
                queue_bytes: config.queue_bytes,
                uncompressed: &config.changelogs,
            };
            Link::transactional(settings, &of, config.transaction_timeout + config.commit_timeout)
        }
    }
}

/// A failed offset commit of the at-least-once mode.
pub(super) fn commit_failure(error: &ClientError) -> Failure {
    let reaction = match error.rdkafka_error_code() {
        Some(Code::FencedInstanceId) => Reaction::Fenced,
        Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::RebalanceInProgress) => Reaction::Abort,
        // The offsets may have been stored; reading them back tells.
        _ => Reaction::Rebuild,
    };
    Failure { call: Call::Commit, reaction, reason: error.to_string() }
}
