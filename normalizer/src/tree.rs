//! A snapshot's JSON, read whole: every field counts towards its identity, also those that nobody
//! reads. Texts and numbers are borrowed as written; names are sorted, so that equal payloads are
//! equal however they are spelled. A name that appears twice in an object fails the body.

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _};

use schemas::{
    Gathering,
    ids::{TEXT_BYTES_MAX, push_hex},
    set_aside::Why,
};

use crate::json::{Fault, Reader, Scalar, What, is_json, malformed, missing};

/// Carriers nest four deep.
const DEPTH_MAX: usize = 32;

/// Any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree<'a> {
    /// A text, number, `true`, `false` or `null`.
    Leaf(Scalar<'a>),
    List(Vec<Tree<'a>>),
    /// By name, sorted.
    Object(Vec<Field<'a>>),
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// The name's first eight bytes: they decide most comparisons of two names.
    head: u64,
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Tree<'a>,
}

const ABSENT: Tree<'static> = Tree::Leaf(Scalar::Absent);
const NO_LEAF: Scalar<'static> = Scalar::Other("");

impl<'a> Tree<'a> {
    /// Reads a body that must be an object.
    pub(crate) fn read(body: &'a str) -> Result<Self, Why> {
        let mut reader = Reader::new(body);
        let whole = value(&mut reader, 0).and_then(|tree| reader.end().map(|()| tree));
        match whole {
            Ok(tree @ Self::Object(_)) => Ok(tree),
            Ok(Self::Leaf(_) | Self::List(_)) => Err(malformed("the body", "is not an object")),
            Err(fault) => {
                is_json(body)?;
                Err(malformed(
                    "the body",
                    match fault.what {
                        What::Deep => "is nested too deeply",
                        What::NameTwice | What::Twice(_) => "has a name twice in one object",
                        What::NotJson => "is not JSON",
                    },
                ))
            }
        }
    }

    /// A field, or what stands for `null`.
    #[inline]
    pub(crate) fn at(&self, name: &str) -> &Self {
        match self {
            Self::Object(fields) => {
                let head = head(name);
                fields
                    .binary_search_by(|field| field.compare(head, name))
                    .ok()
                    .and_then(|index| fields.get(index))
                    .map_or(&ABSENT, |field| &field.value)
            }
            Self::Leaf(_) | Self::List(_) => &ABSENT,
        }
    }

    pub(crate) const fn scalar(&self) -> &Scalar<'a> {
        match self {
            Self::Leaf(scalar) => scalar,
            Self::List(_) | Self::Object(_) => &NO_LEAF,
        }
    }

    pub(crate) const fn is_object(&self) -> bool {
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
    #[inline]
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.at(name).scalar().word()
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
    pub(crate) fn required(&self, name: &str, path: &str) -> Result<&str, Why> {
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
        let mut hash = Gathering::default();
        self.write(without, &mut hash);
        let mut digest = String::with_capacity(64);
        push_hex(&hash.finish(), &mut digest);
        digest
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
                for field in fields {
                    if !without.contains(&field.name.as_ref()) {
                        sized(b'k', &field.name, out);
                        field.value.write(without, out);
                    }
                }
                out.add(b"}");
            }
        }
    }

    /// All texts below here, in order.
    pub(crate) fn texts<'t>(&'t self, found: &mut Vec<&'t str>) {
        match self {
            Self::Leaf(Scalar::Text(text)) => found.push(text),
            Self::Leaf(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.texts(found)),
            Self::Object(fields) => fields.iter().for_each(|field| field.value.texts(found)),
        }
    }
}

impl<'a> Field<'a> {
    fn new(name: Cow<'a, str>, value: Tree<'a>) -> Self {
        Self {
            head: head(&name),
            name,
            value,
        }
    }

    /// This field's name beside another one.
    #[inline]
    fn compare(&self, head: u64, name: &str) -> Ordering {
        self.head
            .cmp(&head)
            .then_with(|| self.name.as_ref().cmp(name))
    }
}

/// Sorts as the names do, as far as it goes.
#[inline]
fn head(name: &str) -> u64 {
    match name.as_bytes().first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let short = name.bytes().fold(0, |sum, byte| sum << 8 | u64::from(byte));
            short << (8 * (8 - name.len()) % 64)
        }
    }
}

fn value<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Tree<'a>, Fault> {
    if depth > DEPTH_MAX {
        return Err(reader.fault(What::Deep));
    }
    match reader.start()? {
        b'{' => {
            let mut fields = Vec::with_capacity(16);
            reader.object(|reader, name, _| {
                fields.push(Field::new(name, value(reader, depth + 1)?));
                Ok(())
            })?;
            fields.sort_unstable_by(|a, b| a.compare(b.head, &b.name));
            let twice = |pair: &[Field<'_>]| match pair {
                [a, b] => a.head == b.head && a.name == b.name,
                _ => false,
            };
            if fields.windows(2).any(twice) {
                return Err(reader.fault(What::NameTwice));
            }
            Ok(Tree::Object(fields))
        }
        b'[' => {
            let mut items = Vec::new();
            reader.array(|reader| {
                items.push(value(reader, depth + 1)?);
                Ok(())
            })?;
            Ok(Tree::List(items))
        }
        _ => reader.scalar().map(Tree::Leaf),
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
        assert_eq!(tree.word("c"), Some("\"}\\"));
        assert_eq!(tree.word("d"), Some("-1.5"));
        assert!(tree.at("b").items().is_empty() && tree.at("a").is_object());
    }
}
