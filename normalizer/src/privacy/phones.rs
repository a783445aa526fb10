//! Phone numbers in what somebody typed: a reason, a comment. Pure.

use std::ops::Range;

/// Fewer digits are a count, a time or a street's number.
const DIGITS_MIN: usize = 8;
/// As many as ITU's numbering plan has; a group of more is an order's id.
const DIGITS_MAX: usize = 15;
/// So many characters may stand between two digits of one number.
const GAP_MAX: usize = 3;

/// Where numbers stand that may be phones, in order. A date is none.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut small) = (Vec::new(), Vec::new());
    let mut end = 0;
    for group in (Groups { text, at: 0 }) {
        let follows = is_gap(text.get(end..group.range.start).unwrap_or_default());
        if !follows {
            join(&mut small, &mut found);
        }
        end = group.range.end;
        if group.digits < DIGITS_MIN {
            small.push(group);
            continue;
        }
        // Long enough to be one of its own. What stands before it may be its country's prefix.
        let is_prefix = small.iter().map(|group| group.digits).sum::<usize>() < DIGITS_MIN;
        let begin = small
            .first()
            .map_or(group.range.start, |first: &Group| first.range.start);
        if group.digits > DIGITS_MAX {
            join(&mut small, &mut found);
        } else if is_prefix {
            small.clear();
            found.push(begin..group.range.end);
        } else {
            join(&mut small, &mut found);
            found.push(group.range);
        }
    }
    join(&mut small, &mut found);
    found
}

/// Groups of few digits that stand together are one number.
fn join(small: &mut Vec<Group>, found: &mut Vec<Range<usize>>) {
    let digits: usize = small.iter().map(|group| group.digits).sum();
    if let (Some(first), Some(last)) = (small.first(), small.last())
        && digits >= DIGITS_MIN
    {
        found.push(first.range.start..last.range.end);
    }
    small.clear();
}

/// Whether people write this within a number: blanks, dashes and the like, of any script.
fn is_gap(between: &str) -> bool {
    let is_mark = |c: char| {
        c.is_whitespace()
            || matches!(c, '-' | '.' | '(' | ')' | '/' | ',' | '_' | '*' | '+')
            || matches!(c, '\u{ad}' | '\u{b7}' | '\u{2212}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2022}')
            || matches!(
                c,
                '\u{2060}' | '\u{feff}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
            )
    };
    // Behind a comma and a blank comes the next thing of a list.
    let is_list = between.contains(',') && between.contains(char::is_whitespace);
    // No character takes more than four bytes.
    !is_list
        && between.len() <= 4 * GAP_MAX
        && between.chars().count() <= GAP_MAX
        && between.chars().all(is_mark)
}

/// Digits, of any script, with nothing between them.
#[derive(Debug)]
struct Group {
    range: Range<usize>,
    digits: usize,
}

/// The groups of a text that are no part of a date.
struct Groups<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Groups<'_> {
    type Item = Group;

    fn next(&mut self) -> Option<Group> {
        loop {
            let rest = self.text.get(self.at..)?;
            let start = self.at + rest.find(char::is_numeric)?;
            if let Some(length) = date(self.text.as_bytes(), start) {
                self.at = start + length;
                continue;
            }
            let rest = self.text.get(start..)?;
            let length = rest.find(|c: char| !c.is_numeric()).unwrap_or(rest.len());
            self.at = start + length;
            return Some(Group {
                range: start..self.at,
                digits: rest.get(..length)?.chars().count(),
            });
        }
    }
}

/// How long a date such as `2026-11-27` or `27/11/2026` is.
fn date(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..at + 10)?;
    let (marks, digits) = match text {
        [b'1' | b'2', b'9' | b'0', _, _, first, _, _, second, ..] => {
            ((first, second), [2, 3, 5, 6, 8, 9])
        }
        [
            b'0'..=b'3',
            _,
            first,
            b'0' | b'1',
            _,
            second,
            b'1' | b'2',
            b'9' | b'0',
            ..,
        ] => ((first, second), [0, 1, 3, 4, 8, 9]),
        _ => return None,
    };
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let is_mark = |mark: &u8| matches!(mark, b'-' | b'/' | b'.');
    let all_digits = digits.iter().all(|place| is_digit(text.get(*place)));
    let ends = !is_digit(bytes.get(at + 10));
    (all_digits && is_mark(marks.0) && marks.0 == marks.1 && ends).then_some(10)
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
            ("+852 9123 - 4567", &["852 9123 - 4567"]),
            ("9123\u{a0}4567", &["9123\u{a0}4567"]),
            (
                "+852\u{2011}9123\u{2011}4567",
                &["852\u{2011}9123\u{2011}4567"],
            ),
            ("๐๙๑๒๓๔๕๖๗๘", &["๐๙๑๒๓๔๕๖๗๘"]),
            ("call 0901234567 0907654321", &["0901234567", "0907654321"]),
            ("91234567 98765432", &["91234567", "98765432"]),
            ("84 901234567 0907654321", &["84 901234567", "0907654321"]),
            ("0912 345 678 0907 654 321", &["0912 345 678 0907 654 321"]),
            ("0909/123/456", &["0909/123/456"]),
            ("0909,123,456", &["0909,123,456"]),
            ("0909_123_456 0909*123*456", &["0909_123_456 0909*123*456"]),
            ("0909+123+456", &["0909+123+456"]),
            ("items 1234, 5678, 9012", &[]),
            ("on 27/11/2026 or 27-11-2026", &[]),
            ("27.11.2026 0912345678", &["0912345678"]),
            ("out of stock", &[]),
            ("3 of 12 items, 1500 m, 10:20", &[]),
            ("order 1471722666401517645", &[]),
            ("1471722666401517645 0912345678", &["0912345678"]),
            ("0912345678 1471722666401517645 12", &["0912345678"]),
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
        fn ranges_lie_in_order_between_characters(text in "[0-9+() .äö\u{a0}๑-]{0,60}") {
            let mut after = 0;
            for range in find(&text) {
                prop_assert!(range.start >= after && range.end > range.start);
                prop_assert!(text.get(range.clone()).is_some());
                after = range.end;
            }
        }

        #[test]
        fn of_any_phone_no_digits_are_left_whatever_stands_around_it(
            phone in "0[0-9]{9}|[0-9]{4}[ -]{1,3}[0-9]{4}|[+][0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}",
            before in "([0-9]{10} |[a-z]{0,5} |[0-9]{19} )",
            after in "( [0-9]{10}| [a-z]{0,5}| [0-9]{19})",
        ) {
            let text = format!("{before}{phone}{after}");
            let range = before.len()..before.len() + phone.len();
            let is_left = |at: &usize| text.as_bytes()[*at].is_ascii_digit()
                && !find(&text).iter().any(|found| found.contains(at));
            prop_assert_eq!(range.clone().find(is_left), None, "{}", text);
        }
    }
}
