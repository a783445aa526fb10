//! The datum of our own records, by place instead of by schema.
//!
//! Each record type has the fields of its Avro file, in its order, and each field the type that the
//! file names: an `Option` is `["null", T]`, a symbol its place in the enum, an instant a long. So
//! the bytes follow from the type alone, and serde's derived code writes and reads them without a
//! look at a schema, which is several times as fast. Tests hold every byte against two libraries
//! that do look. What another schema wrote is read by apache-avro.

mod read;
mod write;

use std::fmt;

pub(super) use self::{read::read, write::write};

/// The outermost record, as serde's derived code names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root<'a> {
    pub(super) name: &'a str,
    pub(super) fields: usize,
}

/// Why a value has no datum, or bytes no value. Holds no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(&'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

/// What serde's code says of a value may quote it, so that nothing of it is kept.
impl serde::ser::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("a field refuses to be written")
    }
}

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("a field does not hold what it may hold")
    }
}

const OTHER_RECORD: Unfit = Unfit("the type is not that of the record");
const NO_SUCH_TYPE: Unfit = Unfit("no field of ours has this type");

#[cfg(test)]
mod tests;
