//! One pass over a body: checks that it is JSON and hands out its parts, borrowed as written. What
//! is accepted is what serde_json accepts, and a test holds the two against each other.
//!
//! What is read of a field goes to its place out of registers, which is why so much is inlined by
//! force: written to the stack in pieces and then copied whole, each value waits for its own bytes.

use schemas::{Reason, set_aside::Why};

use super::{
    Scalar, is_json, malformed,
    scan::{escape, plain_until},
};
use crate::arena::Arena;

/// Where a body stops being readable, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    at: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    NotJson,
    /// A field of ours.
    Twice(&'static str),
    /// A field of the carrier's own naming.
    NameTwice,
    Deep,
    Many,
}

impl Fault {
    /// For a person; the place is told as serde_json tells it, which is asked about the rest too.
    /// It quotes values, so that of its words none passes but the place.
    pub(crate) fn explain(self, body: &str) -> Why {
        let read = body.as_bytes().get(..self.at).unwrap_or_default();
        let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = read.iter().rev().take_while(|byte| **byte != b'\n').count();
        let place = format!("(line {line}, column {column})");
        match self.what {
            What::Twice(field) => malformed(field, &format!("appears twice in one object {place}")),
            What::NameTwice => malformed("a name", &format!("appears twice in one object {place}")),
            What::Deep => malformed("the body", &format!("is nested too deeply {place}")),
            What::Many => Why {
                reason: Reason::TooLarge,
                detail: format!("the body holds too many values {place}"),
            },
            What::NotJson => is_json(body)
                .err()
                .unwrap_or_else(|| malformed("the body", &format!("is not JSON {place}"))),
        }
    }
}

/// A string between its quotes.
struct Text<'a> {
    inner: &'a str,
    escaped: bool,
}

/// Stands before the next byte to be read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// For texts that lose their escapes.
    arena: &'a Arena,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(text: &'a str, arena: &'a Arena) -> Self {
        Self { text, at: 0, arena }
    }

    /// The first byte of the next value, which is not passed.
    #[inline(always)]
    pub(crate) fn start(&mut self) -> Result<u8, Fault> {
        self.skip_space();
        self.peek().ok_or_else(|| self.not_json())
    }

    /// A leaf, or the whole text of what is none.
    #[inline(always)]
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, Fault> {
        let first = self.start()?;
        let start = self.at;
        Ok(match first {
            b'"' => {
                let text = self.text()?;
                match text.decoded(self.arena) {
                    Some(text) => Scalar::Text(text),
                    None => Scalar::Other(self.since(start)),
                }
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Scalar::Number(self.since(start))
            }
            b't' => {
                self.literal("true")?;
                Scalar::Bool("true")
            }
            b'f' => {
                self.literal("false")?;
                Scalar::Bool("false")
            }
            b'n' => {
                self.literal("null")?;
                Scalar::Absent
            }
            _ => {
                self.skip()?;
                Scalar::Other(self.since(start))
            }
        })
    }

    /// Reads the object that begins here. `take` must pass the value of each name; it is also told
    /// where the name ends.
    pub(crate) fn object(
        &mut self,
        mut take: impl FnMut(&mut Self, &'a str, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.at += 1;
        let mut is_first = true;
        while self.more(is_first, b'}')? {
            is_first = false;
            let name = self.name()?.decoded(self.arena);
            let name = name.ok_or_else(|| self.not_json())?;
            self.skip_space();
            let end = self.at;
            self.byte(b':')?;
            take(self, name, end)?;
        }
        Ok(())
    }

    /// Reads the array that begins here. `take` must pass each value.
    pub(crate) fn array(
        &mut self,
        mut take: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.at += 1;
        let mut is_first = true;
        while self.more(is_first, b']')? {
            is_first = false;
            take(self)?;
        }
        Ok(())
    }

    /// Passes a value of any kind, however deep.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            let closing = match self.start()? {
                b'{' => Some(b'}'),
                b'[' => Some(b']'),
                _ => None,
            };
            match closing {
                Some(closing) => {
                    self.at += 1;
                    if self.element(true, closing)? {
                        open.push(closing);
                        continue;
                    }
                }
                None => self.leaf()?,
            }
            // A value has ended, and perhaps what it is in.
            while let Some(closing) = open.last().copied() {
                if self.element(false, closing)? {
                    break;
                }
                open.pop();
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// As [`Reader::more`]; passes an object's name too.
    fn element(&mut self, is_first: bool, closing: u8) -> Result<bool, Fault> {
        let follows = self.more(is_first, closing)?;
        if follows && closing == b'}' {
            self.name()?;
            self.skip_space();
            self.byte(b':')?;
        }
        Ok(follows)
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.not_json())
        }
    }

    pub(crate) const fn fault(&self, what: What) -> Fault {
        Fault { at: self.at, what }
    }

    pub(crate) const fn fault_at(at: usize, what: What) -> Fault {
        Fault { at, what }
    }

    const fn not_json(&self) -> Fault {
        self.fault(What::NotJson)
    }

    fn leaf(&mut self) -> Result<(), Fault> {
        match self.start()? {
            b'"' => self.text().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(self.not_json()),
        }
    }

    /// Passes what stands before the next element, or the bracket after the last.
    #[inline(always)]
    fn more(&mut self, is_first: bool, closing: u8) -> Result<bool, Fault> {
        match self.start()? {
            byte if byte == closing => {
                self.at += 1;
                Ok(false)
            }
            _ if is_first => Ok(true),
            b',' => {
                self.at += 1;
                // A bracket here would end a list with a comma.
                if self.start()? == closing {
                    return Err(self.not_json());
                }
                Ok(true)
            }
            _ => Err(self.not_json()),
        }
    }

    #[inline(always)]
    fn name(&mut self) -> Result<Text<'a>, Fault> {
        if self.start()? != b'"' {
            return Err(self.not_json());
        }
        self.text()
    }

    /// The string whose opening quote is here.
    #[inline(always)]
    fn text(&mut self) -> Result<Text<'a>, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            at = plain_until(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = escape(bytes, at).ok_or_else(|| self.not_json())?;
                }
                Some(_) | None => return Err(self.not_json()),
            }
        }
        self.at = at + 1;
        let inner = self.text.get(start..at).unwrap_or_default();
        Ok(Text { inner, escaped })
    }

    fn number(&mut self) -> Result<(), Fault> {
        // Carriers write many a zero, for none.
        let rest = self.text.as_bytes().get(self.at..);
        if let Some([b'0', b',' | b'}' | b']', ..]) = rest {
            self.at += 1;
            return Ok(());
        }
        self.pass(b"-");
        if !self.pass(b"0") {
            self.digits()?;
        }
        if self.pass(b".") {
            self.digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.not_json());
        }
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.not_json());
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(always)]
    fn byte(&mut self, expected: u8) -> Result<(), Fault> {
        if self.peek() != Some(expected) {
            return Err(self.not_json());
        }
        self.at += 1;
        Ok(())
    }

    fn pass(&mut self, any_of: &[u8]) -> bool {
        let passes = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(passes);
        passes
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

impl<'a> Text<'a> {
    /// Its content, unless an escape names no character.
    #[inline(always)]
    fn decoded(&self, arena: &'a Arena) -> Option<&'a str> {
        if self.escaped {
            self.unescaped(arena)
        } else {
            Some(self.inner)
        }
    }

    #[cold]
    fn unescaped(&self, arena: &'a Arena) -> Option<&'a str> {
        let quoted = arena.concat(&["\"", self.inner, "\""]);
        let text = serde_json::from_str::<String>(quoted).ok()?;
        Some(arena.copied(&text))
    }
}
