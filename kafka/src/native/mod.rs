//! The three calls of the client library that its safe binding makes costly or not at all: fetching records by the batch,
//! producing to a topic that was looked up once, and waiting for acknowledgements to the moment; and the memory it works in.
//!
//! Promises that nothing native outlives what it belongs to: records die before their queue, the queue and the topics
//! before their client. Beside the check of short texts in `schemas` the only unsafe code of the product, and called by this
//! crate's loops only.

#![allow(unsafe_code)]

mod fetch;
mod headers;
mod membership;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
mod produce;

pub(crate) use fetch::FetchingConsumer;
pub(crate) use headers::NativeHeaders;
pub(crate) use membership::membership;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use memory::keep_freed;
pub(crate) use produce::{Topics, wait_for_acknowledgements};
