//! JSON text written again the way JavaScript's `JSON.stringify(JSON.parse(text))` writes it, with the
//! order of keys kept: the form in which the carrier signs, should the wire have another.
//!
//! A filter over the text, without a tree: it has no limit of nesting, and passes on what is not valid.

/// Rewrites `json`.
#[must_use]
pub(super) fn compact(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    // A number may become five times as long. No carrier sends a body of little else, and somebody may.
    let grown_max = 2 * json.len() + 64;
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => rest = after,
            b'"' => {
                out.push(b'"');
                rest = string(after, &mut out);
            }
            b'-' | b'0'..=b'9' => {
                let (token, after) = split_where(rest, |b| !is_of_number(b));
                if out.len() < grown_max {
                    number(token, &mut out);
                } else {
                    out.extend_from_slice(token);
                }
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn split_where(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|b| ends(*b)).unwrap_or(bytes.len());
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// Writes a text from after its opening quote to its closing one; what follows is returned.
fn string<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    loop {
        let (plain, after) = split_where(rest, |b| matches!(b, b'"' | b'\\' | 0..=0x1f));
        out.extend_from_slice(plain);
        match after {
            [b'"', after @ ..] => {
                out.push(b'"');
                return after;
            }
            [b'\\', b'u', after @ ..] => rest = unicode(after, out),
            [b'\\', letter, after @ ..] => {
                escaped(*letter, out);
                rest = after;
            }
            [b'\\'] => {
                out.push(b'\\');
                return &[];
            }
            // Not valid, and passed on.
            [control, after @ ..] => {
                out.push(*control);
                rest = after;
            }
            [] => return after,
        }
    }
}

fn escaped(letter: u8, out: &mut Vec<u8>) {
    if letter != b'/' {
        out.push(b'\\');
    }
    out.push(letter);
}

/// Four hexadecimal digits, and the other half of a pair where there is one.
fn unicode<'a>(after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((high, rest)) = four_digits(after) else {
        out.extend(b"\\u");
        return after;
    };
    if let (0xd800..=0xdbff, Some(pair)) = (high, rest.strip_prefix(b"\\u"))
        && let Some((low @ 0xdc00..=0xdfff, rest)) = four_digits(pair)
    {
        character(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), out);
        return rest;
    }
    character(high, out);
    rest
}

fn four_digits(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let value = digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })?;
    Some((value, rest))
}

fn character(code: u32, out: &mut Vec<u8>) {
    let short = match code {
        0x08 => Some(b'b'),
        0x09 => Some(b't'),
        0x0a => Some(b'n'),
        0x0c => Some(b'f'),
        0x0d => Some(b'r'),
        0x22 => Some(b'"'),
        0x5c => Some(b'\\'),
        _ => None,
    };
    match (short, char::from_u32(code)) {
        (Some(letter), _) => out.extend([b'\\', letter]),
        (None, Some(plain)) if code >= 0x20 => {
            out.extend(plain.encode_utf8(&mut [0; 4]).as_bytes());
        }
        // Control characters, and halves of pairs that have lost the other half.
        (None, _) => out.extend(format!("\\u{code:04x}").into_bytes()),
    }
}

/// Writes a number as `Number.prototype.toString` does; what is none passes as it is.
fn number(token: &[u8], out: &mut Vec<u8>) {
    let value = std::str::from_utf8(token)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    let Some(value) = value else {
        out.extend_from_slice(token);
        return;
    };
    let size = value.abs();
    if size == 0.0 {
        out.push(b'0');
    } else if size.is_infinite() {
        out.extend(b"null");
    } else if (1e-6..1e21).contains(&size) {
        out.extend(value.to_string().into_bytes());
    } else {
        let text = format!("{value:e}");
        let sign = if size < 1.0 { "e" } else { "e+" };
        out.extend(text.replacen('e', sign, 1).into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(json: &str, expected: &str) {
        assert_eq!(
            String::from_utf8(compact(json.as_bytes())).unwrap(),
            expected,
            "{json}"
        );
    }

    #[test]
    fn blanks_go_and_the_order_of_keys_stays() {
        check(
            "{ \"b\" : [ 1 , true ],\r\n\t\"a\": null }",
            r#"{"b":[1,true],"a":null}"#,
        );
        check(r#"{"b ":" a  b "}"#, r#"{"b ":" a  b "}"#);
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        check(
            "[114.0, 1e3, -0, 0.10, 22.5758, 1.5E-7, 0.000001, 1e20, 1e21, -1.25e+22, 1e400, -7]",
            "[114,1000,0,0.1,22.5758,1.5e-7,0.000001,100000000000000000000,1e+21,-1.25e+22,null,-7]",
        );
        check(
            "[9007199254740993,1471722666401517645]",
            "[9007199254740992,1471722666401517600]",
        );
    }

    #[test]
    fn texts_are_written_as_javascript_writes_them() {
        check(r#""https:\/\/a\/b""#, r#""https://a/b""#);
        check(r#""\u9999\u6e2f \u00e9 \ud83d\ude9a""#, r#""香港 é 🚚""#);
        check(
            r#""\u0022 \u005c \u002f \u000a \u0008 \u001F""#,
            r#""\" \\ / \n \b \u001f""#,
        );
        check(r#""\ud83d x \ude9a""#, r#""\ud83d x \ude9a""#);
        check(r#""\" \\ \n \r \t \b \f""#, r#""\" \\ \n \r \t \b \f""#);
    }

    #[test]
    fn no_body_grows_without_bound() {
        let controls = format!("\"{}\"", "\u{1}".repeat(10_000));
        assert_eq!(compact(controls.as_bytes()), controls.as_bytes());
        let numbers = format!("[1e20{}]", ",1e20".repeat(10_000));
        assert!(compact(numbers.as_bytes()).len() < 3 * numbers.len() + 100);
    }

    #[test]
    fn what_is_not_json_passes_without_panic() {
        for text in [
            "", "\"", "\"\\", "\"\\u", "\"\\u12", "\"\\q\"", "1e", "-", "1-2", "}{", "nul",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn a_compact_text_stays_as_it_is(text in "\\PC{0,20}", number in any::<i32>(), flag: bool) {
            let value = serde_json::json!({"b": [text, number, flag, null], "a": {}});
            let json = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(compact(&json), json);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _length = compact(&bytes).len();
        }
    }
}
