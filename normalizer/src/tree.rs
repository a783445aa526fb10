//! A snapshot's JSON, read whole: every field counts towards its identity, also those that nobody
//! reads. Texts and numbers are borrowed as written; names are sorted, so that equal payloads are
//! equal however they are spelled. A name that appears twice in an object fails the body.

mod build;
mod identity;
mod name;

use std::cmp::Ordering;

use schemas::{ids::TEXT_BYTES_MAX, set_aside::Why};

pub(crate) use self::{
    identity::plain_number,
    name::{Name, fields},
};
use crate::{
    arena::Arena,
    json::{Fault, Reader, Scalar, What, is_json, malformed, missing},
};

/// Any value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree<'a> {
    /// A text, number, `true`, `false` or `null`.
    Leaf(Scalar<'a>),
    List(&'a [Tree<'a>]),
    /// By name, sorted.
    Object(&'a [Field<'a>]),
}

/// One field of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    name: Name<'a>,
    pub(crate) value: Tree<'a>,
}

static ABSENT: Tree<'static> = Tree::Leaf(Scalar::Absent);

impl<'a> Tree<'a> {
    /// Reads a body that must be an object.
    pub(crate) fn read(arena: &'a Arena, body: &'a str) -> Result<Self, Why> {
        let mut reader = Reader::new(body, arena);
        let whole = build::value(&mut reader, arena).and_then(|tree| reader.end().map(|()| tree));
        match whole {
            Ok(tree @ Self::Object(_)) => Ok(tree),
            Ok(Self::Leaf(_) | Self::List(_)) => Err(malformed("the body", "is not an object")),
            Err(
                fault @ Fault {
                    what: What::Many, ..
                },
            ) => Err(fault.explain(body)),
            Err(fault) => {
                is_json(body)?;
                Err(malformed(
                    "the body",
                    match fault.what {
                        What::Deep => "is nested too deeply",
                        What::NameTwice | What::Twice(_) => "has a name twice in one object",
                        What::NotJson | What::Many => "is not JSON",
                    },
                ))
            }
        }
    }

    /// The fields of these names, which must be sorted: one walk over both. What is not there is
    /// as `null`; [`fields`] declares names.
    pub(crate) fn pick<const N: usize>(&self, names: &[Name<'static>; N]) -> [&'a Self; N] {
        let mut rest = match self {
            Self::Object(fields) => fields.iter(),
            Self::Leaf(_) | Self::List(_) => [].iter(),
        };
        let mut next = rest.next();
        names.each_ref().map(|name| {
            while let Some(field) = next {
                match field.name.cmp(name) {
                    Ordering::Less => next = rest.next(),
                    Ordering::Equal => {
                        next = rest.next();
                        return &field.value;
                    }
                    Ordering::Greater => break,
                }
            }
            &ABSENT
        })
    }

    /// What a leaf holds; of anything else, that it is no leaf.
    pub(crate) const fn scalar(&self) -> Scalar<'a> {
        match self {
            Self::Leaf(scalar) => *scalar,
            Self::List(_) | Self::Object(_) => Scalar::Other(""),
        }
    }

    pub(crate) const fn is_object(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Leaf(_) | Self::List(_) => false,
        }
    }

    /// Not there, `null` or the empty text.
    pub(crate) const fn is_empty(&self) -> bool {
        self.scalar().is_empty()
    }

    /// The elements of an array; of anything else, none.
    pub(crate) const fn items(&self) -> &'a [Self] {
        match self {
            Self::List(items) => items,
            Self::Leaf(_) | Self::Object(_) => &[],
        }
    }

    /// The fields of an object; of anything else, none.
    pub(crate) const fn fields(&self) -> &'a [Field<'a>] {
        match self {
            Self::Object(fields) => fields,
            Self::Leaf(_) | Self::List(_) => &[],
        }
    }

    /// The content of a text or a number, unless it is empty.
    #[inline]
    pub(crate) const fn word(&self) -> Option<&'a str> {
        self.scalar().word()
    }

    /// A yes or a no, however it is written.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.scalar().any_word()? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// A word of the carrier's vocabulary, or an id, which must be there.
    pub(crate) fn required(&self, path: &str) -> Result<&'a str, Why> {
        self.required_at(|| path.to_owned())
    }

    /// A word of the carrier's vocabulary, or an id.
    pub(crate) fn optional(&self, path: &str) -> Result<Option<&'a str>, Why> {
        self.optional_at(|| path.to_owned())
    }

    /// As [`Tree::required`], where the path must be made.
    pub(crate) fn required_at(&self, path: impl Fn() -> String) -> Result<&'a str, Why> {
        let word = self.optional_at(&path)?;
        word.ok_or_else(|| missing(&path()))
    }

    /// As [`Tree::optional`], where the path must be made.
    pub(crate) fn optional_at(&self, path: impl Fn() -> String) -> Result<Option<&'a str>, Why> {
        match self.word() {
            Some(word) if word.len() > TEXT_BYTES_MAX => Err(malformed(
                &path(),
                &format!("is longer than {TEXT_BYTES_MAX} bytes"),
            )),
            Some(word) => Ok(Some(word)),
            None if self.is_empty() => Ok(None),
            None => Err(malformed(&path(), "is not a text")),
        }
    }

    /// All texts below here, in order.
    pub(crate) fn texts(&self, found: &mut Vec<&'a str>) {
        match self {
            Self::Leaf(Scalar::Text(text)) => found.push(text),
            Self::Leaf(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.texts(found)),
            Self::Object(fields) => fields.iter().for_each(|field| field.value.texts(found)),
        }
    }
}

impl<'a> Field<'a> {
    pub(crate) const fn name(&self) -> &'a str {
        self.name.text()
    }
}

#[cfg(test)]
mod tests;
