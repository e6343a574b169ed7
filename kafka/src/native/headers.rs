//! The headers of a record as the client library keeps them.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;

use rdkafka::bindings as native;
use rdkafka::types::RDKafkaRespErr;

/// Headers of a fetched record, found when asked for.
#[derive(Clone, Copy)]
pub(crate) struct NativeHeaders<'a> {
    message: *const native::rd_kafka_message_t,
    borrowed: PhantomData<&'a ()>,
}

// SAFETY: the library parses headers on whatever thread asks; without `Sync` no two can ask at once.
unsafe impl Send for NativeHeaders<'_> {}

impl<'a> NativeHeaders<'a> {
    pub(crate) fn of(message: &'a native::rd_kafka_message_t) -> Self {
        Self { message, borrowed: PhantomData }
    }

    /// Name and value of a header by its place; a name need not be text.
    pub(crate) fn get(self, index: usize) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        let mut headers: *mut native::rd_kafka_headers_t = ptr::null_mut();
        let (mut name, mut value, mut len): (*const c_char, *const c_void, usize) =
            (ptr::null(), ptr::null(), 0);
        // SAFETY: the message lives as long as 'a, and its headers, names and values with it. The library parses them
        // at the first question and keeps them; a record is asked from one thread only.
        unsafe {
            let found = native::rd_kafka_message_headers(self.message, &raw mut headers);
            if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
                return None;
            }
            let found =
                native::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut len);
            if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), len));
            Some((CStr::from_ptr(name).to_bytes(), value))
        }
    }
}
