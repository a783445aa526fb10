//! Values to bytes.

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct},
};

use super::{NO_SUCH_TYPE, OTHER_RECORD, Root, Unfit};

/// Appends the datum of `value`, which must be of the type that `root` names.
pub(in super::super) fn write<T: Serialize>(
    value: &T,
    root: Root<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    value.serialize(AtRoot {
        root,
        to: Writer { out },
    })
}

/// Zigzag, then seven bits a byte, lowest first.
fn long(number: i64, out: &mut Vec<u8>) {
    let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn length(length: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let length = i64::try_from(length).map_err(|_| Unfit("a text or list is too long"))?;
    long(length, out);
    Ok(())
}

/// Writes whatever comes.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    fn again(&mut self) -> Writer<'_> {
        Writer { out: self.out }
    }
}

/// An array or a map: one block with all items, then the end.
struct Block<'o> {
    out: &'o mut Vec<u8>,
    left: usize,
}

impl<'o> Block<'o> {
    fn new(items: Option<usize>, out: &'o mut Vec<u8>) -> Result<Self, Unfit> {
        let items = items.ok_or(Unfit("a list of unknown length"))?;
        if items > 0 {
            length(items, out)?;
        }
        Ok(Self { out, left: items })
    }

    fn next(&mut self) -> Result<(), Unfit> {
        self.left = self.left.checked_sub(1).ok_or(WRONG_COUNT)?;
        Ok(())
    }

    fn end(self) -> Result<(), Unfit> {
        if self.left > 0 {
            return Err(WRONG_COUNT);
        }
        self.out.push(0);
        Ok(())
    }
}

const WRONG_COUNT: Unfit = Unfit("a list does not have the length that it said");

impl SerializeSeq for Block<'_> {
    type Ok = ();
    type Error = Unfit;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unfit> {
        self.next()?;
        item.serialize(Writer { out: self.out })
    }
    fn end(self) -> Result<(), Unfit> {
        Block::end(self)
    }
}

impl SerializeMap for Block<'_> {
    type Ok = ();
    type Error = Unfit;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        self.next()?;
        key.serialize(Writer { out: self.out })
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        value.serialize(Writer { out: self.out })
    }
    fn end(self) -> Result<(), Unfit> {
        Block::end(self)
    }
}

impl SerializeStruct for Writer<'_> {
    type Ok = ();
    type Error = Unfit;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(self.again())
    }
    fn skip_field(&mut self, _: &'static str) -> Result<(), Unfit> {
        Err(Unfit("a field was left out"))
    }
    fn end(self) -> Result<(), Unfit> {
        Ok(())
    }
}

/// What no record of ours holds.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $answer:ty;)+) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$answer, Unfit> {
            Err(NO_SUCH_TYPE)
        })+
    };
}

macro_rules! refused_everywhere {
    () => {
        type Ok = ();
        type Error = Unfit;
        type SerializeTuple = Impossible<(), Unfit>;
        type SerializeTupleStruct = Impossible<(), Unfit>;
        type SerializeTupleVariant = Impossible<(), Unfit>;
        type SerializeStructVariant = Impossible<(), Unfit>;
        refused! {
            serialize_i8(i8) -> ();
            serialize_i16(i16) -> ();
            serialize_u8(u8) -> ();
            serialize_u16(u16) -> ();
            serialize_u32(u32) -> ();
            serialize_u64(u64) -> ();
            serialize_f32(f32) -> ();
            serialize_char(char) -> ();
            serialize_bytes(&[u8]) -> ();
            serialize_unit() -> ();
            serialize_unit_struct(&'static str) -> ();
            serialize_tuple(usize) -> Self::SerializeTuple;
            serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize)
                -> Self::SerializeTupleVariant;
            serialize_struct_variant(&'static str, u32, &'static str, usize)
                -> Self::SerializeStructVariant;
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), Unfit> {
            Err(NO_SUCH_TYPE)
        }
        fn is_human_readable(&self) -> bool {
            true
        }
    };
}

impl<'o> Serializer for Writer<'o> {
    refused_everywhere!();
    type SerializeSeq = Block<'o>;
    type SerializeMap = Block<'o>;
    type SerializeStruct = Self;

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        self.out.push(u8::from(value));
        Ok(())
    }
    fn serialize_i32(self, number: i32) -> Result<(), Unfit> {
        self.serialize_i64(i64::from(number))
    }
    fn serialize_i64(self, number: i64) -> Result<(), Unfit> {
        long(number, self.out);
        Ok(())
    }
    fn serialize_f64(self, number: f64) -> Result<(), Unfit> {
        self.out.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }
    fn serialize_str(self, text: &str) -> Result<(), Unfit> {
        length(text.len(), self.out)?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Unfit> {
        self.out.push(0);
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        self.out.push(2);
        value.serialize(self)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        place: u32,
        _: &'static str,
    ) -> Result<(), Unfit> {
        self.serialize_i64(i64::from(place))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(self)
    }
    fn serialize_seq(self, items: Option<usize>) -> Result<Block<'o>, Unfit> {
        Block::new(items, self.out)
    }
    fn serialize_map(self, items: Option<usize>) -> Result<Block<'o>, Unfit> {
        Block::new(items, self.out)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unfit> {
        Ok(self)
    }
}

/// Lets nothing in but the record itself.
struct AtRoot<'a, 'o> {
    root: Root<'a>,
    to: Writer<'o>,
}

impl<'o> Serializer for AtRoot<'_, 'o> {
    refused_everywhere!();
    refused! {
        serialize_bool(bool) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_f64(f64) -> ();
        serialize_str(&str) -> ();
        serialize_none() -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_map(Option<usize>) -> Self::SerializeMap;
    }
    type SerializeSeq = Impossible<(), Unfit>;
    type SerializeMap = Impossible<(), Unfit>;
    type SerializeStruct = Writer<'o>;

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Unfit> {
        Err(NO_SUCH_TYPE)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unfit> {
        Err(NO_SUCH_TYPE)
    }
    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Writer<'o>, Unfit> {
        if (Root { name, fields }) == self.root {
            Ok(self.to)
        } else {
            Err(OTHER_RECORD)
        }
    }
}
