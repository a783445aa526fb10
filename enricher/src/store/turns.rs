//! When to look whether a record can be forgotten. The list lies on the shelf, in whole hours; the
//! next few of it are here, and what the open transaction does to it.
//!
//! A record may have more than one turn, and a turn may find that it came too early: it is then taken
//! later. Only a record without any would be kept for ever.

use std::{collections::VecDeque, sync::Arc};

use crate::shelf::{Damaged, Shelf, Turn};

const AHEAD: usize = 64;

#[derive(Debug, Default)]
pub struct Turns {
    coming: VecDeque<(i64, Arc<str>)>,
    /// The last that was taken; the shelf still has it until the commit.
    taken: Option<(i64, Arc<str>)>,
    moves: Vec<Turn>,
}

impl Turns {
    pub fn first(&self) -> Option<(i64, &Arc<str>)> {
        self.coming.front().map(|(at, key)| (*at, key))
    }

    pub fn is_still(&self) -> bool {
        self.moves.is_empty()
    }

    pub fn add(&mut self, at_ms: i64, key: Arc<str>) {
        self.moves.push(Turn::Add(at_ms, key));
    }

    pub fn take_first(&mut self) -> Option<Arc<str>> {
        let (at, key) = self.coming.pop_front()?;
        self.moves.push(Turn::Remove(at, key.clone()));
        self.taken = Some((at, key.clone()));
        Some(key)
    }

    pub fn refill(&mut self, shelf: &dyn Shelf) -> Result<(), Damaged> {
        self.coming = shelf.expiries(self.taken.as_ref(), AHEAD)?.into();
        Ok(())
    }

    /// What the commit does to the list; fill it up again afterwards.
    pub fn committed(&mut self) -> Vec<Turn> {
        self.taken = None;
        std::mem::take(&mut self.moves)
    }

    /// Whether it must be filled up again.
    pub fn discarded(&mut self) -> bool {
        self.taken = None;
        !std::mem::take(&mut self.moves).is_empty()
    }
}
