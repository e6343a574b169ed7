//! The request body with its two bounds, bytes and time. It yields an error at the bound and remembers which one it
//! was, so that the answer can be 413 or 408 whatever the handler makes of the error.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Limits;

/// How far a request's body has come; shared between the body and whoever answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyProgress(Arc<AtomicU8>);

const UNTOUCHED: u8 = 0;
const READING: u8 = 1;
const COMPLETE: u8 = 2;
const TOO_LONG: u8 = 3;
const TOO_SLOW: u8 = 4;

impl BodyProgress {
    fn set(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }

    /// The status that the body alone explains: it was too long or too slow.
    pub(crate) fn fault(&self) -> Option<StatusCode> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LONG => Some(StatusCode::PAYLOAD_TOO_LARGE),
            TOO_SLOW => Some(StatusCode::REQUEST_TIMEOUT),
            _ => None,
        }
    }

    /// Whether a handler is waiting for the rest of the body.
    pub(crate) fn is_reading(&self) -> bool {
        self.0.load(Ordering::Relaxed) == READING
    }
}

/// The reason for which a body ended early.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the body is longer than this server takes")]
    TooLong,
    #[error("the body did not arrive in time")]
    TooSlow,
}

/// A request's body that ends with an error at its bounds. Its clock starts when it is first read.
pub(crate) struct BoundedBody {
    inner: Body,
    limits: Arc<Limits>,
    progress: BodyProgress,
    received: u64,
    started: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl BoundedBody {
    pub(crate) fn new(inner: Body, limits: Arc<Limits>, progress: BodyProgress) -> Self {
        if inner.is_end_stream() {
            progress.set(COMPLETE);
        } else {
            progress.set(UNTOUCHED);
        }
        Self { inner, limits, progress, received: 0, started: None, timer: None }
    }

    fn fail(&self, state: u8, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.progress.set(state);
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let started = *this.started.get_or_insert_with(|| {
            this.progress.set(READING);
            Instant::now()
        });
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            match &frame {
                None => this.progress.set(COMPLETE),
                Some(Ok(frame)) => {
                    this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if this.received > this.limits.body_bytes_max {
                        return this.fail(TOO_LONG, BodyError::TooLong);
                    }
                    if this.inner.is_end_stream() {
                        this.progress.set(COMPLETE);
                    }
                }
                Some(Err(_)) => {}
            }
            return Poll::Ready(frame);
        }
        let deadline = started + this.limits.body_time(this.received);
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(context));
        this.fail(TOO_SLOW, BodyError::TooSlow)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
