//! Datums to records: a deserializer that borrows.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{BITS, MORE, NotPlain, is_union};

/// The record, if the whole datum is plainly one and `T` is the type of that name.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    datum: &'a [u8],
    record: &str,
    list_items_max: usize,
) -> Option<T> {
    let mut from = Datum { left: datum, list_items_max };
    let value = T::deserialize(Value { from: &mut from, branch: None, record: Some(record) }).ok()?;
    from.left.is_empty().then_some(value)
}

/// The top bits of eight bytes.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// What is left of a datum. Every method takes a value from its front, or says that it is not plainly there.
struct Datum<'a> {
    left: &'a [u8],
    list_items_max: usize,
}

impl<'a> Datum<'a> {
    #[inline]
    fn byte(&mut self) -> Result<u8, NotPlain> {
        let (byte, rest) = self.left.split_first().ok_or(NotPlain)?;
        self.left = rest;
        Ok(*byte)
    }

    /// A signed number, folded (0, -1, 1, -2 … are 0, 1, 2, 3 …), lowest bits first.
    #[inline]
    fn long(&mut self) -> Result<i64, NotPlain> {
        // Most numbers are small: branches of unions, lengths, counts.
        if let Some((&byte, rest)) = self.left.split_first()
            && byte & MORE == 0
        {
            self.left = rest;
            return Ok(unfolded(u64::from(byte)));
        }
        self.long_of_many()
    }

    /// One that has two bytes or more. Out of line, so that there is less to copy wherever a number is read.
    #[inline(never)]
    fn long_of_many(&mut self) -> Result<i64, NotPlain> {
        if let Some(word) = self.left.first_chunk().map(|word| u64::from_le_bytes(*word)) {
            // The top bit of a byte says that another follows.
            let bits = (!word & TOPS).trailing_zeros() + 1;
            if bits <= u64::BITS {
                let number = word & (u64::MAX >> (u64::BITS - bits));
                self.left = &self.left[bits as usize / 8..];
                // One that is longer than it need be is not plainly in order.
                let is_plain = number >> (bits - 8) != 0;
                return if is_plain { Ok(unfolded(joined(number))) } else { Err(NotPlain) };
            }
        }
        self.long_at_the_end()
    }

    /// One that has nine bytes or more, or fewer than eight bytes left to look at.
    fn long_at_the_end(&mut self) -> Result<i64, NotPlain> {
        let (mut folded, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            folded |= u64::from(byte & !MORE) << shift;
            if byte & MORE == 0 {
                // One that is longer than it need be, or than 64 bits, is not plainly in order.
                let is_plain = shift == 0 || (byte != 0 && (shift < 63 || byte == 1));
                return if is_plain { Ok(unfolded(folded)) } else { Err(NotPlain) };
            }
            shift += BITS;
            if shift > 63 {
                return Err(NotPlain);
            }
        }
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], NotPlain> {
        let len = usize::try_from(self.long()?).map_err(|_| NotPlain)?;
        let (bytes, rest) = self.left.split_at_checked(len).ok_or(NotPlain)?;
        self.left = rest;
        Ok(bytes)
    }
}

/// Joins the lower seven bits of each of eight bytes, two by two.
#[inline]
fn joined(bytes: u64) -> u64 {
    let pairs = (bytes & 0x007f_007f_007f_007f) | ((bytes & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}

#[inline]
fn unfolded(folded: u64) -> i64 {
    (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
}

/// The value that comes next.
struct Value<'d, 'a> {
    from: &'d mut Datum<'a>,
    /// The branch of a union with nothing that was named already; nothing itself is the branch 0.
    branch: Option<i64>,
    /// The whole datum is a record of this name.
    record: Option<&'d str>,
}

impl<'d, 'a> Value<'d, 'a> {
    /// What the value is read from, when it is the only branch beside nothing or no branch at all.
    #[inline]
    fn only(self) -> Result<&'d mut Datum<'a>, NotPlain> {
        match self.branch {
            None | Some(1) => Ok(self.from),
            Some(_) => Err(NotPlain),
        }
    }
}

impl<'a> Deserializer<'a> for Value<'_, 'a> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'a>>(self, _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        i8 i16 u8 u16 u32 u64 f32 char unit unit_struct tuple tuple_struct map identifier ignored_any
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        match self.only()?.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(NotPlain),
        }
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_i32(self.only()?.long()?.try_into().map_err(|_| NotPlain)?)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_i64(self.only()?.long()?)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        let from = self.only()?;
        let (bytes, rest) = from.left.split_first_chunk().ok_or(NotPlain)?;
        from.left = rest;
        visitor.visit_f64(f64::from_le_bytes(*bytes))
    }

    #[inline]
    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_borrowed_str(std::str::from_utf8(self.only()?.bytes()?).map_err(|_| NotPlain)?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_borrowed_bytes(self.only()?.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        let from = self.only()?;
        match from.long()? {
            0 => visitor.visit_none(),
            branch => visitor.visit_some(Value { from, branch: Some(branch), record: None }),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        visitor.visit_newtype_struct(self)
    }

    /// One block and its end.
    #[inline]
    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        let from = self.only()?;
        let count = usize::try_from(from.long()?).map_err(|_| NotPlain)?;
        if count > from.list_items_max {
            return Err(NotPlain);
        }
        let value = visitor.visit_seq(Next { from: &mut *from, left: count })?;
        if count > 0 && from.long()? != 0 {
            return Err(NotPlain);
        }
        Ok(value)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        if self.record.is_some_and(|record| record != name) {
            return Err(NotPlain);
        }
        visitor.visit_seq(Next { from: self.only()?, left: fields.len() })
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        let (from, index) = match self.branch {
            // Records of a union that may be absent are branches beside nothing, which comes first.
            Some(branch) if is_union(variants) => (self.from, branch - 1),
            _ => {
                let from = self.only()?;
                let index = from.long()?;
                (from, index)
            }
        };
        visitor.visit_enum(Variant { from, index: u32::try_from(index).map_err(|_| NotPlain)? })
    }
}

/// Items of a list, or fields of a record.
struct Next<'d, 'a> {
    from: &'d mut Datum<'a>,
    left: usize,
}

impl<'a> SeqAccess<'a> for Next<'_, 'a> {
    type Error = NotPlain;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, NotPlain> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Value { from: &mut *self.from, branch: None, record: None }).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        // Every item has a byte at least, but for records without fields, of which there are no lists.
        Some(self.left.min(self.from.left.len()))
    }
}

/// A symbol of an enum, or a record of a union.
struct Variant<'d, 'a> {
    from: &'d mut Datum<'a>,
    index: u32,
}

impl<'d, 'a> EnumAccess<'a> for Variant<'d, 'a> {
    type Error = NotPlain;
    type Variant = Content<'d, 'a>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Content<'d, 'a>), NotPlain> {
        let index: serde::de::value::U32Deserializer<NotPlain> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, Content(self.from)))
    }
}

/// What a variant holds.
struct Content<'d, 'a>(&'d mut Datum<'a>);

impl<'a> VariantAccess<'a> for Content<'_, 'a> {
    type Error = NotPlain;

    #[inline]
    fn unit_variant(self) -> Result<(), NotPlain> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, NotPlain> {
        seed.deserialize(Value { from: self.0, branch: None, record: None })
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }

    fn struct_variant<V: Visitor<'a>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }
}
