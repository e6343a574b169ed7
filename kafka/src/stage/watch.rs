//! A watch over transaction calls, which block and may not return.
//!
//! librdkafka's `send_offsets_to_transaction` ignores its time limit (librdkafka issue 5456) and can hang for good when the
//! coordinator goes away (5511). So each blocking call is made on a thread of its own and given up when it is overdue:
//! an unknown outcome like any other, after which the producer is built anew and the old one is left to its thread, which
//! drops it if the call ever returns. The epoch of the new producer fences whatever the old one still does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::transaction::{Call, Failure, Reaction};
use crate::metrics;

/// A call that keeps its time limit may need this much longer to come back.
const GRACE: Duration = Duration::from_secs(2);
/// How often the caller serves its client while it waits.
const STEP: Duration = Duration::from_millis(1);

/// Calls of this process that did not return in time and have not returned since.
static HUNG: AtomicUsize = AtomicUsize::new(0);

/// How many calls hang now; each holds a thread and a client.
pub(super) fn hung() -> usize {
    HUNG.load(Ordering::Acquire)
}

/// Makes a call that ends by the deadline, calling `meanwhile` about every millisecond.
///
/// # Errors
/// Those of the call, and [`Reaction::Rebuild`] when it does not come back.
pub(super) fn watched(
    call: Call,
    deadline: Instant,
    mut meanwhile: impl FnMut(),
    act: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    let unknown = |reason: String| Failure { call, reaction: Reaction::Rebuild, reason };
    let (done, outcome) = sync_channel(1);
    // Whoever comes second knows of the other: the call that returned, or the caller that gave up.
    let first = Arc::new(AtomicBool::new(true));
    let arrive = Arc::clone(&first);
    let calling = move || {
        let result = act();
        if !arrive.swap(false, Ordering::AcqRel) {
            count_hung(false);
        }
        // Nobody may be waiting any more.
        let _ = done.send(result);
    };
    let spawned = thread::Builder::new().name("kafka-call".to_owned()).spawn(calling);
    spawned.map_err(|error| unknown(format!("no thread for the call: {error}")))?;
    let overdue = deadline + GRACE;
    meanwhile();
    loop {
        match outcome.recv_timeout(STEP) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Disconnected) => return Err(unknown("the call panicked".to_owned())),
            Err(RecvTimeoutError::Timeout) if Instant::now() < overdue => meanwhile(),
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    count_hung(true);
    if first.swap(false, Ordering::AcqRel) {
        let reason = format!("the call has not returned {} s after its time limit", GRACE.as_secs());
        return Err(unknown(reason));
    }
    // It came back at the last moment.
    count_hung(false);
    outcome.recv().unwrap_or_else(|_| Err(unknown("the call panicked".to_owned())))
}

fn count_hung(more: bool) {
    if more {
        HUNG.fetch_add(1, Ordering::AcqRel)
    } else {
        HUNG.fetch_sub(1, Ordering::AcqRel)
    };
    metrics::set_hung(hung());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_comes_back_gives_its_outcome_and_the_caller_is_busy_meanwhile() {
        let mut served = 0;
        let slow = || {
            thread::sleep(Duration::from_millis(30));
            Err(Failure { call: Call::Commit, reaction: Reaction::Abort, reason: "refused".to_owned() })
        };
        let failure = watched(Call::Commit, Instant::now() + GRACE, || served += 1, slow).unwrap_err();
        assert_eq!((failure.reaction, failure.reason.as_str()), (Reaction::Abort, "refused"));
        assert!(served > 3, "{served}");
    }

    #[test]
    fn a_call_that_hangs_is_an_unknown_outcome_and_is_counted_until_it_returns() {
        let (release, held) = sync_channel::<()>(0);
        let hanging = move || {
            let _ = held.recv();
            Ok(())
        };
        let failure = watched(Call::SendOffsets, Instant::now(), || (), hanging).unwrap_err();
        assert_eq!(failure.reaction, Reaction::Rebuild);
        assert_eq!(hung(), 1);
        release.send(()).unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while hung() > 0 {
            assert!(Instant::now() < end, "the call returned and is still counted");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
