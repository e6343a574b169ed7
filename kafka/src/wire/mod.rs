//! Kafka's protocol spoken directly, for what is hot: fetching and producing records, with transactions and without.
//!
//! The client library allocates and clears some 280 bytes for each record on a thread of its own and hands it over to the
//! worker when it has left the cache again. Here the worker's own thread asks, reads a response into one buffer that is used again,
//! and hands out records that borrow from it. Membership, offsets and everything that is asked seldom stay with the client
//! library.
//!
//! Promises that a record is handed out once per position, in the order of its partition, and none of an aborted transaction under
//! `read_committed`. Messages come from the crate `kafka-protocol`; the records inside of a batch are read here, because there it
//! costs allocations for each.

mod batch;
mod cluster;
mod compression;
mod connection;
mod encoder;
mod fetcher;
mod idempotent;
mod leaders;
mod lz4;
mod produce;
mod record;
mod transactor;

pub(crate) use fetcher::{FetchOptions, Fetcher};
pub(crate) use idempotent::{IdempotentOptions, IdempotentProducer, Report};
pub(crate) use leaders::{Broker, Leaders};
pub(crate) use record::WireHeaders;
pub(crate) use transactor::{Membership, Refusal, TransactionError, Transactor, TransactorOptions, Verdict};
