//! What follows from a leader's answer about a batch.

use kafka_protocol::ResponseError;

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Sent again, after asking who leads.
    Again,
    /// The leader knows nothing of this producer, or of another sequence: sent again under a new identity.
    Anew,
    /// Written before, and nobody says where.
    Duplicate,
    /// Will never be written.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Judges an error as Kafka's own producer does (KIP-98, KIP-360).
pub(super) fn judge(error: ResponseError) -> Verdict {
    use ResponseError as Error;
    match error {
        Error::DuplicateSequenceNumber => Verdict::Duplicate,
        Error::OutOfOrderSequenceNumber
        | Error::UnknownProducerId
        | Error::InvalidProducerEpoch
        | Error::InvalidProducerIdMapping
        | Error::ProducerFenced => Verdict::Anew,
        Error::MessageTooLarge
        | Error::RecordListTooLarge
        | Error::InvalidTopicException
        | Error::TopicAuthorizationFailed
        | Error::ClusterAuthorizationFailed
        | Error::InvalidTimestamp
        | Error::InvalidRecord
        | Error::PolicyViolation
        | Error::UnsupportedForMessageFormat
        | Error::UnsupportedCompressionType => Verdict::Refused,
        // A batch that arrived damaged was not written.
        Error::CorruptMessage => Verdict::Again,
        error if error.is_retriable() => Verdict::Again,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use ResponseError as Error;

    use super::*;

    #[test]
    fn what_may_pass_is_sent_again_and_what_cannot_is_refused() {
        for error in [
            Error::NotLeaderOrFollower,
            Error::LeaderNotAvailable,
            Error::UnknownTopicOrPartition,
            Error::NotEnoughReplicas,
            Error::NotEnoughReplicasAfterAppend,
            Error::RequestTimedOut,
            Error::NetworkException,
            Error::KafkaStorageError,
            Error::CorruptMessage,
        ] {
            assert_eq!(judge(error), Verdict::Again, "{error:?}");
        }
        for error in [Error::MessageTooLarge, Error::InvalidRecord, Error::TopicAuthorizationFailed] {
            assert_eq!(judge(error), Verdict::Refused, "{error:?}");
        }
    }

    #[test]
    fn a_leader_that_has_forgotten_the_producer_gets_to_know_it_anew() {
        for error in [Error::OutOfOrderSequenceNumber, Error::UnknownProducerId, Error::InvalidProducerEpoch]
        {
            assert_eq!(judge(error), Verdict::Anew, "{error:?}");
        }
        assert_eq!(judge(Error::DuplicateSequenceNumber), Verdict::Duplicate);
        assert_eq!(judge(Error::UnknownServerError), Verdict::Unknown);
    }
}
