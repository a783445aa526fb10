//! A webhook's text with gaps, in JSON: `<<name>>` inside a text stands for what differs from one to
//! the next. Times are given as seconds after the order's beginning.

use std::fmt::Write as _;

use jiff::{Timestamp, Zoned, tz::TimeZone};

const EIGHT_HOURS: i64 = 8 * 3600;
const ONE_HOUR: i64 = 3600;

/// What fills the gaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// Seconds since 1970 at which the order began.
    pub(super) start: i64,
    /// Seconds after that.
    pub(super) after: i64,
    /// The order that the webhook is about.
    pub(super) order: &'a str,
    /// The one that it replaces or is replaced by, or the delivery that it belongs to.
    pub(super) other: &'a str,
    /// The carrier's id of the event.
    pub(super) event: &'a str,
    pub(super) driver: &'a str,
    /// The carrier's status, or the name of its event.
    pub(super) word: &'a str,
    /// The status before that.
    pub(super) before: &'a str,
    pub(super) padding: &'a str,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Order,
    Other,
    Event,
    Word,
    Before,
    Padding,
    /// Nothing until then.
    Driver(i64),
    /// This webhook's time in seconds since 1970.
    Now,
    /// A time in seconds since 1970; 0 until then.
    At(i64),
    /// A minute of Hong Kong, labelled Z, as Lalamove writes it; without a number, of now.
    HongKong(Option<i64>),
    /// A text of Lagos in quotes; null until then.
    Lagos(i64),
    Utc(i64),
}

/// A text that can't be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("is not JSON: {0}")]
    NotJson(String),
    #[error("has a gap of an unknown name: {0}")]
    Gap(String),
    #[error("has a gap that does not end")]
    Open,
}

/// Text and gaps, in turn.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    pub(super) fn new(json: &str) -> Result<Self, Unusable> {
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| Unusable::NotJson(error.to_string()))?;
        let compact = value.to_string();
        let mut pieces = Vec::new();
        let mut rest = compact.as_str();
        while let Some((text, behind)) = rest.split_once("<<") {
            let (gap, behind) = behind.split_once(">>").ok_or(Unusable::Open)?;
            let piece = piece(gap).ok_or_else(|| Unusable::Gap(gap.to_owned()))?;
            let (text, behind) = if piece.brings_its_quotes() {
                (
                    text.strip_suffix('"').unwrap_or(text),
                    behind.strip_prefix('"').unwrap_or(behind),
                )
            } else {
                (text, behind)
            };
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    pub(super) fn fill(&self, facts: &Facts<'_>) -> String {
        let mut text = String::with_capacity(2048);
        for piece in &self.pieces {
            piece.fill(facts, &mut text);
        }
        text
    }
}

fn piece(gap: &str) -> Option<Piece> {
    let (name, number) = match gap.split_once(' ') {
        Some((name, number)) => (name, Some(number.parse().ok()?)),
        None => (gap, None),
    };
    Some(match (name, number) {
        ("order", None) => Piece::Order,
        ("other", None) => Piece::Other,
        ("event", None) => Piece::Event,
        ("word", None) => Piece::Word,
        ("before", None) => Piece::Before,
        ("padding", None) => Piece::Padding,
        ("now", None) => Piece::Now,
        ("driver", Some(after)) => Piece::Driver(after),
        ("at", Some(after)) => Piece::At(after),
        ("hongkong", after) => Piece::HongKong(after),
        ("lagos", Some(after)) => Piece::Lagos(after),
        ("utc", Some(after)) => Piece::Utc(after),
        _ => return None,
    })
}

impl Piece {
    /// The gap is a whole JSON text, and a number or null takes its place.
    const fn brings_its_quotes(&self) -> bool {
        matches!(self, Self::Now | Self::At(_) | Self::Lagos(_))
    }

    fn fill(&self, facts: &Facts<'_>, text: &mut String) {
        let reached = |after: i64| facts.after >= after;
        match self {
            Self::Text(own) => text.push_str(own),
            Self::Order => text.push_str(facts.order),
            Self::Other => text.push_str(facts.other),
            Self::Event => text.push_str(facts.event),
            Self::Word => text.push_str(facts.word),
            Self::Before => text.push_str(facts.before),
            Self::Padding => text.push_str(facts.padding),
            Self::Driver(after) if reached(*after) => text.push_str(facts.driver),
            Self::Driver(_) => {}
            Self::Now => number(facts.start + facts.after, text),
            Self::At(after) if reached(*after) => number(facts.start + after, text),
            Self::At(_) => text.push('0'),
            Self::HongKong(after) => {
                let seconds = facts.start + after.unwrap_or(facts.after);
                clock(seconds + EIGHT_HOURS, "%Y-%m-%dT%H:%M.00Z", text);
            }
            Self::Lagos(after) if reached(*after) => {
                clock(
                    facts.start + after + ONE_HOUR,
                    "\"%Y-%m-%d %H:%M:%S\"",
                    text,
                );
            }
            Self::Lagos(_) => text.push_str("null"),
            Self::Utc(after) => clock(facts.start + after, "%Y-%m-%dT%H:%M:%S.000Z", text),
        }
    }
}

fn number(number: i64, text: &mut String) {
    // a String takes whatever is written to it
    write!(text, "{number}").ok();
}

fn clock(seconds: i64, form: &str, text: &mut String) {
    let at = Timestamp::from_second(seconds).unwrap_or_default();
    let at = Zoned::new(at, TimeZone::UTC);
    write!(text, "{}", at.strftime(form)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        start: 1_650_553_157,
        after: 78,
        order: "153590306286",
        other: "o2",
        event: "E1",
        driver: "79973",
        word: "ON_GOING",
        before: "ASSIGNING_DRIVER",
        padding: "abc",
    };

    #[test]
    fn every_gap_is_filled_in_its_own_form() {
        for (gap, filled) in [
            ("<<order>> <<other>>", "\"153590306286 o2\""),
            ("<<event>>", "\"E1\""),
            ("<<word>>/<<before>>", "\"ON_GOING/ASSIGNING_DRIVER\""),
            ("x<<padding>>", "\"xabc\""),
            ("<<now>>", "1650553235"),
            ("<<at 0>>", "1650553157"),
            ("<<at 78>>", "1650553235"),
            ("<<at 79>>", "0"),
            ("<<driver 78>>", "\"79973\""),
            ("<<driver 79>>", "\"\""),
            ("<<hongkong 0>>", "\"2022-04-21T22:59.00Z\""),
            ("<<hongkong>>", "\"2022-04-21T23:00.00Z\""),
            ("<<lagos 0>>", "\"2022-04-21 15:59:17\""),
            ("<<lagos 79>>", "null"),
            ("<<utc 0>>", "\"2022-04-21T14:59:17.000Z\""),
        ] {
            let json = format!("{{ \"a\": \"{gap}\" }}");
            let text = Template::new(&json).unwrap().fill(&FACTS);
            assert_eq!(text, format!("{{\"a\":{filled}}}"));
        }
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        assert!(matches!(Template::new("{"), Err(Unusable::NotJson(_))));
        for (json, why) in [
            ("\"<<order\"", Unusable::Open),
            ("\"<<nothing>>\"", Unusable::Gap("nothing".into())),
            ("\"<<at>>\"", Unusable::Gap("at".into())),
            ("\"<<at x>>\"", Unusable::Gap("at x".into())),
        ] {
            assert_eq!(Template::new(json).unwrap_err(), why);
        }
    }
}
