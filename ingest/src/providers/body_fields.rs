//! The fields of a body that decide about its signature, as slices of the bytes that came.
//!
//! A walk over bytes instead of a JSON parser: it needs no UTF-8, has no limit of nesting, and yields
//! the untouched text that was signed. Where the body is valid JSON, it finds what a parser finds;
//! where it is not, the slices are still well defined and only the signature says what they are worth.

use std::borrow::Cow;

/// Why what decides can't be found in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// Not one object from first to last byte.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// It is not there.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// It is there twice: a reader after us could take the other one than was signed.
    #[error("field {0} stands there twice")]
    Twice(&'static str),
    /// It is of another type, or of another form, than the carrier sends.
    #[error("field {0} has the wrong form")]
    Form(&'static str),
}

/// Hands name and value of each top-level field to `field`, both as they stand, quotes and all.
///
/// # Errors
/// When the body is not one object, and what `field` gives back.
pub(super) fn each<'a>(
    body: &'a [u8],
    field: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), InvalidBody>,
) -> Result<(), InvalidBody> {
    Scan { bytes: body, at: 0 }.top_level(field)
}

/// The only field of this name, if it is there.
///
/// # Errors
/// When the body is not one object, or has two of them.
pub(super) fn only<'a>(
    body: &'a [u8],
    name: &'static str,
) -> Result<Option<&'a [u8]>, InvalidBody> {
    let mut found = None;
    each(body, |field, value| {
        // A name may be written with escapes and still be read as ours by a parser.
        if text(field).as_deref() == Some(name) && found.replace(value).is_some() {
            return Err(InvalidBody::Twice(name));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What stands between the quotes of a text, escapes and all.
pub(super) fn quoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A text, decoded.
pub(super) fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = quoted(value)?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(value).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Hands name and value of each top-level field to `field`.
    fn top_level(
        &mut self,
        mut field: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), InvalidBody>,
    ) -> Result<(), InvalidBody> {
        let wrong = InvalidBody::NotAnObject;
        self.expect(b'{').ok_or(wrong)?;
        if self.expect(b'}').is_none() {
            loop {
                self.blanks();
                let name = self.string().ok_or(wrong)?;
                self.expect(b':').ok_or(wrong)?;
                self.blanks();
                let value = self.value().ok_or(wrong)?;
                field(name, value)?;
                if self.expect(b',').is_none() {
                    self.expect(b'}').ok_or(wrong)?;
                    break;
                }
            }
        }
        self.blanks();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(wrong)
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over blanks and this byte, or stays before the byte that is there instead.
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.bytes.get(start..self.at)
    }

    /// A text with its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.since(start);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// A value of any kind. Brackets are counted, not matched: a parser after us sees the same
    /// slice where they match, and refuses the body where they don't.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut depth: usize = 0;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ if depth > 0 => self.at += 1,
                _ => self.scalar()?,
            }
            if depth == 0 {
                return self.since(start);
            }
        }
    }

    /// A number or a word, up to what ends it.
    fn scalar(&mut self) -> Option<()> {
        let start = self.at;
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        while self.peek().is_some_and(inside) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
