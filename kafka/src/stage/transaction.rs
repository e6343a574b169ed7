//! What to do about an error of a transaction call: one pure decision, and the loop around one call that applies it.
//!
//! librdkafka sorts its errors into retriable, abortable and fatal. To that we add: an outcome nobody knows
//! (a timeout, or an error of no class) never leads to another call on the same producer, because a delayed request
//! could land in a later transaction (there is no KIP-890 in this client). Building the producer anew raises the epoch,
//! which fences whatever is still under way.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

/// The calls of a transaction's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `init_transactions`
    Init,
    /// `begin_transaction`
    Begin,
    /// Producing and draining the acknowledgements.
    Deliver,
    /// `send_offsets_to_transaction`
    SendOffsets,
    /// `commit_transaction`
    Commit,
    /// `abort_transaction`
    Abort,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Init => "init_transactions",
            Self::Begin => "begin_transaction",
            Self::Deliver => "delivery",
            Self::SendOffsets => "send_offsets_to_transaction",
            Self::Commit => "commit_transaction",
            Self::Abort => "abort_transaction",
        }
    }
}

/// What follows from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Nothing happened; the same call again.
    Retry,
    /// Nothing of the transaction will be visible; abort it and read its records again.
    Abort,
    /// Unknown, or the producer is unusable: build it anew, then look at what was committed.
    Rebuild,
    /// Somebody else has this identity: stop.
    Fenced,
}

/// What librdkafka says about an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorFacts {
    pub(crate) code: Option<Code>,
    pub(crate) fatal: bool,
    pub(crate) retriable: bool,
    pub(crate) requires_abort: bool,
}

impl ErrorFacts {
    pub(crate) fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Transaction(inner) => Self {
                code: Some(inner.code()),
                fatal: inner.is_fatal(),
                retriable: inner.is_retriable(),
                requires_abort: inner.txn_requires_abort(),
            },
            other => Self {
                code: other.rdkafka_error_code(),
                fatal: false,
                retriable: false,
                requires_abort: false,
            },
        }
    }
}

/// Decides. Anything not understood counts as unknown outcome.
pub(crate) fn react(call: Call, facts: ErrorFacts) -> Reaction {
    let fencing = matches!(facts.code, Some(Code::Fenced | Code::ProducerFenced | Code::FencedInstanceId))
        || (facts.fatal && facts.code == Some(Code::InvalidProducerEpoch));
    if fencing {
        return Reaction::Fenced;
    }
    let timed_out = matches!(
        facts.code,
        Some(Code::OperationTimedOut | Code::MessageTimedOut | Code::TimedOutQueue | Code::RequestTimedOut)
    );
    if call == Call::Deliver {
        // The abort that follows settles the fate of a record without acknowledgement: it is not visible.
        return if facts.fatal { Reaction::Rebuild } else { Reaction::Abort };
    }
    if timed_out || facts.fatal {
        return Reaction::Rebuild;
    }
    if facts.requires_abort {
        return if call == Call::Abort { Reaction::Rebuild } else { Reaction::Abort };
    }
    if facts.retriable {
        return Reaction::Retry;
    }
    Reaction::Rebuild
}

/// A failed call and what follows from it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) call: Call,
    pub(crate) reaction: Reaction,
    pub(crate) reason: String,
}

/// Pause before a retriable call is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Makes the call until it succeeds, fails for good, or the time is up (which is an unknown outcome).
pub(crate) fn attempt(
    call: Call,
    deadline: Instant,
    mut act: impl FnMut(Duration) -> Result<(), ClientError>,
) -> Result<(), Failure> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let Err(error) = act(left) else { return Ok(()) };
        let reaction = match react(call, ErrorFacts::of(&error)) {
            Reaction::Retry if Instant::now() < deadline => {
                std::thread::sleep(RETRY_PAUSE);
                continue;
            }
            Reaction::Retry => Reaction::Rebuild,
            decided => decided,
        };
        return Err(Failure { call, reaction, reason: error.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ErrorFacts =
        ErrorFacts { code: None, fatal: false, retriable: false, requires_abort: false };

    fn facts(code: Code) -> ErrorFacts {
        ErrorFacts { code: Some(code), ..PLAIN }
    }

    const CALLS: [Call; 5] = [Call::Init, Call::Begin, Call::SendOffsets, Call::Commit, Call::Abort];

    #[test]
    fn a_fenced_identity_stops_whatever_the_call_was() {
        for call in CALLS.into_iter().chain([Call::Deliver]) {
            for code in [Code::Fenced, Code::ProducerFenced, Code::FencedInstanceId] {
                let fatal = ErrorFacts { fatal: true, ..facts(code) };
                assert_eq!(react(call, fatal), Reaction::Fenced, "{call:?} {code:?}");
                assert_eq!(react(call, facts(code)), Reaction::Fenced, "{call:?} {code:?}");
            }
        }
    }

    #[test]
    fn a_timeout_is_an_unknown_outcome_even_when_the_client_calls_it_retriable() {
        for call in CALLS {
            for code in [Code::OperationTimedOut, Code::RequestTimedOut] {
                let retriable = ErrorFacts { retriable: true, ..facts(code) };
                assert_eq!(react(call, retriable), Reaction::Rebuild, "{call:?} {code:?}");
            }
        }
    }

    #[test]
    fn an_error_of_no_class_is_an_unknown_outcome() {
        for call in CALLS {
            assert_eq!(react(call, PLAIN), Reaction::Rebuild, "{call:?}");
            assert_eq!(react(call, facts(Code::Fail)), Reaction::Rebuild, "{call:?}");
        }
    }

    #[test]
    fn an_abortable_error_aborts_and_a_failed_abort_rebuilds() {
        let abortable = ErrorFacts { requires_abort: true, ..facts(Code::IllegalGeneration) };
        for call in [Call::Begin, Call::SendOffsets, Call::Commit] {
            assert_eq!(react(call, abortable), Reaction::Abort, "{call:?}");
        }
        assert_eq!(react(Call::Abort, abortable), Reaction::Rebuild);
    }

    #[test]
    fn a_retriable_error_is_retried_unless_it_is_also_fatal() {
        let retriable = ErrorFacts { retriable: true, ..facts(Code::NotCoordinator) };
        for call in CALLS {
            assert_eq!(react(call, retriable), Reaction::Retry, "{call:?}");
            assert_eq!(react(call, ErrorFacts { fatal: true, ..retriable }), Reaction::Rebuild, "{call:?}");
        }
    }

    #[test]
    fn a_failed_delivery_aborts_also_when_it_timed_out() {
        assert_eq!(react(Call::Deliver, facts(Code::MessageTimedOut)), Reaction::Abort);
        assert_eq!(react(Call::Deliver, facts(Code::MessageSizeTooLarge)), Reaction::Abort);
        assert_eq!(react(Call::Deliver, ErrorFacts { fatal: true, ..facts(Code::Fatal) }), Reaction::Rebuild);
    }

    #[test]
    fn retries_end_at_the_deadline_as_an_unknown_outcome() {
        let mut calls = 0;
        let failure = attempt(Call::Commit, Instant::now(), |_| {
            calls += 1;
            Err(ClientError::Canceled)
        })
        .unwrap_err();
        assert_eq!((calls, failure.reaction), (1, Reaction::Rebuild));
    }
}
