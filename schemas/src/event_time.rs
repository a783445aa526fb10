//! Instants: microseconds since 1970 in UTC. Which clock an instant came from is said by the name of
//! its field (`occurred_at` the carrier's, `received_at` ours) and by `OccurredAtSource`.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{civil::DateTime, tz::Offset};
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
        if let Some(instant) = as_printed(text) {
            return Ok(instant);
        }
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(|_| InvalidInstant)
    }
}

/// Reads the form that `Display` writes, which is nearly all that is ever read.
fn as_printed(text: &str) -> Option<Micros> {
    let (seconds, rest) = text.as_bytes().split_first_chunk::<19>()?;
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
    /// The instant at which a clock in UTC showed `2022-04-21T22:59:17`, with any byte for the `T`.
    #[must_use]
    pub fn of_clock(text: &[u8; 19]) -> Option<Self> {
        let two = |tens: u8, ones: u8| -> Option<i8> {
            (tens.is_ascii_digit() && ones.is_ascii_digit())
                .then(|| (tens - b'0') * 10 + (ones - b'0'))?
                .try_into()
                .ok()
        };
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, _, rest @ ..] = *text else {
            return None;
        };
        let [h1, h2, b':', n1, n2, b':', s1, s2] = rest else {
            return None;
        };
        let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
        let date = (two(m1, m2)?, two(d1, d2)?);
        let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
        let shown = DateTime::new(year, date.0, date.1, hour, minute, second, 0).ok()?;
        let instant = Offset::UTC.to_timestamp(shown).ok()?;
        Some(Self(instant.as_microsecond()))
    }
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
