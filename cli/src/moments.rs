//! Times as people give them on a command line.

use std::time::Duration;

use runtime::clock::{Clock as _, SystemClock};
use schemas::Micros;

/// Now.
pub(crate) fn now() -> Micros {
    Micros(SystemClock.now_micros())
}

/// `2026-05-12T17:50:00Z`, a day as `2026-05-12` (its beginning in UTC), or how long ago as `90m`.
pub(crate) fn moment(text: &str) -> Result<Micros, String> {
    if let Ok(ago) = duration(text) {
        return Ok(now().minus(ago));
    }
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| {
            "give an instant as 2026-05-12T17:50:00Z, a day, or how long ago as 90m".into()
        })
}

/// A whole number of seconds, minutes, hours or days: `30s`, `5m`, `2h`, `3d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "give a number and s, m, h or d, as in 5m".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some(_) | None => return Err(wrong()),
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_a_day_and_an_age_are_understood_and_nothing_else() {
        let instant = Micros(1_778_608_255_000_000);
        assert_eq!(moment("2026-05-12T17:50:55Z"), Ok(instant));
        assert_eq!(
            moment("2026-05-12").unwrap().to_string(),
            "2026-05-12T00:00:00.000000Z"
        );
        assert!(moment("1h").unwrap() < now());
        for wrong in [
            "yesterday",
            "5",
            "h",
            "-1h",
            "5w",
            "99999999999999999999s",
            "é",
        ] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert!(duration("").is_err());
    }
}
