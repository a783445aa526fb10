//! Bytes to values. The bytes may be anything: every length is held against what is there.

use std::slice::Iter;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::U32Deserializer,
    },
};

use super::{NO_SUCH_TYPE, OTHER_RECORD, Root, Unfit};

/// The value of a datum that holds a record as `root` names it, and nothing after it.
pub(in super::super) fn read<'de, T: Deserialize<'de>>(
    datum: &'de [u8],
    root: Root<'_>,
) -> Result<T, Unfit> {
    let mut reader = Reader { rest: datum };
    let value = T::deserialize(AtRoot {
        root,
        from: &mut reader,
    })?;
    match reader.rest {
        [] => Ok(value),
        [_, ..] => Err(Unfit("bytes follow the datum")),
    }
}

const SHORT: Unfit = Unfit("the datum ends early");
const NO_NUMBER: Unfit = Unfit("a number is longer than its type");
const NO_BRANCH: Unfit = Unfit("a union or an enum has no such branch");
const NO_LENGTH: Unfit = Unfit("a length can't be");

struct Reader<'de> {
    rest: &'de [u8],
}

impl<'de> Reader<'de> {
    fn byte(&mut self) -> Result<u8, Unfit> {
        let (first, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, bytes: usize) -> Result<&'de [u8], Unfit> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn long(&mut self) -> Result<i64, Unfit> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // the tenth byte has one bit left
            if shift == 63 && bits > 1 {
                return Err(NO_NUMBER);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(NO_NUMBER)
    }

    fn text(&mut self) -> Result<&'de str, Unfit> {
        let length = usize::try_from(self.long()?).map_err(|_| NO_LENGTH)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Unfit("a text is not UTF-8"))
    }
}

/// The items of an array or a map, block by block.
struct Blocks<'r, 'de> {
    from: &'r mut Reader<'de>,
    left: u64,
    ended: bool,
}

impl<'r, 'de> Blocks<'r, 'de> {
    const fn new(from: &'r mut Reader<'de>) -> Self {
        Self {
            from,
            left: 0,
            ended: false,
        }
    }

    /// Whether another item follows.
    fn next(&mut self) -> Result<bool, Unfit> {
        while self.left == 0 && !self.ended {
            let count = self.from.long()?;
            if count < 0 {
                // A reader in a hurry may pass this many bytes.
                usize::try_from(self.from.long()?).map_err(|_| NO_LENGTH)?;
            }
            self.left = count.unsigned_abs();
            self.ended = count == 0;
        }
        self.left = self.left.saturating_sub(1);
        Ok(!self.ended)
    }

    /// No item of ours takes less than a byte.
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left)
            .ok()
            .map(|left| left.min(self.from.rest.len()))
    }
}

impl<'de> SeqAccess<'de> for Blocks<'_, 'de> {
    type Error = Unfit;
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unfit> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.from).map(Some)
    }
    fn size_hint(&self) -> Option<usize> {
        Blocks::size_hint(self)
    }
}

impl<'de> MapAccess<'de> for Blocks<'_, 'de> {
    type Error = Unfit;
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unfit> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.from).map(Some)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unfit> {
        seed.deserialize(&mut *self.from)
    }
}

/// The fields of a record, in their order.
struct Fields<'r, 'de> {
    from: &'r mut Reader<'de>,
    left: Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Unfit;
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unfit> {
        match self.left.next() {
            Some(_) => seed.deserialize(&mut *self.from).map(Some),
            None => Ok(None),
        }
    }
}

/// A symbol by its place.
struct Symbol(u32);

impl<'de> EnumAccess<'de> for Symbol {
    type Error = Unfit;
    type Variant = Self;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Unfit> {
        let place = U32Deserializer::<Unfit>::new(self.0);
        Ok((seed.deserialize(place)?, self))
    }
}

impl<'de> VariantAccess<'de> for Symbol {
    type Error = Unfit;
    fn unit_variant(self) -> Result<(), Unfit> {
        Ok(())
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Unfit> {
        Err(NO_SUCH_TYPE)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Unfit> {
        Err(NO_SUCH_TYPE)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Unfit> {
        Err(NO_SUCH_TYPE)
    }
}

/// What no record of ours holds.
macro_rules! refused {
    ($($method:ident($($argument:ty),*);)+) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Unfit> {
            Err(NO_SUCH_TYPE)
        })+
    };
}

macro_rules! refused_everywhere {
    () => {
        type Error = Unfit;
        refused! {
            deserialize_any();
            deserialize_i8();
            deserialize_i16();
            deserialize_u8();
            deserialize_u16();
            deserialize_u32();
            deserialize_u64();
            deserialize_f32();
            deserialize_char();
            deserialize_bytes();
            deserialize_byte_buf();
            deserialize_unit();
            deserialize_unit_struct(&'static str);
            deserialize_tuple(usize);
            deserialize_tuple_struct(&'static str, usize);
            deserialize_identifier();
            deserialize_ignored_any();
        }
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    refused_everywhere!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(NO_BRANCH),
        }
    }
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let number = i32::try_from(self.long()?).map_err(|_| NO_NUMBER)?;
        visitor.visit_i32(number)
    }
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_i64(self.long()?)
    }
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        visitor.visit_f64(f64::from_le_bytes(*bytes))
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_borrowed_str(self.text()?)
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_str(visitor)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.long()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(NO_BRANCH),
        }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_seq(Blocks::new(self))
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_map(Blocks::new(self))
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_seq(Fields {
            from: self,
            left: fields.iter(),
        })
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        symbols: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let place = u32::try_from(self.long()?).map_err(|_| NO_BRANCH)?;
        if symbols.len() <= usize::try_from(place).unwrap_or(usize::MAX) {
            return Err(NO_BRANCH);
        }
        visitor.visit_enum(Symbol(place))
    }
}

/// Lets nothing out but the record itself.
struct AtRoot<'a, 'r, 'de> {
    root: Root<'a>,
    from: &'r mut Reader<'de>,
}

impl<'de> Deserializer<'de> for AtRoot<'_, '_, 'de> {
    refused_everywhere!();
    refused! {
        deserialize_bool();
        deserialize_i32();
        deserialize_i64();
        deserialize_f64();
        deserialize_str();
        deserialize_string();
        deserialize_option();
        deserialize_newtype_struct(&'static str);
        deserialize_seq();
        deserialize_map();
        deserialize_enum(&'static str, &'static [&'static str]);
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let found = Root {
            name,
            fields: fields.len(),
        };
        if found != self.root {
            return Err(OTHER_RECORD);
        }
        self.from.deserialize_struct(name, fields, visitor)
    }
}
