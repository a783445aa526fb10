//! Phone numbers in what somebody typed: a reason, a comment. Pure.

use std::ops::Range;

/// Fewer digits are a count, a time or a street's number.
const DIGITS_MIN: usize = 8;
/// As many as ITU's numbering plan has; more are an order's id.
const DIGITS_MAX: usize = 15;

/// Where numbers stand that may be phones, in order. A date is none.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = begin(bytes, at) {
        let run = run(bytes, start);
        at = run.end;
        let digits = digits(bytes, &run);
        if (DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
            found.push(run);
        }
    }
    found
}

fn is_digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

fn digits(bytes: &[u8], run: &Range<usize>) -> usize {
    run.clone().filter(|at| is_digit(bytes, *at)).count()
}

/// The next digit that begins no date.
fn begin(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        if let Some(length) = date(bytes, at) {
            at += length;
        } else if is_digit(bytes, at) {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// How long a date such as `2026-11-27` is.
fn date(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..at + 10)?;
    let [b'1' | b'2', b'9' | b'0', _, _, first, _, _, second, ..] = text else {
        return None;
    };
    let is_mark = |mark: &u8| matches!(mark, b'-' | b'/' | b'.');
    let all_digits = [2, 3, 5, 6, 8, 9]
        .iter()
        .all(|place| is_digit(text, *place));
    (all_digits && is_mark(first) && first == second && !is_digit(bytes, at + 10)).then_some(10)
}

/// From a digit over further digits and what people write between them, to the last digit.
fn run(bytes: &[u8], start: usize) -> Range<usize> {
    let (mut end, mut at, mut gap) = (start, start, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' if gap > 0 && date(bytes, at).is_some() => break,
            b'0'..=b'9' => {
                gap = 0;
                end = at + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' if gap < 2 => gap += 1,
            _ => break,
        }
        at += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phones(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn phones_are_found_however_they_are_grouped_and_nothing_else_is() {
        for (text, expected) in [
            ("called 84977000222", &["84977000222"][..]),
            ("+84 (0)97 700-0222, no answer", &["84 (0)97 700-0222"]),
            (
                "0912.345.678 or 0912 345 679.",
                &["0912.345.678", "0912 345 679"],
            ),
            ("số 0912345678đ", &["0912345678"]),
            ("out of stock", &[]),
            ("3 of 12 items, 1500 m, 10:20", &[]),
            ("order 1471722666401517645", &[]),
            ("since 2026-11-27 10:20", &[]),
            ("2026-11-27 0912345678", &["0912345678"]),
            ("12345678", &["12345678"]),
            ("1234567", &[]),
            ("", &[]),
        ] {
            assert_eq!(phones(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ranges_lie_in_order_between_characters(text in "[0-9+() .äö-]{0,60}") {
            let mut after = 0;
            for range in find(&text) {
                prop_assert!(range.start >= after && range.end > range.start);
                prop_assert!(text.get(range.clone()).is_some());
                after = range.end;
            }
        }
    }
}
