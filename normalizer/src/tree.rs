//! A snapshot's JSON, read whole: every field counts towards its identity, also those that nobody
//! reads. Texts and numbers are borrowed as written; names are sorted, so that equal payloads are
//! equal however they are spelled. A name that appears twice in an object fails the body.

use std::{borrow::Cow, fmt::Write as _};

use schemas::{ids::TEXT_BYTES_MAX, set_aside::Why};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::json::{Scalar, malformed, missing, unreadable};

/// Carriers nest four deep.
const DEPTH_MAX: usize = 32;

/// Any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree<'a> {
    /// A text, number, `true`, `false` or `null`, as written.
    Leaf(&'a str),
    List(Vec<Tree<'a>>),
    /// By name, sorted.
    Object(Vec<(Cow<'a, str>, Tree<'a>)>),
}

const ABSENT: Tree<'static> = Tree::Leaf("null");

impl<'a> Tree<'a> {
    /// Reads a body that must be an object.
    pub(crate) fn read(body: &'a str) -> Result<Self, Why> {
        // Checked by serde, so that the reader below only has to take it apart.
        let whole: &RawValue = serde_json::from_str(body).map_err(|error| unreadable(&error))?;
        let mut reader = Reader { rest: whole.get() };
        match reader.value(0) {
            Ok(tree @ Self::Object(_)) => Ok(tree),
            Ok(Self::Leaf(_) | Self::List(_)) => Err(malformed("the body", "is not an object")),
            Err(Fault::Deep) => Err(malformed("the body", "is nested too deeply")),
            Err(Fault::Twice) => Err(malformed("the body", "has a name twice in one object")),
            Err(Fault::Form) => Err(malformed("the body", "is not JSON")),
        }
    }

    /// A field, or what stands for `null`.
    pub(crate) fn at(&self, name: &str) -> &Self {
        match self {
            Self::Object(fields) => fields
                .binary_search_by(|(known, _)| known.as_ref().cmp(name))
                .ok()
                .and_then(|index| fields.get(index))
                .map_or(&ABSENT, |(_, value)| value),
            Self::Leaf(_) | Self::List(_) => &ABSENT,
        }
    }

    pub(crate) fn scalar(&self) -> Scalar<'a> {
        match self {
            Self::Leaf(raw) => Scalar::of(raw),
            Self::List(_) | Self::Object(_) => Scalar::Other,
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Leaf(_) | Self::List(_) => false,
        }
    }

    /// The elements of an array; of anything else, none.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Leaf(_) | Self::Object(_) => &[],
        }
    }

    /// The content of a field that is a text or a number, unless it is empty.
    pub(crate) fn word(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.at(name).scalar() {
            Scalar::Text(text) if !text.is_empty() => Some(text),
            Scalar::Number(text) => Some(Cow::Borrowed(text)),
            Scalar::Absent | Scalar::Text(_) | Scalar::Bool(_) | Scalar::Other => None,
        }
    }

    /// A field that is a yes or a no, however it is written.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.at(name).scalar().any_word()? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// A word of the carrier's vocabulary, or an id.
    pub(crate) fn required(&self, name: &str, path: &str) -> Result<Cow<'a, str>, Why> {
        match self.word(name) {
            Some(word) if word.len() > TEXT_BYTES_MAX => Err(malformed(
                path,
                &format!("is longer than {TEXT_BYTES_MAX} bytes"),
            )),
            Some(word) => Ok(word),
            None if self.at(name).scalar().is_empty() => Err(missing(path)),
            None => Err(malformed(path, "is not a text")),
        }
    }

    /// A hash of all that is said, less the fields of these names at any depth.
    pub(crate) fn digest(&self, without: &[&str]) -> String {
        let mut bytes = Vec::with_capacity(4096);
        self.write(without, &mut bytes);
        hex::encode(Sha256::digest(&bytes))
    }

    /// Every value is preceded by its type, and by its length where that varies: no two trees give
    /// the same bytes.
    fn write(&self, without: &[&str], out: &mut Vec<u8>) {
        match self {
            Self::Leaf(raw) => match Scalar::of(raw) {
                Scalar::Absent => out.push(b'n'),
                Scalar::Text(text) => sized(b't', text.as_bytes(), out),
                Scalar::Number(text) => sized(b'd', plain_number(text).as_bytes(), out),
                Scalar::Bool(text) => sized(b'b', text.as_bytes(), out),
                Scalar::Other => sized(b'x', raw.as_bytes(), out),
            },
            Self::List(items) => {
                out.push(b'[');
                items.iter().for_each(|item| item.write(without, out));
                out.push(b']');
            }
            Self::Object(fields) => {
                out.push(b'{');
                for (name, value) in fields {
                    if !without.contains(&name.as_ref()) {
                        sized(b'k', name.as_bytes(), out);
                        value.write(without, out);
                    }
                }
                out.push(b'}');
            }
        }
    }

    /// All texts below here, in order.
    pub(crate) fn texts(&self, found: &mut Vec<Cow<'a, str>>) {
        match self {
            Self::Leaf(raw) => {
                if let Scalar::Text(text) = Scalar::of(raw) {
                    found.push(text);
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.texts(found)),
            Self::Object(fields) => fields.iter().for_each(|(_, value)| value.texts(found)),
        }
    }
}

