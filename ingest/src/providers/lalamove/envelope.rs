//! What of a body takes part in verification.

use std::borrow::Cow;

use crate::providers::body_fields::{self, InvalidBody, quoted, text};

/// What of the envelope takes part in verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Digits as they came, without the quotes of the text form.
    pub timestamp: &'a [u8],
    /// The text between the quotes.
    pub signature: &'a [u8],
    /// Names the account; decoded.
    pub api_key: Option<Cow<'a, str>>,
    /// The value of `data`, from its first to its last byte.
    pub data: &'a [u8],
}

const TIMESTAMP: &str = "timestamp";
const SIGNATURE: &str = "signature";
const API_KEY: &str = "apiKey";
const DATA: &str = "data";

/// Longest timestamp accepted; the carrier's has 10 digits, some senders give milliseconds.
const TIMESTAMP_BYTES_MAX: usize = 32;

impl<'a> Envelope<'a> {
    /// Finds the fields in `body`.
    ///
    /// # Errors
    /// [`InvalidBody`] names the first thing that is missing or wrong.
    pub fn read(body: &'a [u8]) -> Result<Self, InvalidBody> {
        let mut found = Fields::default();
        body_fields::each(body, |name, value| found.take(name, value))?;
        Ok(Self {
            timestamp: timestamp(found.timestamp.ok_or(InvalidBody::Missing(TIMESTAMP))?)?,
            signature: found
                .signature
                .ok_or(InvalidBody::Missing(SIGNATURE))
                .and_then(|v| quoted(v).ok_or(InvalidBody::Form(SIGNATURE)))?,
            api_key: found
                .api_key
                .map(|v| text(v).ok_or(InvalidBody::Form(API_KEY)))
                .transpose()?,
            data: found.data.ok_or(InvalidBody::Missing(DATA))?,
        })
    }
}

#[derive(Default)]
struct Fields<'a> {
    timestamp: Option<&'a [u8]>,
    signature: Option<&'a [u8]>,
    api_key: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), InvalidBody> {
        // A name may be written with escapes and still be read as ours by a parser.
        let name = text(name).unwrap_or_default();
        let (slot, name) = match name.as_ref() {
            TIMESTAMP => (&mut self.timestamp, TIMESTAMP),
            SIGNATURE => (&mut self.signature, SIGNATURE),
            API_KEY => (&mut self.api_key, API_KEY),
            DATA => (&mut self.data, DATA),
            _ => return Ok(()),
        };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(InvalidBody::Twice(name)),
        }
    }
}

/// The digits of a number or of a text. Nothing else passes: a line break inside would let the
/// signed message be cut in another place.
fn timestamp(value: &[u8]) -> Result<&[u8], InvalidBody> {
    let digits = quoted(value).unwrap_or(value);
    let plausible = (1..=TIMESTAMP_BYTES_MAX).contains(&digits.len())
        && digits
            .iter()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if plausible {
        Ok(digits)
    } else {
        Err(InvalidBody::Form(TIMESTAMP))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Parsed<'a> {
        #[serde(borrow)]
        timestamp: &'a RawValue,
        signature: String,
        #[serde(rename = "apiKey")]
        api_key: Option<String>,
        #[serde(borrow)]
        data: &'a RawValue,
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,8}".prop_map(serde_json::Value::String),
            "[\"\\\\{}\\[\\],:]{0,6}".prop_map(serde_json::Value::String),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec(("\\PC{0,6}", inner), 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_parser_finds_in_valid_json_is_found_here(
            data in json(),
            other in json(),
            pretty: bool,
            data_first: bool,
        ) {
            let mut fields = vec![
                ("timestamp", serde_json::json!(1_650_550_936)),
                ("signature", "ab".into()),
                ("other", other),
                ("apiKey", "pk \"1\"".into()),
            ];
            fields.insert(if data_first { 0 } else { 4 }, ("data", data));
            let object: serde_json::Value =
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let body = if pretty {
                serde_json::to_vec_pretty(&object).unwrap()
            } else {
                serde_json::to_vec(&object).unwrap()
            };
            let parsed: Parsed<'_> = serde_json::from_slice(&body).unwrap();
            let found = Envelope::read(&body).unwrap();
            prop_assert_eq!(found.data, parsed.data.get().as_bytes());
            prop_assert_eq!(found.timestamp, parsed.timestamp.get().as_bytes());
            prop_assert_eq!(found.signature, parsed.signature.as_bytes());
            prop_assert_eq!(found.api_key.as_deref(), parsed.api_key.as_deref());
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = Envelope::read(&body).is_ok();
        }

        #[test]
        fn no_scraps_of_json_make_it_panic(body in "[{}\\[\\]\":,\\\\0-9a-z ]{0,60}") {
            let _outcome = Envelope::read(format!("{{{body}").as_bytes()).is_ok();
        }
    }

    fn wrong(body: &str) -> InvalidBody {
        Envelope::read(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_timestamp_may_be_a_text() {
        let body = br#"{"timestamp":"1650550936","signature":"","data":1}"#;
        assert_eq!(Envelope::read(body).unwrap().timestamp, b"1650550936");
    }

    #[test]
    fn a_timestamp_that_could_move_the_borders_of_the_message_is_refused() {
        for value in [r#""1\r\nPOST""#, "\"1\r\nPOST\"", "{}", "null", r#""""#] {
            assert_eq!(
                wrong(&format!(
                    r#"{{"timestamp":{value},"signature":"","data":1}}"#
                )),
                InvalidBody::Form("timestamp")
            );
        }
    }

    #[test]
    fn a_field_that_decides_must_not_stand_there_twice_however_it_is_written() {
        for name in ["data", r"d\u0061ta", r"\u0064\u0061ta"] {
            let body = format!(r#"{{"timestamp":1,"signature":"","data":1,"{name}":2}}"#);
            assert_eq!(wrong(&body), InvalidBody::Twice("data"));
        }
    }

    #[test]
    fn other_fields_may_stand_there_twice() {
        let body = br#"{"a":1,"timestamp":1,"a":2,"signature":"","data":{"a":1,"a":2}}"#;
        assert_eq!(Envelope::read(body).unwrap().data, br#"{"a":1,"a":2}"#);
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "{",
            "{}x",
            r#"{"a":1"#,
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
        ] {
            assert_eq!(wrong(body), InvalidBody::NotAnObject, "{body}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(wrong("{}"), InvalidBody::Missing("timestamp"));
        assert_eq!(
            wrong(r#"{"timestamp":1}"#),
            InvalidBody::Missing("signature")
        );
        assert_eq!(
            wrong(r#"{"timestamp":1,"signature":""}"#),
            InvalidBody::Missing("data")
        );
        assert_eq!(
            wrong(r#"{"timestamp":1,"signature":7,"data":1}"#),
            InvalidBody::Form("signature")
        );
    }

    #[test]
    fn nesting_has_no_limit_and_bytes_need_not_be_utf8() {
        let mut body = br#"{"timestamp":1,"signature":"","data":"#.to_vec();
        let mut data = vec![b'['; 10_000];
        data.extend(b"\"\xff\xfe\"");
        data.extend(vec![b']'; 10_000]);
        body.extend(&data);
        body.push(b'}');
        assert_eq!(Envelope::read(&body).unwrap().data, data);
    }
}
