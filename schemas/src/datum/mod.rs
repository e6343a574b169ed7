//! The Avro datum of a record in the order of its Rust type, which the tests of this crate hold to be the order of this
//! build's schema. No field is looked up by name, so both directions cost a fraction of what the codec of any schema does.
//!
//! Promises the bytes and the values that the codec of any schema would give. Writing refuses what Avro cannot say.
//! Reading refuses whatever is not plainly in order (damage, blocks of lists with sizes, numbers longer than they need be):
//! then the codec of any schema is asked, so there is one judgement and one set of errors. [`crate::Encoder`] and
//! [`crate::Decoder`] are the only callers.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

/// Not plainly in order, or not to be said in Avro. Carries nothing: the codec of any schema finds the words.
#[derive(Debug)]
pub(crate) struct NotPlain;

impl std::fmt::Display for NotPlain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the record is not plainly in the order of its schema")
    }
}

impl std::error::Error for NotPlain {}

impl serde::ser::Error for NotPlain {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

impl serde::de::Error for NotPlain {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Bits of a number in each of its bytes; the highest says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// Variants of a union carry the full names of their records, symbols of an enum never have a dot.
fn is_union(variants: &[&str]) -> bool {
    variants.first().is_some_and(|name| name.contains('.'))
}

#[cfg(test)]
mod tests;
