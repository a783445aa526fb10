//! Names of fields, and which of an object's fields a carrier's file wants.

use std::cmp::Ordering;

const HEAD_BYTES: usize = 16;

/// A field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The first sixteen bytes, and zeros: they decide nearly every comparison of two names.
    head: (u64, u64),
    text: &'a str,
}

impl<'a> Name<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let head = match (bytes.first_chunk(), bytes.split_at_checked(8)) {
            (Some(eight), Some((_, rest))) => (u64::from_be_bytes(*eight), second(bytes, rest)),
            (Some(_) | None, _) => (short(bytes), 0),
        };
        Self { head, text }
    }

    /// Equal for equal names, and seldom for others.
    pub(super) const fn mark(self) -> u64 {
        let (a, b) = self.head;
        (a ^ b.rotate_left(32) ^ self.text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) const fn text(self) -> &'a str {
        self.text
    }

    /// For names known when this is compiled: whether each stands after the one before it.
    pub(crate) const fn are_sorted(mut names: &[Self]) -> bool {
        while let [a, rest @ ..] = names {
            if let [b, ..] = rest
                && !is_before(a.text.as_bytes(), b.text.as_bytes())
            {
                return false;
            }
            names = rest;
        }
        true
    }
}

/// Of a name of eight bytes or more those after the eighth.
const fn second(bytes: &[u8], rest: &[u8]) -> u64 {
    match (rest.first_chunk(), bytes.last_chunk()) {
        (Some(eight), _) => u64::from_be_bytes(*eight),
        // The last eight bytes, less those that stand in the first eight.
        (None, Some(last)) if !rest.is_empty() => {
            u64::from_be_bytes(*last) << (8 * (8 - rest.len()))
        }
        (None, Some(_) | None) => 0,
    }
}

/// Of a name of less than eight bytes all.
const fn short(mut bytes: &[u8]) -> u64 {
    let (mut head, mut left) = (0, 8);
    while let [byte, rest @ ..] = bytes {
        left -= 1;
        head |= (*byte as u64) << (8 * left);
        bytes = rest;
    }
    head
}

const fn is_before(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return *x < *y;
        }
        (a, b) = (more_a, more_b);
    }
    a.len() < b.len()
}

impl PartialOrd for Name<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As the texts compare.
impl Ord for Name<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let heads = self.head.cmp(&other.head);
        heads.then_with(|| {
            // Of such names the heads hold all bytes, and zeros behind the end of a shorter one.
            if self.text.len() <= HEAD_BYTES && other.text.len() <= HEAD_BYTES {
                self.text.len().cmp(&other.text.len())
            } else {
                self.text.cmp(other.text)
            }
        })
    }
}

/// Declares which fields of an object are read, each with its name; sorted by name in bytes,
/// capital letters first, or it does not compile.
macro_rules! fields {
    ($($(#[$meta:meta])* $type:ident<$a:lifetime> { $($name:literal $field:ident,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $type<$a> {
            $(pub(super) $field: &$a $crate::tree::Tree<$a>,)+
        }

        impl<$a> $type<$a> {
            pub(super) fn of(tree: &$crate::tree::Tree<$a>) -> Self {
                const NAMES: &[$crate::tree::Name<'static>; [$($name),+].len()] =
                    &[$($crate::tree::Name::new($name)),+];
                const { assert!($crate::tree::Name::are_sorted(NAMES), "sort the names") };
                let [$($field),+] = tree.pick(NAMES);
                Self { $($field),+ }
            }
        }
    )+};
}
pub(crate) use fields;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_compare_as_their_texts(a in "[a-b\u{0}é]{0,20}", b in "[a-b\u{0}é]{0,20}") {
            prop_assert_eq!(Name::new(&a).cmp(&Name::new(&b)), a.cmp(&b));
            // Most random texts differ early.
            let (long, same) = (format!("{a}{b}"), format!("{a}a"));
            prop_assert_eq!(Name::new(&long).cmp(&Name::new(&same)), long.cmp(&same));
            let (a, b) = (Name::new(&a), Name::new(&b));
            prop_assert_eq!(Name::are_sorted(&[a, b]), a < b);
        }
    }
}
