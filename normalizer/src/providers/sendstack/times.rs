//! Sendstack's times. `createdAt` is a true instant, to the second the one inside the delivery's id;
//! it dates the creation and nothing else. The windows are business hours on a local clock under a
//! `Z`, and bound nothing: orders were seen that are younger than their own pickup window.

use schemas::{DeliveryEvent, Kind, Micros, OccurredAtSource, mapping::Words};

use super::{
    super::snapshot::{self, keep_raw, prove},
    Source,
    drops::Drop,
};
use crate::{
    event_time::{Occurred, Written, epoch, occurred, on_clock_of, plausible, zone},
    json::Scalar,
    tree::Tree,
};

/// An id tells the second in which it was made.
const ID_UNCERTAINTY_MS: i64 = 1000;
/// Seconds since 1970, the first of the three parts of an id of this form.
const ID_TIME_DIGITS: usize = 8;
const ID_DIGITS: usize = 24;
/// More changes than a drop goes through.
const CHANGES_MAX: usize = 64;
/// The form of `statusTimestamps` is not documented: names that its parts may have.
const STATUS_NAMES: [&str; 3] = ["status", "name", "state"];
const TIME_NAMES: [&str; 7] = [
    "timestamp",
    "date",
    "time",
    "at",
    "createdAt",
    "updatedAt",
    "changedAt",
];

pub(super) struct Times {
    pub(super) occurred: Occurred,
    uncertainty_ms: Option<i64>,
    created_at: Option<Micros>,
}

impl Times {
    pub(super) fn of_receipt(received_at: Micros) -> Self {
        Self {
            occurred: occurred(None, OccurredAtSource::Receipt, received_at),
            uncertainty_ms: None,
            created_at: None,
        }
    }

    pub(super) fn new(source: &Source<'_>, drop: &Drop<'_>, kind: Kind) -> Self {
        let of_id = || minted(drop.id.as_str());
        let created_at = source.created_at.or_else(of_id);
        let claim = if kind == Kind::OrderCreated {
            created_at
        } else {
            // What else happened is dated by the newest time of the word that the drop bears now.
            let now = |change: &Change<'_>| drop.status == Some(change.word);
            let changes = changes(drop.tree);
            changes
                .iter()
                .filter(|change| now(change))
                .filter_map(|change| change.at)
                .max()
        };
        let received_at = source.webhook.headers.received_at;
        let occurred = occurred(claim, OccurredAtSource::ProviderField, received_at);
        let is_of_id = kind == Kind::OrderCreated && source.created_at.is_none();
        let is_claimed = occurred.source == OccurredAtSource::ProviderField;
        Self {
            occurred,
            uncertainty_ms: (is_of_id && is_claimed).then_some(ID_UNCERTAINTY_MS),
            created_at,
        }
    }

    pub(super) fn fill(&self, source: &Source<'_>, drop: &Drop<'_>, event: &mut DeliveryEvent) {
        event.created_at = self.created_at;
        event.occurred_at_uncertainty_ms = self.uncertainty_ms;
        if let Some(text) = source.tree.word("createdAt") {
            keep_raw(event, "createdAt", text);
        }
        for (index, change) in changes(drop.tree).iter().enumerate() {
            let text = format!("{} {}", change.word, change.text);
            keep_raw(event, &format!("statusTimestamps[{index}]"), &text);
            let words = Words {
                provider_status: Some(change.word),
                ..Words::default()
            };
            if let Some(status) = snapshot::meaning(source.webhook, words).status {
                prove(event, status, change.at, None);
            }
        }
    }
}

/// A status and when the drop came to it.
struct Change<'a> {
    word: &'a str,
    text: &'a str,
    at: Option<Micros>,
}

/// The changes of `statusTimestamps`, as far as its form can be guessed: a list of objects that
/// name a status and a time, or an object of times by status.
fn changes<'a>(drop: &'a Tree<'_>) -> Vec<Change<'a>> {
    fn one<'a>(word: &'a str, time: &'a Scalar<'_>) -> Option<Change<'a>> {
        let (text, at) = (time.word()?, instant(time));
        Some(Change { word, text, at })
    }
    let of_entry = |entry: &'a Tree<'_>| {
        let word = STATUS_NAMES.into_iter().find_map(|name| entry.word(name))?;
        let mut times = TIME_NAMES.into_iter().map(|name| entry.at(name).scalar());
        one(word, times.find(|time| time.word().is_some())?)
    };
    match drop.at("statusTimestamps") {
        Tree::List(entries) => entries
            .iter()
            .take(CHANGES_MAX)
            .filter_map(of_entry)
            .collect(),
        Tree::Object(times) => times
            .iter()
            .take(CHANGES_MAX)
            .filter_map(|field| one(&field.name, field.value.scalar()))
            .collect(),
        Tree::Leaf(_) => Vec::new(),
    }
}

/// A text with `Z` or an offset, or an epoch. A clock text without either is of a zone that nobody
/// tells.
pub(super) fn instant(time: &Scalar<'_>) -> Option<Micros> {
    let text = time.word()?;
    if let Some(instant) = epoch(text) {
        return plausible(instant);
    }
    match Written::read(text)? {
        Written::Instant(instant) => plausible(instant),
        Written::Clock(reading) if text.ends_with(['Z', 'z']) => plausible(reading),
        Written::Clock(_) => None,
    }
}

/// A window on the clock of the endpoint's zone; without one, as it is written. The texts are kept
/// for a better rule.
pub(super) fn window(
    source: &Source<'_>,
    window: &Tree<'_>,
    event: &mut DeliveryEvent,
    name: &str,
) -> (Option<Micros>, Option<Micros>) {
    let zone = zone(source.webhook.headers.timezone.as_deref());
    let mut bound = |field: &str| {
        let text = window.word(field)?;
        keep_raw(event, &format!("estimated{name}.{field}"), text);
        match Written::read(text)? {
            Written::Instant(instant) => plausible(instant),
            Written::Clock(reading) => plausible(on_clock_of(&zone, reading)?),
        }
    };
    let window = (bound("start"), bound("end"));
    bound("date");
    window
}

/// The second in which an id of 24 hex digits was made.
fn minted(id: &str) -> Option<Micros> {
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let seconds = i64::from_str_radix(id.get(..ID_TIME_DIGITS)?, 16).ok()?;
    plausible(Micros::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made_and_other_texts_do_not() {
        let at = |text: &str| Some(text.parse::<Micros>().unwrap());
        assert_eq!(
            minted("64e4eb8f450a1b56879f8fa9"),
            at("2023-08-22T17:08:31Z")
        );
        assert_eq!(
            minted("64e4eb8e450a1b56879f8fa7"),
            at("2023-08-22T17:08:30Z")
        );
        for other in [
            "",
            "R7VAS7",
            "000000000000000000000000",
            "64e4eb8e450a1b56879f8fag",
        ] {
            assert_eq!(minted(other), None, "{other}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_no_instant() {
        let read = |text: &str| instant(&Scalar::Text(text.into()));
        let at = "2023-08-22T17:08:31.117Z".parse::<Micros>().unwrap();
        assert_eq!(read("2023-08-22T17:08:31.117Z"), Some(at));
        assert_eq!(read("2023-08-22T18:08:31.117+01:00"), Some(at));
        assert_eq!(read("1692724111117"), Some(at));
        assert_eq!(read("2023-08-22 17:08:31"), None);
        assert_eq!(read("soon"), None);
    }
}
