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
}

pub(super) fn value<'a>(reader: &mut Reader<'a>, arena: &'a Arena) -> Result<Tree<'a>, Fault> {
    let mut builder = Builder {
        arena,
        fields: arena.list(FIELDS),
        items: arena.list(ITEMS),
    };
    builder.value(reader, 0)
}

impl<'a> Builder<'a> {
    fn value(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        if depth > DEPTH_MAX {
            return Err(reader.fault(What::Deep));
        }
        match reader.start()? {
            b'{' => self.object(reader, depth),
            b'[' => self.list(reader, depth),
            _ => reader.scalar().map(Tree::Leaf),
        }
    }

    fn object(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.fields.len();
        reader.object(|reader, name, _| {
            let value = self.value(reader, depth + 1)?;
            let name = Name::new(name);
            self.fields.push(Field { name, value });
            Ok(())
        })?;
        let own = self.fields.get_mut(start..).unwrap_or_default();
        own.sort_unstable_by_key(|field| field.name);
        let twice = |pair: &[Field<'_>]| matches!(pair, [a, b] if a.name == b.name);
        if own.windows(2).any(twice) {
            return Err(reader.fault(What::NameTwice));
        }
        let own = self.arena.slice(own);
        self.fields.truncate(start);
        Ok(Tree::Object(own))
    }

    fn list(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
        let start = self.items.len();
        reader.array(|reader| {
            let item = self.value(reader, depth + 1)?;
            self.items.push(item);
            Ok(())
        })?;
        let own = self
            .arena
            .slice(self.items.get(start..).unwrap_or_default());
        self.items.truncate(start);
        Ok(Tree::List(own))
    }
}
