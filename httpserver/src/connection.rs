//! One connection's clock. hyper has a single timer for "no header yet" and none for a client that does not read, so
//! the socket itself keeps the time: until the first byte of a request, until the end of its header, and while a
//! response is not taken. A request under way has the bounds of its own in [`crate::policy`].

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Limits;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a header, since its first byte.
    Header(Instant),
    /// The answer to a request.
    Request,
    /// The next request, since the last answer.
    Idle(Instant),
}

/// What a connection is waiting for and why it ended; shared by its socket and its requests.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    phase: Phase,
    expired: Option<&'static str>,
    /// Woken when a request ends. hyper does not read again after an answer while its last read is still pending, so
    /// without this nobody would start the idle timer.
    reader: Option<Waker>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let phase = Phase::Header(Instant::now());
        Self(Arc::new(Mutex::new(State { phase, expired: None, reader: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        self.state().phase
    }

    fn expire(&self, reason: &'static str) -> io::Error {
        self.state().expired = Some(reason);
        io::Error::new(io::ErrorKind::TimedOut, reason)
    }

    /// The timer that ended the connection, as a metric label.
    pub(crate) fn expired(&self) -> Option<&'static str> {
        self.state().expired
    }

    /// A request's header is here; the returned guard ends with its response.
    pub(crate) fn request(&self) -> RequestGuard {
        self.state().phase = Phase::Request;
        RequestGuard(self.clone())
    }
}

/// Lives as long as a request and its response.
pub(crate) struct RequestGuard(Clock);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.phase = Phase::Idle(Instant::now());
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

/// A response's body that holds its request's guard.
pub(crate) struct GuardedBody {
    pub(crate) inner: Body,
    pub(crate) _guard: RequestGuard,
}

impl HttpBody for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A socket that gives up on a client that lets it wait.
pub(crate) struct TimedStream {
    stream: TcpStream,
    clock: Clock,
    limits: Arc<Limits>,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    pub(crate) fn new(stream: TcpStream, clock: Clock, limits: Arc<Limits>) -> Self {
        Self { stream, clock, limits, read_timer: None, write_timer: None }
    }

    /// Called when the peer takes nothing: arms the timer at the first such moment, and fails when it is over.
    fn poll_stalled<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let deadline = Instant::now() + self.limits.write_timeout();
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        match timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(self.clock.expire("write_timeout"))),
        }
    }

    fn after_write<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            return self.poll_stalled(context);
        }
        self.write_timer = None;
        outcome
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(context, buffer);
        if outcome.is_ready() {
            if buffer.filled().len() > before && matches!(this.clock.phase(), Phase::Idle(_)) {
                this.clock.state().phase = Phase::Header(Instant::now());
            }
            // A header that trickles in is ready each time it is polled, so its deadline is checked here too.
            if let Phase::Header(since) = this.clock.phase()
                && since.elapsed() > this.limits.header_timeout()
            {
                return Poll::Ready(Err(this.clock.expire("header_timeout")));
            }
            return outcome;
        }
        let (deadline, reason) = match this.clock.phase() {
            Phase::Header(since) => (since + this.limits.header_timeout(), "header_timeout"),
            Phase::Idle(since) => (since + this.limits.idle_timeout(), "idle"),
            Phase::Request => {
                this.clock.state().reader = Some(context.waker().clone());
                return Poll::Pending;
            }
        };
        let timer = this.read_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        match timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(this.clock.expire(reason))),
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.after_write(context, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.after_write(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
