//! What a consumer is in its group.

use std::ffi::{CStr, c_char};

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

use crate::wire::Membership;

/// The consumer's present place in its group; `None` when it has none.
pub(crate) fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
    let text = |start: *const c_char| {
        // SAFETY: the library gives a text that ends with NUL and lives as long as the metadata, or none.
        (!start.is_null()).then(|| unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned())
    };
    // SAFETY: the client lives as long as the consumer; the metadata is ours and given back once, after its last use.
    unsafe {
        let metadata = native::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return None;
        }
        let instance_id = text(native::rd_kafka_consumer_group_metadata_group_instance_id(metadata));
        let membership = Membership {
            group: text(native::rd_kafka_consumer_group_metadata_group_id(metadata)).unwrap_or_default(),
            generation: native::rd_kafka_consumer_group_metadata_generation_id(metadata),
            member_id: text(native::rd_kafka_consumer_group_metadata_member_id(metadata)).unwrap_or_default(),
            instance_id: instance_id.filter(|id| !id.is_empty()),
        };
        native::rd_kafka_consumer_group_metadata_destroy(metadata);
        Some(membership)
    }
}
