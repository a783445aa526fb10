//! URL encoding of a whole body, as Dellyman has sent it.

/// Whether a body is one that was encoded as a whole: no JSON begins with this byte.
#[must_use]
pub fn is_encoded(body: &[u8]) -> bool {
    body.first() == Some(&b'%')
}

/// Whether decoding may give other bytes.
#[must_use]
pub fn changes(body: &[u8]) -> bool {
    body.iter().any(|byte| matches!(byte, b'%' | b'+'))
}

/// Decodes the way PHP's `urldecode` does: a plus is a blank, and what is no escape stays as it is.
#[must_use]
pub fn decoded(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (byte, after) = match rest {
            [] => return plain,
            [b'+', after @ ..] => (b' ', after),
            [b'%', high, low, after @ ..] => match escaped(*high, *low) {
                Some(byte) => (byte, after),
                None => (b'%', rest.get(1..).unwrap_or_default()),
            },
            [byte, after @ ..] => (*byte, after),
        };
        plain.push(byte);
        rest = after;
    }
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_pluses_are_decoded_and_the_rest_stays() {
        for (text, plain) in [
            ("", ""),
            ("%7B%22a%22%3a1%7d", r#"{"a":1}"#),
            ("a+b%2Bc", "a b+c"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%25%34%31", "%41"),
        ] {
            assert_eq!(decoded(text.as_bytes()), plain.as_bytes(), "{text}");
        }
        assert_eq!(decoded(b"%FF%00"), [0xff, 0]);
    }
}