fn sized(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
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

enum Fault {
    Deep,
    Twice,
    Form,
}

/// Takes apart a text that is known to be JSON.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Tree<'a>, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::Deep);
        }
        self.skip_space();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text().map(Tree::Leaf),
            Some(_) => {
                let end = self
                    .rest
                    .find([',', ']', '}', ' ', '\t', '\n', '\r'])
                    .unwrap_or(self.rest.len());
                self.take(end).map(Tree::Leaf)
            }
            None => Err(Fault::Form),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Tree<'a>, Fault> {
        self.take(1)?;
        let mut fields = Vec::new();
        while !self.ends_with('}') {
            let Scalar::Text(name) = Scalar::of(self.text()?) else {
                return Err(Fault::Form);
            };
            self.skip_space();
            self.rest = self.rest.strip_prefix(':').ok_or(Fault::Form)?;
            fields.push((name, self.value(depth + 1)?));
        }
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let twice = |pair: &[(Cow<'_, str>, _)]| match pair {
            [(a, _), (b, _)] => a == b,
            _ => false,
        };
        if fields.windows(2).any(twice) {
            return Err(Fault::Twice);
        }
        Ok(Tree::Object(fields))
    }

    fn list(&mut self, depth: usize) -> Result<Tree<'a>, Fault> {
        self.take(1)?;
        let mut items = Vec::new();
        while !self.ends_with(']') {
            items.push(self.value(depth + 1)?);
        }
        Ok(Tree::List(items))
    }

    /// Passes the comma before the next element, or the bracket after the last.
    fn ends_with(&mut self, bracket: char) -> bool {
        self.skip_space();
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            self.skip_space();
        }
        match self.rest.strip_prefix(bracket) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A string with its quotes.
    fn text(&mut self) -> Result<&'a str, Fault> {
        let mut escaped = false;
        for (index, byte) in self.rest.bytes().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return self.take(index + 1),
                _ => {}
            }
        }
        Err(Fault::Form)
    }

    fn take(&mut self, bytes: usize) -> Result<&'a str, Fault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Fault::Form)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_payloads_have_equal_digests_however_they_are_spelled() {
        let digest = |text: &str| Tree::read(text).unwrap().digest(&["secret"]);
        let base = digest(r#"{"a":33000,"b":{"c":"Hẻm","d":[1,2]},"secret":"x"}"#);
        for same in [
            r#" { "b" : { "d" : [ 1.0 , 2e0 ] , "c" : "H\u1ebbm" } , "a" : 33000.0 } "#,
            r#"{"a":3.3e4,"b":{"c":"Hẻm","d":[1,2],"secret":[]}}"#,
        ] {
            assert_eq!(digest(same), base, "{same}");
        }
        for other in [
            r#"{"a":33000,"b":{"c":"Hẻm","d":[2,1]}}"#,
            r#"{"a":"33000","b":{"c":"Hẻm","d":[1,2]}}"#,
            r#"{"a":33001,"b":{"c":"Hẻm","d":[1,2]}}"#,
            r#"{"a":33000,"b":{"c":"Hẻm","d":[1,2],"e":null}}"#,
            r#"{"a":33000,"b":{"c":"Hẻm"},"d":[1,2]}"#,
        ] {
            assert_ne!(digest(other), base, "{other}");
        }
    }

    #[test]
    fn a_name_twice_a_list_and_what_is_too_deep_are_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        for wrong in [
            r#"{"a":1,"\u0061":2}"#,
            "[]",
            "1",
            "{",
            r#"{"\ud800":1}"#,
            &deep,
        ] {
            assert!(Tree::read(wrong).is_err(), "{wrong}");
        }
        let empty = r#"{"a":{},"b":[],"c":"\"}\\","d":-1.5}"#;
        let tree = Tree::read(empty).unwrap();
        assert_eq!(tree.word("c").as_deref(), Some("\"}\\"));
        assert_eq!(tree.word("d").as_deref(), Some("-1.5"));
        assert!(tree.at("b").items().is_empty() && tree.at("a").is_object());
    }
}
