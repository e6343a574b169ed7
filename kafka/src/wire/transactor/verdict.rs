//! What follows from an error of the protocol, by the request that it answers.

use kafka_protocol::ResponseError;

use crate::wire::cluster::ClusterError;
use crate::wire::connection::WireError;

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Somebody else has this identity.
    Fenced,
    /// Nothing of the transaction will be visible once it is aborted.
    Abort,
    /// Unknown, or nothing can be done with this producer any more.
    Unknown,
}

/// A transaction that cannot go on.
#[derive(Debug, Clone)]
pub(crate) struct TransactionError {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

impl TransactionError {
    pub(super) fn new(verdict: Verdict, reason: impl std::fmt::Display) -> Self {
        Self { verdict, reason: reason.to_string() }
    }

    pub(super) fn unknown(reason: impl std::fmt::Display) -> Self {
        Self::new(Verdict::Unknown, reason)
    }
}

/// Without an answer nobody knows.
impl From<WireError> for TransactionError {
    fn from(error: WireError) -> Self {
        Self::unknown(error)
    }
}

impl From<ClusterError> for TransactionError {
    fn from(error: ClusterError) -> Self {
        let verdict = match error {
            ClusterError::Topic { .. } => Verdict::Abort,
            _ => Verdict::Unknown,
        };
        Self::new(verdict, error)
    }
}

/// The requests of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    InitProducerId,
    AddPartitions,
    AddOffsets,
    Produce,
    CommitOffsets,
    EndTransaction,
}

/// What an error code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing happened; ask again in a moment.
    Again,
    Final(Verdict),
}

/// Judges an error, after the tables of KIP-98, KIP-360, KIP-447 and KIP-890. What is not understood is an unknown outcome.
pub(super) fn judge(asked: Asked, error: ResponseError) -> Meaning {
    use ResponseError as Error;
    match (asked, error) {
        (_, Error::ProducerFenced | Error::FencedInstanceId) => Meaning::Final(Verdict::Fenced),
        // The coordinator is the authority on epochs; a partition's leader may only be told later than we were.
        (Asked::Produce, Error::InvalidProducerEpoch) => Meaning::Final(Verdict::Abort),
        (_, Error::InvalidProducerEpoch) => Meaning::Final(Verdict::Fenced),
        // The end of the transaction before is still being written.
        (
            Asked::InitProducerId | Asked::AddPartitions | Asked::AddOffsets | Asked::EndTransaction,
            Error::ConcurrentTransactions | Error::CoordinatorLoadInProgress,
        ) => Meaning::Again,
        // The group's coordinator is moving, or could not ask the transaction's.
        (Asked::CommitOffsets, Error::CoordinatorLoadInProgress | Error::ConcurrentTransactions) => {
            Meaning::Again
        }
        // Whatever a leader answers, the abort settles the fate of its records.
        (Asked::Produce, _) | (_, Error::TransactionAbortable) => Meaning::Final(Verdict::Abort),
        (
            Asked::CommitOffsets,
            Error::IllegalGeneration
            | Error::UnknownMemberId
            | Error::RebalanceInProgress
            | Error::OffsetMetadataTooLarge
            | Error::GroupAuthorizationFailed
            | Error::TopicAuthorizationFailed,
        )
        | (
            Asked::AddPartitions,
            Error::UnknownTopicOrPartition | Error::TopicAuthorizationFailed | Error::OperationNotAttempted,
        )
        | (Asked::AddOffsets, Error::GroupAuthorizationFailed) => Meaning::Final(Verdict::Abort),
        _ => Meaning::Final(Verdict::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use ResponseError as Error;

    use super::*;

    const ALL: [Asked; 6] = [
        Asked::InitProducerId,
        Asked::AddPartitions,
        Asked::AddOffsets,
        Asked::Produce,
        Asked::CommitOffsets,
        Asked::EndTransaction,
    ];

    #[test]
    fn a_fenced_identity_stops_whatever_was_asked() {
        for asked in ALL {
            for error in [Error::ProducerFenced, Error::FencedInstanceId] {
                assert_eq!(judge(asked, error), Meaning::Final(Verdict::Fenced), "{asked:?} {error:?}");
            }
        }
    }

    #[test]
    fn an_error_of_no_class_is_an_unknown_outcome_except_where_an_abort_settles_it() {
        for asked in ALL {
            for error in [Error::UnknownServerError, Error::NotCoordinator, Error::InvalidTxnState] {
                let expected = if asked == Asked::Produce { Verdict::Abort } else { Verdict::Unknown };
                assert_eq!(judge(asked, error), Meaning::Final(expected), "{asked:?} {error:?}");
            }
        }
    }

    #[test]
    fn a_member_that_has_lost_its_place_aborts() {
        for error in [Error::IllegalGeneration, Error::UnknownMemberId, Error::RebalanceInProgress] {
            assert_eq!(judge(Asked::CommitOffsets, error), Meaning::Final(Verdict::Abort));
        }
    }

    #[test]
    fn an_old_epoch_is_fenced_by_the_coordinator_and_only_aborted_by_a_leader() {
        assert_eq!(judge(Asked::Produce, Error::InvalidProducerEpoch), Meaning::Final(Verdict::Abort));
        for asked in ALL.into_iter().filter(|asked| *asked != Asked::Produce) {
            assert_eq!(judge(asked, Error::InvalidProducerEpoch), Meaning::Final(Verdict::Fenced));
        }
    }

    #[test]
    fn what_waits_for_the_end_of_the_transaction_before_is_asked_again() {
        for asked in [Asked::InitProducerId, Asked::AddPartitions, Asked::AddOffsets] {
            assert_eq!(judge(asked, Error::ConcurrentTransactions), Meaning::Again);
        }
        assert_eq!(judge(Asked::Produce, Error::ConcurrentTransactions), Meaning::Final(Verdict::Abort));
    }
}
