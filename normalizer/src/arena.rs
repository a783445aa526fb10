//! Where what is made on the way from a webhook to its events lies until they are written. All of
//! it goes at once, which costs nothing, unlike fifty small allocations.
//!
//! What stays is in which order names were found to stand, as a guess for the next webhook.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
};

use bumpalo::{
    Bump,
    collections::{String, Vec},
};
use schemas::ids::hex_digits;

/// What is kept for the next webhook; one beyond is rare.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Kinds of objects whose order of names is remembered; carriers have a dozen.
const ORDERS: usize = 64;

/// The room of one webhook.
#[derive(Debug)]
pub struct Arena {
    room: Bump,
    /// Each at the place that its kind's mark gives; places may be shared.
    orders: RefCell<[std::vec::Vec<u16>; ORDERS]>,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            room: Bump::new(),
            orders: RefCell::new([const { std::vec::Vec::new() }; ORDERS]),
        }
    }
}

impl Arena {
    /// For the next webhook: nothing of the last one is left.
    pub fn reset(&mut self) {
        if self.room.allocated_bytes() > KEPT_BYTES_MAX {
            self.room = Bump::new();
        } else {
            self.room.reset();
        }
    }

    /// One text of several.
    pub(crate) fn concat(&self, parts: &[&str]) -> &str {
        let length = parts.iter().map(|part| part.len()).sum();
        let mut text = String::with_capacity_in(length, &self.room);
        parts.iter().for_each(|part| text.push_str(part));
        text.into_bump_str()
    }

    /// As `format!`.
    pub(crate) fn text(&self, arguments: fmt::Arguments<'_>) -> &str {
        let mut text = String::with_capacity_in(64, &self.room);
        match text.write_fmt(arguments) {
            Ok(()) => text.into_bump_str(),
            // Only a value that can't be shown fails, and none here is one.
            Err(fmt::Error) => "",
        }
    }

    pub(crate) fn copied(&self, text: &str) -> &str {
        self.room.alloc_str(text)
    }

    /// A hash as hex digits, in lower case.
    pub(crate) fn hex<const BYTES: usize, const DIGITS: usize>(
        &self,
        digest: &[u8; BYTES],
    ) -> &str {
        let digits = hex_digits::<BYTES, DIGITS>(digest);
        self.copied(std::str::from_utf8(&digits).unwrap_or_default())
    }

    /// A copy of items.
    pub(crate) fn copies<T: Copy>(&self, items: &[T]) -> &[T] {
        self.room.alloc_slice_copy(items)
    }

    /// The items in the order of these places, each of which must be one of theirs.
    pub(crate) fn ordered<T: Copy>(&self, items: &[T], order: &[u16]) -> &[T] {
        let Some(first) = items.first() else {
            return &[];
        };
        let at = |place: &u16| items.get(usize::from(*place)).unwrap_or(first);
        self.room
            .alloc_slice_fill_iter(order.iter().map(|place| *at(place)))
    }

    /// The order that was remembered under a mark, which may be of another kind of object.
    pub(crate) fn with_order<T>(
        &self,
        mark: u64,
        use_order: impl FnOnce(&mut std::vec::Vec<u16>) -> T,
    ) -> T {
        // Nobody asks while he uses one.
        match self.orders.try_borrow_mut() {
            Ok(mut orders) => match orders.get_mut((mark % ORDERS as u64) as usize) {
                Some(order) => use_order(order),
                None => use_order(&mut std::vec::Vec::new()),
            },
            Err(_) => use_order(&mut std::vec::Vec::new()),
        }
    }

    /// A list that grows here.
    pub(crate) fn list<T>(&self, capacity: usize) -> Vec<'_, T> {
        Vec::with_capacity_in(capacity, &self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_joined_and_a_webhook_beyond_all_measure_leaves_nothing() {
        let mut arena = Arena::default();
        assert_eq!(arena.concat(&["raw.", "", "data"]), "raw.data");
        assert_eq!(arena.text(format_args!("path[{}]", 7)), "path[7]");
        arena.copied(&"x".repeat(2 * KEPT_BYTES_MAX));
        arena.reset();
        assert!(arena.room.allocated_bytes() < KEPT_BYTES_MAX);
    }
}
