//! What segments are called. The name of one that is kept apart says what it lost: once those around it
//! are drained and gone, nothing else does.

const SEGMENT_END: &str = ".spool";
const QUARANTINED_END: &str = ".quarantined";
/// Between the first and the last that was lost: that is all, or there may have been more.
const TO: &str = "to";
const BEYOND: &str = "beyond";
const NAME_DIGITS: usize = 20;

/// What a file's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Of its first record.
    pub(super) first: u64,
    pub(super) is_quarantined: bool,
    /// `None`: it is not damaged, or an older version put it aside.
    pub(super) lost: Option<Lost>,
}

/// Promised records that can't be read and are nowhere else; none, where the last comes before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    pub(super) first: u64,
    pub(super) last: u64,
    /// There were no more behind the last.
    pub(super) is_all: bool,
}

impl Lost {
    pub(super) fn records(self) -> u64 {
        self.last.saturating_sub(self.first.saturating_sub(1))
    }
}

/// The name of the segment that begins with this sequence.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:0NAME_DIGITS$}{SEGMENT_END}")
}

/// The name under which its file is kept once it is damaged; `copy` counts files of the same name.
pub(super) fn quarantined_name(first: u64, lost: Lost, copy: usize) -> String {
    let word = if lost.is_all { TO } else { BEYOND };
    let (from, last) = (lost.first, lost.last);
    let name = format!("{first:0NAME_DIGITS$}{QUARANTINED_END}.{from}-{word}-{last}");
    if copy == 0 {
        name
    } else {
        format!("{name}-{copy}")
    }
}

/// `None`: no segment is called so.
pub(super) fn parse_name(name: &str) -> Option<Name> {
    let (digits, end) = name.split_at_checked(NAME_DIGITS)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (is_quarantined, lost) = match end.strip_prefix(QUARANTINED_END) {
        Some(rest) => (true, parse_lost(rest)),
        None if end == SEGMENT_END => (false, None),
        None => return None,
    };
    let first = digits.parse().ok().filter(|first| *first > 0)?;
    Some(Name {
        first,
        is_quarantined,
        lost,
    })
}

fn parse_lost(end: &str) -> Option<Lost> {
    let mut words = end.strip_prefix('.')?.split('-');
    let first = words.next()?.parse().ok()?;
    let is_all = match words.next()? {
        TO => true,
        BEYOND => false,
        _ => return None,
    };
    let last = words.next()?.parse().ok()?;
    let is_copy = words.next().is_none_or(|copy| copy.parse::<u64>().is_ok());
    (is_copy && words.next().is_none()).then_some(Lost {
        first,
        last,
        is_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::format::{CURSOR, LOCK};

    fn quarantined(lost: Option<Lost>) -> Option<Name> {
        Some(Name {
            first: 7,
            is_quarantined: true,
            lost,
        })
    }

    #[test]
    fn names_sort_as_their_sequences_and_say_what_they_are() {
        for first in [7, u64::MAX] {
            let name = Name {
                first,
                is_quarantined: false,
                lost: None,
            };
            assert_eq!(parse_name(&segment_name(first)), Some(name));
        }
        assert!(segment_name(9) < segment_name(10));
        for other in [
            CURSOR,
            LOCK,
            "",
            "7.spool",
            "0000000000000000000x.spool",
            &segment_name(0),
        ] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn the_name_of_a_file_that_is_kept_apart_says_what_was_lost() {
        for is_all in [true, false] {
            let lost = Lost {
                first: 9,
                last: 12,
                is_all,
            };
            for copy in [0, 3] {
                let name = quarantined_name(7, lost, copy);
                assert_eq!(parse_name(&name), quarantined(Some(lost)), "{name}");
            }
            assert_eq!(lost.records(), 4);
        }
        let known = "00000000000000000007.quarantined.9-to-12";
        assert!(parse_name(known).unwrap().lost.unwrap().is_all);
    }

    #[test]
    fn the_names_of_older_versions_are_read_and_say_nothing_of_what_was_lost() {
        for end in [
            "",
            "-3",
            ".9-to",
            ".9-to-12-x",
            ".9-until-12",
            ".9-to-12-1-1",
        ] {
            let name = format!("00000000000000000007.quarantined{end}");
            assert_eq!(parse_name(&name), quarantined(None), "{name}");
        }
    }
}
