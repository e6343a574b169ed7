//! The Avro datum of a record in the order of its Rust type, which the tests of this crate hold to be the order of this
//! build's schema. No field is looked up by name, so both directions cost a fraction of what the codec of any schema does.
//!
//! Promises the bytes and the values that the codec of any schema would give. Reading refuses whatever is not plainly in
//! order (damage, blocks of lists with sizes, numbers longer than they need be): then the codec of any schema is asked, so
//! there is one judgement and one set of errors. [`crate::Encoder`] and [`crate::Decoder`] are the only callers.

mod read;
mod write;
mod values;
mod records;

use serde::{Deserialize, Serialize};

pub(crate) use read::Datum;
pub(crate) use read::{read, show};
pub(crate) use write::write;

/// A value of a topic: one of the records of [`crate::record`] that stand alone.
pub trait TopicValue<'a>: Plain<'a> + Serialize + Deserialize<'a> {
    /// The name of its record in the schema.
    const RECORD: &'static str;
}

/// What datums are made of.
pub trait Plain<'a>: Sized {
    /// Takes the value from the front of what is left. If it is not plainly there, the datum fails, and the value is any.
    fn read(from: &mut Datum<'a>) -> Self;

    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes a value that may be absent. It is the second branch of a union, beside nothing.
    #[inline]
    fn read_option(from: &mut Datum<'a>) -> Option<Self> {
        match from.index() {
            0 => None,
            1 => Some(Self::read(from)),
            _ => {
                from.fail();
                None
            }
        }
    }

    /// Appends a value that may be absent.
    #[inline]
    fn write_option(value: Option<&Self>, out: &mut Vec<u8>) {
        write::index(out, value.is_some().into());
        if let Some(value) = value {
            value.write(out);
        }
    }
}

/// Bits of a number in each of its bytes; the highest says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;
/// The highest bits of eight bytes.
const MORES: u64 = u64::from_le_bytes([MORE; 8]);

#[cfg(test)]
mod tests;
