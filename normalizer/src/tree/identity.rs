//! What tells one state of an order from another: a hash over all that is said.

use std::{borrow::Cow, fmt::Write as _};

use schemas::Content;

use super::Tree;
use crate::{arena::Arena, json::Scalar};

impl<'a> Tree<'a> {
    /// A hash of all that is said, less the fields of these names at any depth.
    pub(crate) fn digest(&self, without: &[&str], arena: &'a Arena) -> &'a str {
        self.digest_with(&[], without, arena)
    }

    /// The same, of this and of texts that belong to it.
    pub(crate) fn digest_with(
        &self,
        texts: &[&str],
        without: &[&str],
        arena: &'a Arena,
    ) -> &'a str {
        let mut content = Content::default();
        for text in texts {
            content.add_marked(b't', text.as_bytes());
        }
        self.write(without, &mut content);
        arena.hex::<16, 32>(&content.finish())
    }

    /// Every value is preceded by its type, and by its length where that varies: no two trees give
    /// the same bytes.
    fn write(&self, without: &[&str], out: &mut Content) {
        match self {
            Self::Leaf(scalar) => match scalar {
                Scalar::Absent => out.add(b"n"),
                Scalar::Text(text) => out.add_marked(b't', text.as_bytes()),
                Scalar::Number(text) => out.add_marked(b'd', plain_number(text).as_bytes()),
                Scalar::Bool(text) => out.add_marked(b'b', text.as_bytes()),
                Scalar::Other(raw) => out.add_marked(b'x', raw.as_bytes()),
            },
            Self::List(items) => {
                out.add(b"[");
                items.iter().for_each(|item| item.write(without, out));
                out.add(b"]");
            }
            Self::Object(fields) => {
                out.add(b"{");
                for field in *fields {
                    if !without.contains(&field.name()) {
                        out.add_marked(b'k', field.name().as_bytes());
                        field.value.write(without, out);
                    }
                }
                out.add(b"}");
            }
        }
    }
}

/// One spelling for each number: `33000.0` and `3.3e4` are `33000`. Whole numbers stay as written,
/// since ids have more digits than a double holds.
pub(crate) fn plain_number(text: &str) -> Cow<'_, str> {
    if let [b'0'..=b'9'] = text.as_bytes() {
        return Cow::Borrowed(text);
    }
    let mut point = false;
    for byte in text.bytes() {
        match byte {
            b'.' => point = true,
            b'e' | b'E' => return respelled(text),
            _ => {}
        }
    }
    match point {
        false if text == "-0" => Cow::Borrowed("0"),
        false => Cow::Borrowed(text),
        // So few digits are the shortest that name their double, if the last one says something.
        true if text.len() <= DIGITS_CERTAIN && matches!(text.as_bytes(), [.., b'1'..=b'9']) => {
            Cow::Borrowed(text)
        }
        true => respelled(text),
    }
}

/// As many digits are told apart by a double.
const DIGITS_CERTAIN: usize = 15;

fn respelled(text: &str) -> Cow<'_, str> {
    match text.parse::<f64>() {
        Ok(0.0) => Cow::Borrowed("0"),
        Ok(number) if number.is_finite() => {
            // Of two shortest texts equally near the library takes the larger one and faster crates
            // the even one: identities hang on it.
            let mut plain = String::with_capacity(24);
            match write!(plain, "{number}") {
                Ok(()) => Cow::Owned(plain),
                Err(_) => Cow::Borrowed(text),
            }
        }
        Ok(_) | Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_that_stays_as_written_is_what_the_library_writes(
            text in "-?(0|[1-9][0-9]{0,9})[.][0-9]{1,9}",
        ) {
            prop_assert_eq!(plain_number(&text), respelled(&text));
        }
    }
}
