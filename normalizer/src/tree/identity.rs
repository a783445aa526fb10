//! What tells one state of an order from another: a hash over all that is said.

use std::{borrow::Cow, fmt::Write as _};

use schemas::Gathering;

use super::Tree;
use crate::{arena::Arena, json::Scalar};

impl<'a> Tree<'a> {
    /// A hash of all that is said, less the fields of these names at any depth.
    pub(crate) fn digest(&self, without: &[&str], arena: &'a Arena) -> &'a str {
        let mut hash = Gathering::default();
        self.write(without, &mut hash);
        arena.hex(&hash.finish())
    }

    /// Every value is preceded by its type, and by its length where that varies: no two trees give
    /// the same bytes.
    fn write(&self, without: &[&str], out: &mut Gathering) {
        match self {
            Self::Leaf(scalar) => match scalar {
                Scalar::Absent => out.add(b"n"),
                Scalar::Text(text) => sized(b't', text, out),
                Scalar::Number(text) => sized(b'd', &plain_number(text), out),
                Scalar::Bool(text) => sized(b'b', text, out),
                Scalar::Other(raw) => sized(b'x', raw, out),
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
                        sized(b'k', field.name(), out);
                        field.value.write(without, out);
                    }
                }
                out.add(b"}");
            }
        }
    }
}

fn sized(kind: u8, text: &str, out: &mut Gathering) {
    let [a, b, c, d] = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.add(&[kind, a, b, c, d]);
    out.add(text.as_bytes());
}

/// One spelling for each number: `33000.0` and `3.3e4` are `33000`. Whole numbers stay as written,
/// since ids have more digits than a double holds.
pub(crate) fn plain_number(text: &str) -> Cow<'_, str> {
    if !text.contains(['.', 'e', 'E']) {
        return Cow::Borrowed(if text == "-0" { "0" } else { text });
    }
    match text.parse::<f64>() {
        Ok(0.0) => Cow::Borrowed("0"),
        Ok(number) if number.is_finite() => {
            let mut plain = String::with_capacity(24);
            match write!(plain, "{number}") {
                Ok(()) => Cow::Owned(plain),
                Err(_) => Cow::Borrowed(text),
            }
        }
        Ok(_) | Err(_) => Cow::Borrowed(text),
    }
}
