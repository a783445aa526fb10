//! Sendstack's times. `createdAt` is a true instant, to the second the one inside the delivery's id;
//! it dates the creation and nothing else. The windows are business hours on a local clock under a
//! `Z`, and bound nothing: orders were seen that are younger than their own pickup window.

use schemas::{
    Kind, Micros, OccurredAtSource, Status,
    delivery_event::Draft,
    mapping::{Meaning, Words},
};

use super::{
    super::snapshot::{self, cut, note, prove},
    NOT_IDENTITY, Source,
    drops::Drop,
    input::{self, Window},
};
use crate::{
    event_time::{Occurred, Written, claimed, epoch, occurred, plausible},
    tree::{Field, Tree},
};

/// An id tells the second in which it was made.
const ID_UNCERTAINTY_MS: i64 = 1000;
/// Seconds since 1970, the first of the three parts of an id of this form.
const ID_TIME_DIGITS: usize = 8;
const ID_DIGITS: usize = 24;
/// More changes than a drop goes through.
const CHANGES_MAX: usize = 64;
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
            claim(source.delivery.created_at).or(created_at)
        } else {
            // What else happened is dated by the newest time of the word that the drop bears now.
            let now = |change: &Change<'_>| drop.status == Some(change.word);
            let changes = changes(drop.fields.status_timestamps);
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

    pub(super) fn fill<'a>(
        &self,
        source: &Source<'a>,
        drop: &Drop<'a>,
        meaning: Meaning,
        event: &mut Draft<'a>,
    ) {
        event.created_at = self.created_at;
        event.occurred_at_uncertainty_ms = self.uncertainty_ms;
        note(event, "raw.createdAt", source.delivery.created_at.word());
        prove(event, Status::Created, self.created_at, None);
        for change in &changes(drop.fields.status_timestamps) {
            change.keep(source, drop, event);
            let words = Words {
                provider_status: Some(change.word),
                ..Words::default()
            };
            if let Some(status) = snapshot::meaning(source.webhook, words).status {
                prove(event, status, change.at, None);
            }
        }
        if let Some(status) = meaning.milestone
            // A time of its own says more.
            && event.milestones.iter().all(|known| known.status != status)
        {
            prove(event, status, Some(event.occurred_at), None);
        }
    }
}

/// A status and when the drop came to it.
struct Change<'a> {
    /// Where it stands in a list; none where the word itself is the time's name.
    entry: Option<Entry>,
    word: &'a str,
    text: &'a str,
    at: Option<Micros>,
}

/// A place in a list, and the names under which the word and the time stand there.
struct Entry {
    index: usize,
    word: &'static str,
    time: &'static str,
}

impl<'a> Change<'a> {
    /// Keeps the texts as they were written.
    fn keep(&self, source: &Source<'a>, drop: &Drop<'a>, event: &mut Draft<'a>) {
        let arena = source.webhook.arena;
        let list = drop.path(source, "raw.drops[0].statusTimestamps");
        let Some(Entry { index, word, time }) = self.entry else {
            let name = arena.concat(&[list, ".", cut(self.word)]);
            return note(event, name, Some(self.text));
        };
        for (field, text) in [(word, self.word), (time, self.text)] {
            let name = arena.text(format_args!("{list}[{index}].{field}"));
            note(event, name, Some(text));
        }
    }
}

/// The changes of `statusTimestamps`, as far as its form can be guessed: a list of objects that
/// name a status and a time, or an object of times by status.
fn changes<'a>(field: &Tree<'a>) -> Vec<Change<'a>> {
    fn one<'a>(entry: Option<Entry>, word: &'a str, time: &Tree<'a>) -> Option<Change<'a>> {
        let (text, at) = (time.word()?, instant(time));
        Some(Change {
            entry,
            word,
            text,
            at,
        })
    }
    let of_entry = |(index, tree): (usize, &Tree<'a>)| {
        let entry = input::Change::of(tree);
        let words = [
            ("status", entry.status),
            ("name", entry.name),
            ("state", entry.state),
        ];
        let times = [
            ("timestamp", entry.timestamp),
            ("date", entry.date),
            ("time", entry.time),
            ("at", entry.at),
            ("createdAt", entry.created_at),
            ("updatedAt", entry.updated_at),
            ("changedAt", entry.changed_at),
        ];
        let said = |(_, field): &(&str, &Tree<'a>)| field.word().is_some();
        let (word, named) = words.into_iter().find(said)?;
        let (time, timed) = times.into_iter().find(said)?;
        one(Some(Entry { index, word, time }), named.word()?, timed)
    };
    let of_list = field.items().iter().enumerate().take(CHANGES_MAX);
    let of_object = field.fields().iter().take(CHANGES_MAX);
    let of_field = |field: &Field<'a>| {
        let is_change = !NOT_IDENTITY.contains(&field.name()) && is_time(&field.value);
        is_change.then(|| one(None, field.name(), &field.value))?
    };
    of_list
        .filter_map(of_entry)
        .chain(of_object.filter_map(of_field))
        .collect()
}

/// A time is told from what else an object may hold: nothing else of it passes.
fn is_time(tree: &Tree<'_>) -> bool {
    let is_clock = |text: &str| Written::read(text).is_some();
    instant(tree).is_some() || tree.word().is_some_and(is_clock)
}

/// A text with `Z` or an offset, or an epoch. A clock text without either is of a zone that nobody
/// tells.
pub(super) fn instant(time: &Tree<'_>) -> Option<Micros> {
    claim(time).and_then(plausible)
}

/// The same, however far in the future.
fn claim(time: &Tree<'_>) -> Option<Micros> {
    let text = time.word()?;
    if let Some(instant) = epoch(text) {
        return claimed(instant);
    }
    match Written::read(text)? {
        Written::Instant(instant) => claimed(instant),
        Written::Clock(reading) if text.ends_with(['Z', 'z']) => claimed(reading),
        Written::Clock(_) => None,
    }
}

/// The attributes that keep the first drop's window as it was written.
pub(super) struct WindowNames {
    pub(super) date: &'static str,
    pub(super) end: &'static str,
    pub(super) start: &'static str,
}

/// A window on the clock of the endpoint's zone; without one, as it is written. The texts are kept
/// for a better rule.
pub(super) fn window<'a>(
    source: &Source<'a>,
    drop: &Drop<'a>,
    window: &Tree<'a>,
    event: &mut Draft<'a>,
    names: &WindowNames,
) -> (Option<Micros>, Option<Micros>) {
    let window = Window::of(window);
    let mut kept = |name: &'static str, field: &Tree<'a>| {
        let text = field.word()?;
        note(event, drop.path(source, name), Some(text));
        Some(text)
    };
    kept(names.date, window.date);
    let mut bound = |name: &'static str, field: &Tree<'a>| match Written::read(kept(name, field)?)?
    {
        Written::Instant(instant) => plausible(instant),
        Written::Clock(reading) => plausible(source.zone.instant(reading)?),
    };
    let end = bound(names.end, window.end);
    (bound(names.start, window.start), end)
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
        let read = |text: &str| instant(&Tree::Leaf(crate::json::Scalar::Text(text)));
        let at = "2023-08-22T17:08:31.117Z".parse::<Micros>().unwrap();
        assert_eq!(read("2023-08-22T17:08:31.117Z"), Some(at));
        assert_eq!(read("2023-08-22T18:08:31.117+01:00"), Some(at));
        assert_eq!(read("1692724111117"), Some(at));
        assert_eq!(read("2023-08-22 17:08:31"), None);
        assert_eq!(read("soon"), None);
    }
}
