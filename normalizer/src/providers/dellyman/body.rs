//! The body as it is meant: JSON, JSON percent-encoded, or either as a form's only field.

use percent_encoding::percent_decode_str;
use schemas::set_aside::Why;

use crate::{arena::Arena, json::malformed};

const FIELD_NAME_BYTES_MAX: usize = 32;

pub(super) fn decoded<'a>(arena: &'a Arena, body: &'a str) -> Result<&'a str, Why> {
    let body = body.trim();
    if let Some(value) = form_value(body) {
        return unescaped(arena, value);
    }
    if !body.starts_with('%') {
        return Ok(body);
    }
    // As the name of a form's field without a value.
    unescaped(arena, body.strip_suffix('=').unwrap_or(body))
}

/// The value in `payload=%7B…`.
fn form_value(body: &str) -> Option<&str> {
    let (name, value) = body.split_once('=')?;
    let is_name = (1..=FIELD_NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let is_value = value.starts_with('%') || value.starts_with('{');
    (is_name && is_value).then(|| {
        // Inside JSON that was not encoded an `&` is only a letter.
        let end = if value.starts_with('%') {
            value.find('&')
        } else {
            None
        };
        end.and_then(|end| value.get(..end)).unwrap_or(value)
    })
}

/// A plus is a space, as in any form.
fn unescaped<'a>(arena: &'a Arena, text: &'a str) -> Result<&'a str, Why> {
    if text.starts_with('{') {
        return Ok(text);
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(|text| arena.copied(&text))
        .map_err(|_| malformed("the body", "is not UTF-8 once percent-decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_decoded_only_where_it_is_encoded() {
        let plain = r#"{"Note":"50%25 + 1 = x"}"#;
        let arena = Arena::default();
        let check =
            |body: &str, expected: &str| assert_eq!(decoded(&arena, body).unwrap(), expected);
        check(plain, plain);
        let encoded = "%7B%22Note%22%3A%2250%2525+%2B+1+%3D+x%22%7D";
        check(encoded, plain);
        check(&format!("{encoded}="), plain);
        check(&format!("payload={encoded}"), plain);
        check(&format!("payload={encoded}&x=1"), plain);
        check(&format!("payload={plain}"), plain);
        check("%7b%22Note%22%3a1%7d", r#"{"Note":1}"#);
        assert!(decoded(&arena, "%7B%22%ff%22%7D").is_err());
    }
}
