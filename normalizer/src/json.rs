//! JSON as carriers really send it: a value of the wrong type costs its field, not the body.
//!
//! Everything borrows from the body. Numbers stay the text that was written: order ids have more
//! digits than a double holds, and `12.30` is not `12.3`. A name that appears twice in an object
//! fails the body, so that nobody can put an unsigned `data` beside the signed one.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemas::{Reason, set_aside::Why};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{error::Category, value::RawValue};

/// A leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// A string's content.
    Text(Cow<'a, str>),
    /// A number as written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(&'a str),
    /// An object, an array, or a string whose escapes name no character.
    Other,
}

impl<'a> Scalar<'a> {
    pub(crate) fn of(raw: &'a str) -> Self {
        match raw.as_bytes() {
            [b'"', .., b'"'] => {
                let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
                if !inner.as_bytes().contains(&b'\\') {
                    return Self::Text(Cow::Borrowed(inner));
                }
                serde_json::from_str::<String>(raw)
                    .map_or(Self::Other, |text| Self::Text(Cow::Owned(text)))
            }
            [b'-' | b'0'..=b'9', ..] => Self::Number(raw),
            [b't' | b'f', ..] => Self::Bool(raw),
            [b'n', ..] => Self::Absent,
            _ => Self::Other,
        }
    }

    /// Missing, `null` or the empty string, which carriers write for "none".
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Text(text) => text.is_empty(),
            Self::Number(_) | Self::Bool(_) | Self::Other => false,
        }
    }

    /// The content of a string or the text of a number, unless it is empty.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            Self::Number(text) => Some(text),
            Self::Absent | Self::Text(_) | Self::Bool(_) | Self::Other => None,
        }
    }

    /// As [`Scalar::word`], with `true` and `false`.
    pub(crate) fn any_word(&self) -> Option<&str> {
        match self {
            Self::Bool(text) => Some(text),
            Self::Absent | Self::Text(_) | Self::Number(_) | Self::Other => self.word(),
        }
    }

    /// As [`Scalar::word`], owned.
    pub(crate) fn owned(&self) -> Option<String> {
        self.word().map(str::to_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self::of(raw.get()))
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
pub(crate) struct Pairs<'a, const MAX: usize>(pub(crate) Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'a, const MAX: usize> Pairs<'a, MAX> {
    pub(crate) fn get(&self, name: &str) -> Option<&Scalar<'a>> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What a container makes of a JSON object or array, and of everything else.
trait Shape<'de>: Sized {
    fn absent() -> Self;
    fn wrong() -> Self;
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::wrong())
    }
    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::wrong())
    }
}

struct ShapeVisitor<S>(PhantomData<S>);

impl<'de, S: Shape<'de>> Visitor<'de> for ShapeVisitor<S> {
    type Value = S;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E: Error>(self) -> Result<S, E> {
        Ok(S::absent())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<S, E> {
        Ok(S::wrong())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<S, E> {
        Ok(S::wrong())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<S, E> {
        Ok(S::wrong())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<S, E> {
        Ok(S::wrong())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<S, E> {
        Ok(S::wrong())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S, A::Error> {
        S::object(map)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<S, A::Error> {
        S::array(items)
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Object<T> {
    fn absent() -> Self {
        Self::Absent
    }
    fn wrong() -> Self {
        Self::Wrong
    }
    fn object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Self::Is)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Shape<'de> for List<T, MAX> {
    fn absent() -> Self {
        Self::default()
    }
    fn wrong() -> Self {
        Self::default()
    }
    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut list = Self::default();
        while list.items.len() < MAX {
            match items.next_element()? {
                Some(item) => list.items.push(item),
                None => return Ok(list),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            list.too_long = true;
        }
        Ok(list)
    }
}

impl<'de: 'a, 'a, const MAX: usize> Shape<'de> for Pairs<'a, MAX> {
    fn absent() -> Self {
        Self::default()
    }
    fn wrong() -> Self {
        Self::default()
    }
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut pairs: Vec<(Cow<'a, str>, Scalar<'a>)> = Vec::new();
        while pairs.len() < MAX {
            let Some((Name(name), value)) = map.next_entry()? else {
                return Ok(Self(pairs));
            };
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(TWICE));
            }
            pairs.push((name, value));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self(pairs))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Pairs<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

const TWICE: &str = "duplicate field of a free object";

/// Reads a body into a carrier's input type.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Why> {
    match serde_json::from_str::<Object<T>>(body) {
        Ok(Object::Is(inner)) => Ok(inner),
        Ok(Object::Absent | Object::Wrong) => Err(malformed("the body", "is not an object")),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Says where a body stops being JSON. Of serde's own words only the names of our fields pass: it
/// quotes values in others.
pub(crate) fn unreadable(error: &serde_json::Error) -> Why {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    let field = text
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.split('`').next());
    let detail = match (error.classify(), field) {
        (Category::Data, Some(field)) => format!("{field} appears twice in one object ({place})"),
        (Category::Data, None) if text.starts_with(TWICE) => {
            format!("a name appears twice in one object ({place})")
        }
        (Category::Data | Category::Syntax, _) => format!("the body is not JSON ({place})"),
        (Category::Eof, _) => format!("the body ends early ({place})"),
        (Category::Io, _) => "the body can't be read".to_owned(),
    };
    Why {
        reason: Reason::Malformed,
        detail,
    }
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
