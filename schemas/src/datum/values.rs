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
            fn read($from: &mut Datum<'a>) -> Self {
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
    i32: |from| small(from), |value, out| write::long(out, value.into());
    f64: |from| f64::from_le_bytes(from.chunk()), |value, out| out.extend_from_slice(&value.to_le_bytes());
    Day: |from| Self(Plain::read(from)), |value, out| value.0.write(out);
    &'a str: |from| words(from), |value, out| write::bytes(out, value.as_bytes());
    &'a [u8]: |from| from.bytes(), |value, out| write::bytes(out, value);
}

/// Long numbers, under whatever name: how they are told from their value, and made of it.
macro_rules! longs {
    ($($value:ty: |$of:ident| $long:expr, $make:expr;)*) => {$(
        impl Plain<'_> for $value {
            #[inline]
            fn read(from: &mut Datum<'_>) -> Self {
                $make(from.long())
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let $of = *self;
                write::long(out, $long);
            }

            #[inline]
            fn read_option(from: &mut Datum<'_>) -> Option<Self> {
                from.optional_long().map($make)
            }
        }
    )*};
}

longs! {
    i64: |value| value, std::convert::identity;
    Micros: |value| value.0, Micros;
    TimestampMs: |value| value.0, TimestampMs;
}

#[inline]
fn small(from: &mut Datum<'_>) -> i32 {
    i32::try_from(from.long()).unwrap_or_else(|_| {
        from.fail();
        0
    })
}

#[inline]
fn words<'a>(from: &mut Datum<'a>) -> &'a str {
    text(from.bytes()).unwrap_or_else(|_| {
        from.fail();
        ""
    })
}

impl<'a, T: Plain<'a>> Plain<'a> for Option<T> {
    #[inline]
    fn read(from: &mut Datum<'a>) -> Self {
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
    fn read(from: &mut Datum<'a>) -> Self {
        // Most lists of an event are empty.
        if from.is_at_end_of_list() {
            return Self::new();
        }
        let (count, room) = from.items();
        let mut items = Self::with_capacity(room.min(ROOM_BYTES_MAX / size_of::<T>()));
        for _ in 0..count {
            items.push(T::read(from));
            if from.has_failed() {
                break;
            }
        }
        if from.byte() != 0 {
            from.fail();
        }
        items
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
