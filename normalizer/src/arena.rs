//! Where what is made on the way from a webhook to its events lies until they are written. All of
//! it goes at once, which costs nothing, unlike fifty small allocations.

use std::fmt::{self, Write as _};

use bumpalo::{
    Bump,
    collections::{String, Vec},
};
use schemas::ids::hex_digits;

/// What is kept for the next webhook; one beyond is rare.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The room of one webhook.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// For the next webhook: nothing of the last one is left.
    pub fn reset(&mut self) {
        if self.0.allocated_bytes() > KEPT_BYTES_MAX {
            self.0 = Bump::new();
        } else {
            self.0.reset();
        }
    }

    /// One text of several.
    pub(crate) fn concat(&self, parts: &[&str]) -> &str {
        let length = parts.iter().map(|part| part.len()).sum();
        let mut text = String::with_capacity_in(length, &self.0);
        parts.iter().for_each(|part| text.push_str(part));
        text.into_bump_str()
    }

    /// As `format!`.
    pub(crate) fn text(&self, arguments: fmt::Arguments<'_>) -> &str {
        let mut text = String::with_capacity_in(64, &self.0);
        match text.write_fmt(arguments) {
            Ok(()) => text.into_bump_str(),
            // Only a value that can't be shown fails, and none here is one.
            Err(fmt::Error) => "",
        }
    }

    pub(crate) fn copied(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    /// A hash as hex digits, in lower case.
    pub(crate) fn hex(&self, digest: &[u8; 32]) -> &str {
        let digits = hex_digits::<32, 64>(digest);
        self.copied(std::str::from_utf8(&digits).unwrap_or_default())
    }

    /// So many items, or as many as there are.
    pub(crate) fn gathered<T>(&self, count: usize, items: impl Iterator<Item = T>) -> &[T] {
        let mut list = self.list(count);
        list.extend(items.take(count));
        list.into_bump_slice()
    }

    /// A list that grows here.
    pub(crate) fn list<T>(&self, capacity: usize) -> Vec<'_, T> {
        Vec::with_capacity_in(capacity, &self.0)
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
        assert!(arena.0.allocated_bytes() < KEPT_BYTES_MAX);
    }
}
