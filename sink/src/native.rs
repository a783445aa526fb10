//! A block of rows as ClickHouse's Native format: column by column, each headed by its name and its
//! type, so that the server takes it as it is and refuses or converts what its table has otherwise.
//!
//! Values stand in the order in which they came. What a body holds, and in which order, is told by
//! runs: neighbours that stay together. The bytes are a function of the chosen values alone, so a
//! block that is read again, in whatever order partitions were fetched, gives the same bytes.

mod nested;
mod plain;
mod text;
mod words;

use std::ops::Range;

pub use nested::{Many, Optional, Pairs};
pub use plain::{Amount, Fixed, Instant, Plain};
pub use text::{Hex, Text};
pub use words::Words;

pub type Word = Words<false>;
pub type MaybeWord = Words<true>;

/// Neighbouring values, by their places among all that came.
pub type Runs = [Range<usize>];

/// The values of one column.
pub trait Column: Default {
    /// Its type, as the server names it.
    fn kind() -> String;

    /// How much memory its values take, nearly.
    fn bytes(&self) -> usize;

    /// What stands before the values of the whole column.
    fn head(_body: &mut Vec<u8>) {}

    /// The values of some runs.
    fn body(&self, runs: &Runs, body: &mut Vec<u8>);
}

/// A column takes one more value.
pub trait Push<V> {
    fn push(&mut self, value: V);
}

/// The columns of a table, or some of them that stand together in several.
pub trait Columns: Default {
    fn names(into: &mut Vec<&'static str>);

    /// How much memory all values take, nearly.
    fn bytes(&self) -> usize;

    /// Each column with its name, its type and the values of some runs.
    fn body(&self, runs: &Runs, body: &mut Vec<u8>);
}

/// The names of a table's columns, in the order of a block.
pub fn names<C: Columns>() -> Vec<&'static str> {
    let mut names = Vec::new();
    C::names(&mut names);
    names
}

/// One block. `runs` must not be empty: the server takes no block without rows.
pub fn block<C: Columns>(columns: &C, runs: &Runs) -> Vec<u8> {
    let mut body = Vec::new();
    length(&mut body, names::<C>().len());
    length(&mut body, count(runs));
    columns.body(runs, &mut body);
    body
}

/// One column of a block.
pub fn column<C: Column>(name: &str, column: &C, runs: &Runs, body: &mut Vec<u8>) {
    for text in [name, &C::kind()] {
        length(body, text.len());
        body.extend_from_slice(text.as_bytes());
    }
    C::head(body);
    column.body(runs, body);
}

fn count(runs: &Runs) -> usize {
    runs.iter().map(ExactSizeIterator::len).sum()
}

/// Joins places that follow each other.
pub fn runs(places: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(last) if last.end == place => last.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Seven bits a byte, the lowest first.
fn length(body: &mut Vec<u8>, length: usize) {
    let low = |value: usize| value.to_le_bytes().first().copied().unwrap_or_default() & 0x7f;
    let mut rest = length;
    while rest >= 0x80 {
        body.push(low(rest) | 0x80);
        rest >>= 7;
    }
    body.push(low(rest));
}

/// Where values of changing size end.
#[derive(Debug, Default)]
struct Ends(Vec<u32>);

impl Ends {
    fn push(&mut self, end: usize) {
        // a block is closed long before
        self.0.push(u32::try_from(end).unwrap_or(u32::MAX));
    }

    fn at(&self, place: usize) -> usize {
        self.0
            .get(place)
            .and_then(|end| usize::try_from(*end).ok())
            .unwrap_or_default()
    }

    /// What a run of values takes of what they are made of.
    fn of(&self, run: &Range<usize>) -> Range<usize> {
        let before = |place: usize| place.checked_sub(1).map_or(0, |last| self.at(last));
        before(run.start)..before(run.end)
    }

    fn bytes(&self) -> usize {
        self.0.len() * size_of::<u32>()
    }
}

/// Declares a table's columns: groups that stand together in several tables, then the others, each with
/// its type and its name in the store. Before them stands what a row's writer needs besides.
macro_rules! columns {
    (
        $(#[$meta:meta])*
        $vis:vis struct $table:ident $(($state:ident: $state_kind:ty))? {
            $($group:ident: $part:ty,)*
            ---
            $($field:ident: $kind:ty = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $table {
            $(pub(super) $state: $state_kind,)?
            $(pub(super) $group: $part,)*
            $($field: $kind,)*
        }

        impl crate::native::Columns for $table {
            fn names(into: &mut Vec<&'static str>) {
                $(<$part as crate::native::Columns>::names(into);)*
                into.extend([$($name,)*]);
            }

            fn bytes(&self) -> usize {
                0 $(+ crate::native::Columns::bytes(&self.$group))*
                  $(+ crate::native::Column::bytes(&self.$field))*
            }

            fn body(&self, runs: &crate::native::Runs, body: &mut Vec<u8>) {
                $(crate::native::Columns::body(&self.$group, runs, body);)*
                $(crate::native::column($name, &self.$field, runs, body);)*
            }
        }
    };
}

pub(crate) use columns;

#[cfg(test)]
mod tests;
