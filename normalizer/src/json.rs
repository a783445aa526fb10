//! JSON as carriers really send it: a value of the wrong type costs its field, not the body.
//!
//! Everything borrows from the body. Numbers stay the text that was written: order ids have more
//! digits than a double holds, and `12.30` is not `12.3`. A name that appears twice in an object
//! fails the body, so that nobody can put an unsigned `data` beside the signed one.

mod reader;
mod scan;

use schemas::{Reason, set_aside::Why};
use serde_json::{error::Category, value::RawValue};

use crate::arena::Arena;

pub(crate) use self::reader::{Fault, Reader, What};

/// A leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// A string's content.
    Text(&'a str),
    /// A number as written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(&'a str),
    /// An object, an array, or a string whose escapes name no character: its text.
    Other(&'a str),
}

impl<'a> Scalar<'a> {
    /// Missing, `null` or the empty string, which carriers write for "none".
    pub(crate) const fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Text(text) => text.is_empty(),
            Self::Number(_) | Self::Bool(_) | Self::Other(_) => false,
        }
    }

    /// The content of a string or the text of a number, unless it is empty.
    pub(crate) const fn word(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            Self::Number(text) => Some(text),
            Self::Absent | Self::Text(_) | Self::Bool(_) | Self::Other(_) => None,
        }
    }

    /// As [`Scalar::word`], with `true` and `false`.
    pub(crate) const fn any_word(&self) -> Option<&'a str> {
        match self {
            Self::Bool(text) => Some(text),
            Self::Absent | Self::Text(_) | Self::Number(_) | Self::Other(_) => self.word(),
        }
    }
}

/// An object, if it is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Object<T> {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// Something else.
    Wrong,
    /// As expected.
    Is(T),
}

impl<T> Object<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Is(inner) => Some(inner),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The object, or why there is none.
    pub(crate) fn required(&self, path: &str) -> Result<&T, Why> {
        match self {
            Self::Is(inner) => Ok(inner),
            Self::Absent => Err(missing(path)),
            Self::Wrong => Err(malformed(path, "is not an object")),
        }
    }
}

/// An array's elements, if it is one; those over `MAX` are counted and left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T, const MAX: usize> {
    pub(crate) items: Vec<T>,
    /// There were more than `MAX`.
    pub(crate) too_long: bool,
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            too_long: false,
        }
    }
}

/// An object whose names are the carrier's: a price's parts, free metadata. Those over `MAX` are
/// left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs<'a, const MAX: usize>(pub(crate) Vec<(&'a str, Scalar<'a>)>);

impl<'a, const MAX: usize> Pairs<'a, MAX> {
    pub(crate) fn get(&self, name: &str) -> Option<&Scalar<'a>> {
        self.0
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// What a field's value becomes, whatever stands there. Filled in its place: some are large.
pub(crate) trait Value<'a>: Default {
    /// Passes the value that begins here.
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault>;
}

/// The fields that are wanted of an object; [`input`] declares one.
pub(crate) trait Fields<'a>: Default {
    /// Passes the object that begins here.
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault>;
}

/// Declares objects by their fields' names and types. Other names are read past; one of these that
/// appears twice fails the body.
macro_rules! input {
    ($($(#[$meta:meta])* $name:ident<$a:lifetime> {
        $($(#[$about:meta])* $key:literal $field:ident: $type:ty,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Default, PartialEq, Eq)]
        pub(super) struct $name<$a> {
            $($(#[$about])* pub(super) $field: $type,)+
        }

        impl<$a> $crate::json::Fields<$a> for $name<$a> {
            fn fill(
                &mut self,
                reader: &mut $crate::json::Reader<$a>,
            ) -> Result<(), $crate::json::Fault> {
                $(let mut $field = false;)+
                reader.object(|reader, name, end| match name {
                    $($key => {
                        if std::mem::replace(&mut $field, true) {
                            let twice = $crate::json::What::Twice($key);
                            return Err($crate::json::Reader::fault_at(end, twice));
                        }
                        $crate::json::Value::fill(&mut self.$field, reader)
                    })+
                    _ => reader.skip(),
                })
            }
        }
    )+};
}
pub(crate) use input;

impl<'a> Value<'a> for Scalar<'a> {
    #[inline(never)]
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        *self = reader.scalar()?;
        Ok(())
    }
}

impl<'a, T: Fields<'a>> Value<'a> for Object<T> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.start()? == b'{' {
            *self = Self::Is(T::default());
            return match self {
                Self::Is(inner) => inner.fill(reader),
                Self::Absent | Self::Wrong => Ok(()),
            };
        }
        *self = match reader.scalar()? {
            Scalar::Absent => Self::Absent,
            Scalar::Text(_) | Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => Self::Wrong,
        };
        Ok(())
    }
}

impl<'a, T: Value<'a>, const MAX: usize> Value<'a> for List<T, MAX> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.start()? != b'[' {
            return reader.skip();
        }
        reader.array(|reader| {
            if self.items.len() == MAX {
                self.too_long = true;
                return reader.skip();
            }
            self.items.push(T::default());
            self.items
                .last_mut()
                .map_or(Ok(()), |item| item.fill(reader))
        })
    }
}

impl<'a, const MAX: usize> Value<'a> for Pairs<'a, MAX> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.start()? != b'{' {
            return reader.skip();
        }
        reader.object(|reader, name, end| {
            if self.0.len() == MAX {
                return reader.skip();
            }
            if self.0.iter().any(|(known, _)| *known == name) {
                return Err(Reader::fault_at(end, What::NameTwice));
            }
            self.0.push((name, reader.scalar()?));
            Ok(())
        })
    }
}

/// Reads a body into a carrier's input type.
pub(crate) fn read<'a, T: Fields<'a>>(arena: &'a Arena, body: &'a str) -> Result<T, Why> {
    let mut reader = Reader::new(body, arena);
    let mut whole = Object::<T>::Absent;
    whole
        .fill(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|fault| fault.explain(body))?;
    match whole {
        Object::Is(inner) => Ok(inner),
        Object::Absent | Object::Wrong => Err(malformed("the body", "is not an object")),
    }
}

/// Says where a body stops being JSON, in words of our own: serde's quote values.
pub(crate) fn is_json(body: &str) -> Result<(), Why> {
    let Err(error) = serde_json::from_str::<&RawValue>(body) else {
        return Ok(());
    };
    let place = format!("(line {}, column {})", error.line(), error.column());
    Err(match error.classify() {
        Category::Eof => malformed("the body", &format!("ends early {place}")),
        Category::Data | Category::Syntax | Category::Io => {
            malformed("the body", &format!("is not JSON {place}"))
        }
    })
}

pub(crate) fn malformed(path: &str, fault: &str) -> Why {
    Why {
        reason: Reason::Malformed,
        detail: format!("{path} {fault}"),
    }
}

pub(crate) fn missing(path: &str) -> Why {
    Why {
        reason: Reason::MissingField,
        detail: format!("{path} is missing"),
    }
}

#[cfg(test)]
mod tests;
