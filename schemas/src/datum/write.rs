//! Records to datums: a serializer that appends.

use serde::ser::{Error as _, Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::{BITS, MORE, NotPlain};

/// Appends the datum to `out`, if `T` is the type of that name. After an error `out` holds a part of it.
pub(crate) fn write<T: Serialize>(value: &T, record: &str, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    value.serialize(Datum { out, present: false, record: Some(record) })
}

/// Where a value goes.
struct Datum<'a> {
    out: &'a mut Vec<u8>,
    /// It is the second branch of a union with nothing: the branch is still to be named.
    present: bool,
    /// The whole datum is a record of this name.
    record: Option<&'a str>,
}

/// A signed number, folded (0, -1, 1, -2 … become 0, 1, 2, 3 …), lowest bits first.
#[inline]
fn long(out: &mut Vec<u8>, value: i64) {
    let mut folded = ((value << 1) ^ (value >> 63)).cast_unsigned();
    // Most numbers are small; one byte costs one push.
    while folded >= u64::from(MORE) {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
        out.push(folded as u8 | MORE);
        folded >>= BITS;
    }
    #[expect(clippy::cast_possible_truncation, reason = "what is left has seven bits")]
    out.push(folded as u8);
}

fn length(out: &mut Vec<u8>, len: usize) -> Result<(), NotPlain> {
    long(out, i64::try_from(len).map_err(|_| NotPlain)?);
    Ok(())
}

impl<'a> Datum<'a> {
    /// Names the branch where there is one; the value follows.
    #[inline]
    fn begin(self) -> &'a mut Vec<u8> {
        if self.present {
            long(self.out, 1);
        }
        self.out
    }
}

/// What Avro has no word for.
macro_rules! refused {
    ($($method:ident($($arg:ty),*);)*) => {$(
        fn $method(self, $(_: $arg),*) -> Result<(), NotPlain> {
            Err(NotPlain)
        }
    )*};
}

impl<'a> Serializer for Datum<'a> {
    type Ok = ();
    type Error = NotPlain;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Impossible<(), NotPlain>;
    type SerializeTupleStruct = Impossible<(), NotPlain>;
    type SerializeTupleVariant = Impossible<(), NotPlain>;
    type SerializeMap = Impossible<(), NotPlain>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Impossible<(), NotPlain>;

    refused! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_char(char);
        serialize_unit();
        serialize_unit_struct(&'static str);
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), NotPlain> {
        self.begin().push(u8::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), NotPlain> {
        long(self.begin(), value);
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), NotPlain> {
        self.begin().extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), NotPlain> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), NotPlain> {
        let out = self.begin();
        length(out, value.len())?;
        out.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), NotPlain> {
        self.begin().push(0);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotPlain> {
        value.serialize(Datum { out: self.begin(), present: true, record: None })
    }

    /// A symbol of an enum.
    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), NotPlain> {
        self.serialize_i64(index.into())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotPlain> {
        value.serialize(self)
    }

    /// A record of a union. One that may be absent is a branch beside nothing, which comes first.
    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotPlain> {
        long(self.out, i64::from(index) + i64::from(self.present));
        value.serialize(Datum { out: self.out, present: false, record: None })
    }

    /// A list is one block and its end.
    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'a>, NotPlain> {
        let (out, len) = (self.begin(), len.ok_or(NotPlain)?);
        if len > 0 {
            length(out, len)?;
        }
        Ok(Items { out, left: len })
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, NotPlain> {
        if self.record.is_some_and(|record| record != name) {
            return Err(NotPlain);
        }
        Ok(Fields(self.begin()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotPlain> {
        Err(NotPlain)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NotPlain> {
        Err(NotPlain)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotPlain> {
        Err(NotPlain)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotPlain> {
        Err(NotPlain)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotPlain> {
        Err(NotPlain)
    }
}

/// Items of a list under way.
struct Items<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = NotPlain;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotPlain> {
        self.left = self.left.checked_sub(1).ok_or_else(|| NotPlain::custom("more items than promised"))?;
        value.serialize(Datum { out: self.out, present: false, record: None })
    }

    #[inline]
    fn end(self) -> Result<(), NotPlain> {
        if self.left > 0 {
            return Err(NotPlain);
        }
        self.out.push(0);
        Ok(())
    }
}

/// Fields of a record under way, in the order of the type.
struct Fields<'a>(&'a mut Vec<u8>);

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = NotPlain;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), NotPlain> {
        value.serialize(Datum { out: self.0, present: false, record: None })
    }

    fn skip_field(&mut self, _: &'static str) -> Result<(), NotPlain> {
        Err(NotPlain)
    }

    #[inline]
    fn end(self) -> Result<(), NotPlain> {
        Ok(())
    }
}
