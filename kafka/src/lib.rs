//! The runtime on Kafka: bytes in, bytes out.
//!
//! The only crate that names the client library. It knows nothing of campaigns, Avro or configuration files. What it offers:
//!
//! - [`Producer`]: acknowledged, idempotent sends; [`TransactionalUpload`]: many records, all or none;
//! - [`run_stage`]: read-process-write with restored state, exactly once or at least once, for what implements [`Stage`];
//! - [`SinkConsumer`]: a group consumer whose offsets the caller manages; [`TopicReader`]: a bounded read;
//! - [`Admin`]: topics, offsets, lag; [`MockBroker`]: an in-memory broker for development.

mod settings;
mod error;
mod record;
mod murmur2;
mod shutdown;
mod client;
mod native;
mod wire;
mod repeats;
mod group;
mod bounded;
mod positions;
mod topics;
mod producer;
mod upload;
mod stage;
mod sink_consumer;
mod reader;
mod mock;
pub mod metrics;

pub use error::{KafkaError, ProduceError, StageError};
pub use group::CommittedOffset;
pub use mock::MockBroker;
pub use murmur2::{murmur2, partition_for};
pub use producer::{Delivery, Producer};
pub use reader::{PartitionSpan, ReadRange, TopicReader, nothing_left};
pub use record::{Ack, ConsumedRecord, Headers, Placement, Record, TopicPartition, UNREADABLE_HEADER_NAME};
pub use settings::{Isolation, KafkaSettings, Sasl, SecurityProtocol, Tls};
pub use shutdown::ShutdownToken;
pub use sink_consumer::{
    Batch, OffsetRange, OwnedRecord, PartitionBatch, PendingBlock, SinkConfig, SinkConsumer, SinkEvent,
    reread,
};
pub use stage::{Outputs, ProcessingGuarantee, Stage, StageConfig, StageEvent, StageObserver, run_stage};
pub use topics::{
    Admin, ClusterInfo, ConfigDifference, PartitionLag, PartitionOffsets, TopicReport, TopicSpec,
};
pub use upload::TransactionalUpload;

/// Keeps freed memory at hand for so long before it goes back to the system, and its largest pieces ten times as long, in the
/// whole process; of several wishes the longest counts. For who works by the batch: what one frees the next needs, and getting
/// it from the system anew, page by page, is a good part of the work. And for who holds a state that grows, and had better give
/// back at once what it has outgrown. Does nothing where another allocator is used.
pub fn keep_freed_memory(time: std::time::Duration) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    native::keep_freed(time);
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = time;
}
