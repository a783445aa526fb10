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
/// Most snapshots have no more that is open at once.
const FIELDS: usize = 64;
const ITEMS: usize = 8;

struct Builder<'a> {
    arena: &'a Arena,
    fields: Vec<'a, Field<'a>>,
    items: Vec<'a, Tree<'a>>,
    /// Of the object that is being completed, and where its field stands.
    names: Vec<'a, (Name<'a>, usize)>,
}

pub(super) fn value<'a>(reader: &mut Reader<'a>, arena: &'a Arena) -> Result<Tree<'a>, Fault> {
    let mut builder = Builder {
        arena,
        fields: arena.list(FIELDS),
        items: arena.list(ITEMS),
        names: arena.list(FIELDS),
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

    fn object(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.fields.len();
        reader.object(|reader, name, _| {
            let value = match reader.start()? {
                b'{' | b'[' => self.nested(reader, depth + 1)?,
                _ => Tree::Leaf(reader.scalar()?),
            };
            let name = Name::new(name);
            self.fields.push(Field { name, value });
            Ok(())
        })?;
        let own = self.fields.get(start..).unwrap_or_default();
        // Names are smaller than fields.
        self.names.clear();
        let names = own
            .iter()
            .enumerate()
            .map(|(place, field)| (field.name, place));
        self.names.extend(names);
        self.names.sort_unstable_by_key(|(name, _)| *name);
        let twice = |pair: &[(Name<'_>, usize)]| matches!(pair, [a, b] if a.0 == b.0);
        if self.names.windows(2).any(twice) {
            return Err(reader.fault(What::NameTwice));
        }
        let sorted = self.names.iter().filter_map(|(_, place)| own.get(*place));
        let sorted = self.arena.gathered(own.len(), sorted.copied());
        self.fields.truncate(start);
        Ok(Tree::Object(sorted))
    }

    fn list(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.items.len();
        reader.array(|reader| {
            let item = match reader.start()? {
                b'{' | b'[' => self.nested(reader, depth + 1)?,
                _ => Tree::Leaf(reader.scalar()?),
            };
            self.items.push(item);
            Ok(())
        })?;
        let own = self.items.get(start..).unwrap_or_default();
        let own = self.arena.gathered(own.len(), own.iter().copied());
        self.items.truncate(start);
        Ok(Tree::List(own))
    }
}
