//! Instants: microseconds since 1970 in UTC. Which clock an instant came from is said by the name of
//! its field (`occurred_at` the carrier's, `received_at` ours) and by `OccurredAtSource`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// From milliseconds, as Kafka gives them.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// From whole seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Rounded down to milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by a duration, at most the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Earlier by a duration.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Micros {
    /// RFC 3339 with six decimals; an instant outside the years -9999 to 9999 prints its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// The text is not an RFC 3339 instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 instant")]
pub struct InvalidInstant;

impl FromStr for Micros {
    type Err = InvalidInstant;
    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        Self::of_text(text.as_bytes()).ok_or(InvalidInstant)
    }
}

/// Reads the form that `Display` writes, which is nearly all that is ever read.
fn as_printed(text: &[u8]) -> Option<Micros> {
    let (seconds, rest) = text.split_first_chunk::<19>()?;
    let [b'.', fraction @ .., b'Z'] = rest else {
        return None;
    };
    if fraction.len() != 6 || seconds.get(10) != Some(&b'T') {
        return None;
    }
    let micros = fraction.iter().try_fold(0_i64, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + i64::from(digit - b'0'))
    })?;
    Some(Micros(Micros::of_clock(seconds)?.0 + micros))
}

impl Micros {
    pub(crate) fn of_text(text: &[u8]) -> Option<Self> {
        as_printed(text).or_else(|| {
            let instant: jiff::Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
            Some(Self(instant.as_microsecond()))
        })
    }

    /// The instant at which a clock in UTC showed `2022-04-21T22:59:17`, with any byte for the `T`.
    #[must_use]
    pub fn of_clock(text: &[u8; 19]) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, _, rest @ ..] = *text else {
            return None;
        };
        let [h1, h2, b':', n1, n2, b':', s1, s2] = rest else {
            return None;
        };
        let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2];
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let two = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let days = days(two(y1, y2) * 100 + two(y3, y4), two(m1, m2), two(d1, d2))?;
        let (hour, minute, second) = (two(h1, h2), two(n1, n2), two(s1, s2));
        let instant = Self::from_seconds(((days * 24 + hour) * 60 + minute) * 60 + second);
        // The last day of all has instants that jiff can't tell.
        let is_clock = hour < 24 && minute < 60 && second < 60;
        (is_clock && instant.0 <= jiff::Timestamp::MAX.as_microsecond()).then_some(instant)
    }
}

/// Days from 1970 to a date of the years 0 to 9999; none where no calendar has it.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    /// Before each month of a year that is no leap year, and before the next year.
    const BEFORE: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    /// From the first day of the year 0 on.
    const TO_1970: i64 = 719_528;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let place = usize::try_from(month - 1).ok()?;
    let (start, end) = (*BEFORE.get(place)?, *BEFORE.get(place + 1)?);
    if !(1..=end - start + i64::from(is_leap && month == 2)).contains(&day) {
        return None;
    }
    // Leap years from the year 0 on, which is one.
    let leaps = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let leap_day = i64::from(is_leap && month > 2);
    Some(year * 365 + leaps + start + leap_day + day - 1 - TO_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_with_microseconds_and_reads_back() {
        let instant = Micros(1_650_553_157_000_001);
        assert_eq!(instant.to_string(), "2022-04-21T14:59:17.000001Z");
        assert_eq!(instant.to_string().parse(), Ok(instant));
    }

    #[test]
    fn every_day_of_the_calendar_is_the_one_that_jiff_has() {
        for year in (0..=9999).step_by(3).chain([1900, 1970, 2000, 2024]) {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year:04}-{month:02}-{day:02}T01:02:03");
                    let shown: Option<jiff::civil::DateTime> = text.parse().ok();
                    let expected = shown.and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at).ok());
                    let expected = expected.map(|at| Micros(at.as_microsecond()));
                    let text = text.as_bytes().first_chunk().unwrap();
                    assert_eq!(Micros::of_clock(text), expected, "{year} {month} {day}");
                }
            }
        }
    }

    #[test]
    fn whatever_the_form_an_instant_reads_as_jiff_reads_it() {
        for text in [
            "2022-04-21T14:59:17.000001Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T00:00:00.500000Z",
            "2023-02-29T00:00:00.500000Z",
            "2022-04-21T14:59:60.000000Z",
            "2022-04-21T24:00:00.000000Z",
            "2022-04-21t14:59:17.000001Z",
            "2022-04-21T14:59:17.00000xZ",
            "2022-04-21T14:59:17.1Z",
            "2022-04-21T14:59:17Z",
            "2022-04-21T14:59:17.000001+08:00",
            "é022-04-21T14:59:17.000001Z",
            "",
        ] {
            let expected = text.parse::<jiff::Timestamp>().ok();
            let expected = expected.map(|instant| Micros(instant.as_microsecond()));
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
