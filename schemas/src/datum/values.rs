//! Numbers, texts, what may be absent, lists.

use super::read::Datum;
use super::{Plain, write};
use crate::{Day, Micros, TimestampMs, text};

/// A list makes room for no more at first, so that damage cannot ask for memory.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// Values that are read and written by an expression each.
macro_rules! values {
    ($($value:ty: |$from:ident| $read:expr, |$of:ident, $out:ident| $write:expr;)*) => {$(
        impl<'a> Plain<'a> for $value {
            #[inline]
            fn read($from: &mut Datum<'a>) -> Option<Self> {
                $read
            }

            #[inline]
            fn write(&self, $out: &mut Vec<u8>) {
                let $of = *self;
                $write;
            }
        }
    )*};
}

values! {
    bool: |from| from.bool(), |value, out| out.push(value.into());
    i32: |from| i32::try_from(from.long()?).ok(), |value, out| write::long(out, value.into());
    i64: |from| from.long(), |value, out| write::long(out, value);
    f64: |from| Some(f64::from_le_bytes(from.chunk()?)), |value, out| out.extend_from_slice(&value.to_le_bytes());
    Day: |from| Some(Self(Plain::read(from)?)), |value, out| value.0.write(out);
    Micros: |from| Some(Self(Plain::read(from)?)), |value, out| value.0.write(out);
    TimestampMs: |from| Some(Self(Plain::read(from)?)), |value, out| value.0.write(out);
    &'a str: |from| text(from.bytes()?).ok(), |value, out| write::bytes(out, value.as_bytes());
    &'a [u8]: |from| from.bytes(), |value, out| write::bytes(out, value);
}

impl<'a, T: Plain<'a>> Plain<'a> for Option<T> {
    #[inline]
    fn read(from: &mut Datum<'a>) -> Option<Self> {
        T::read_option(from)
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        T::write_option(self.as_ref(), out);
    }
}

/// One block and its end.
impl<'a, T: Plain<'a>> Plain<'a> for Vec<T> {
    #[inline]
    fn read(from: &mut Datum<'a>) -> Option<Self> {
        let (count, room) = from.items()?;
        if count == 0 {
            return Some(Self::new());
        }
        let mut items = Self::with_capacity(room.min(ROOM_BYTES_MAX / size_of::<T>()));
        for _ in 0..count {
            items.push(T::read(from)?);
        }
        (from.byte()? == 0).then_some(items)
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            write::len(out, self.len());
            self.iter().for_each(|item| item.write(out));
        }
        out.push(0);
    }
}
