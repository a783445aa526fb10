//! JSON to a tree. What is not yet complete stands on two stacks, so that each object and each list
//! is laid down once, in its final size.

use bumpalo::collections::Vec;

use super::{Field, Name, Tree};
use crate::{
    arena::Arena,
    json::{Fault, Reader, What},
};

/// Carriers nest four deep.
const DEPTH_MAX: usize = 32;
/// The largest deliveries have some forty thousand. Each takes many times the byte that it may be written in.
const VALUES_MAX: usize = 250_000;
/// Most snapshots have no more that is open at once.
const FIELDS: usize = 64;
const ITEMS: usize = 8;
/// An object with more fields is of no carrier, and its order is not remembered.
const REMEMBERED_MAX: u16 = 256;

struct Builder<'a> {
    arena: &'a Arena,
    fields: Vec<'a, Field<'a>>,
    items: Vec<'a, Tree<'a>>,
    values: usize,
}

pub(super) fn value<'a>(reader: &mut Reader<'a>, arena: &'a Arena) -> Result<Tree<'a>, Fault> {
    let mut builder = Builder {
        arena,
        fields: arena.list(FIELDS),
        items: arena.list(ITEMS),
        values: 0,
    };
    match reader.start()? {
        b'{' | b'[' => builder.nested(reader, 0),
        _ => reader.scalar().map(Tree::Leaf),
    }
}

impl<'a> Builder<'a> {
    fn nested(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        if depth > DEPTH_MAX {
            return Err(reader.fault(What::Deep));
        }
        match reader.start()? {
            b'{' => self.object(reader, depth),
            _ => self.list(reader, depth),
        }
    }

    #[inline(always)]
    fn inner(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(reader.fault(What::Many));
        }
        match reader.start()? {
            b'{' | b'[' => self.nested(reader, depth + 1),
            _ => reader.scalar().map(Tree::Leaf),
        }
    }

    fn object(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.fields.len();
        reader.object(|reader, name, _| {
            let value = self.inner(reader, depth)?;
            let name = Name::new(name);
            self.fields.push(Field { name, value });
            Ok(())
        })?;
        let own = self.fields.get(start..).unwrap_or_default();
        let sorted = sorted(own, self.arena).ok_or_else(|| reader.fault(What::NameTwice))?;
        self.fields.truncate(start);
        Ok(Tree::Object(sorted))
    }

    fn list(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.items.len();
        reader.array(|reader| {
            let item = self.inner(reader, depth)?;
            self.items.push(item);
            Ok(())
        })?;
        let own = self.items.get(start..).unwrap_or_default();
        let own = self.arena.copies(own);
        self.items.truncate(start);
        Ok(Tree::List(own))
    }
}

/// The fields by name; none where a name comes twice. A carrier writes its fields in one order, so
/// that the order in which those of the last object of the kind had to be taken is tried first.
fn sorted<'a>(fields: &[Field<'a>], arena: &'a Arena) -> Option<&'a [Field<'a>]> {
    let (Some(first), Some(last)) = (fields.first(), fields.last()) else {
        return Some(&[]);
    };
    let mark = first.name.mark() ^ last.name.mark().rotate_left(7) ^ fields.len() as u64;
    arena.with_order(mark >> 32, |order| {
        if order.len() == fields.len() {
            let guessed = arena.ordered(fields, order);
            if is_ascending(guessed) {
                return Some(guessed);
            }
        }
        let count = u16::try_from(fields.len()).ok();
        let Some(count) = count.filter(|count| *count <= REMEMBERED_MAX) else {
            let mut sorted = arena.list(fields.len());
            sorted.extend_from_slice_copy(fields);
            sorted.sort_unstable_by_key(|field: &Field<'_>| field.name);
            let sorted = sorted.into_bump_slice();
            return is_ascending(sorted).then_some(sorted);
        };
        order.clear();
        order.extend(0..count);
        order.sort_unstable_by_key(|place| fields.get(usize::from(*place)).map(|field| field.name));
        let sorted = arena.ordered(fields, order);
        is_ascending(sorted).then_some(sorted)
    })
}

fn is_ascending(fields: &[Field<'_>]) -> bool {
    fields.is_sorted_by(|a, b| a.name < b.name)
}
