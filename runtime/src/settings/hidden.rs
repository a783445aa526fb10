//! Which keys hold secrets, and texts without them.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::layers::{entries, lookup, put};
use super::{Problems, Settings, catalogue, value};

const HIDDEN: &str = "***";
/// Shorter values would blot out ordinary words.
const SCRUBBED_BYTES_MIN: usize = 4;

/// How a key shows in the settings' debug text when its value changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// The change shows.
    Shown,
    /// The settings read the key without a trace, or do not read it at all.
    Unseen,
    /// The type refuses the changed value, so this cannot be told.
    Refused,
}

/// Keys that hold secrets: those of the catalogue, and those whose type hides any text.
pub(super) fn secrets<S: Settings>(defaults: &Table) -> BTreeSet<(String, String)> {
    entries(defaults)
        .filter(|(group, key, default)| {
            catalogue::is_secret(group, key)
                || (default.is_str() && probe::<S>(defaults, group, key) == Probe::Unseen)
        })
        .map(|(group, key, _)| (group.to_owned(), key.to_owned()))
        .collect()
}

/// Changes one default and looks whether the settings' debug text changes.
pub(super) fn probe<S: Settings>(defaults: &Table, group: &str, key: &str) -> Probe {
    let changed = match lookup(defaults, group, key) {
        Some(Value::String(text)) => Value::String(format!("{text}7")),
        Some(Value::Integer(number)) => Value::Integer(number ^ 1),
        Some(Value::Boolean(yes)) => Value::Boolean(!yes),
        Some(Value::Float(number)) => Value::Float(number + 1.0),
        Some(Value::Array(_) | Value::Table(_) | Value::Datetime(_)) | None => {
            return Probe::Refused;
        }
    };
    let mut probed = defaults.clone();
    put(&mut probed, group, key, changed);
    match (defaults.clone().try_into::<S>(), probed.try_into::<S>()) {
        (Ok(before), Ok(after)) if format!("{before:?}") == format!("{after:?}") => Probe::Unseen,
        (Ok(_), Ok(_)) => Probe::Shown,
        (Err(_), _) | (_, Err(_)) => Probe::Refused,
    }
}

/// The same table with every secret that is not empty hidden.
pub(super) fn hide(effective: &Table, secrets: &BTreeSet<(String, String)>) -> Table {
    let mut shown = effective.clone();
    for (group, key, given) in entries(effective) {
        let secret = secrets.contains(&(group.to_owned(), key.to_owned()));
        let empty = given.as_str().is_some_and(str::is_empty);
        let value = if secret && !empty {
            Value::String(HIDDEN.to_owned())
        } else {
            value::shown(given)
        };
        put(&mut shown, group, key, value);
    }
    shown
}

/// Takes the values of secrets out of texts that somebody else has written.
pub(super) fn scrub(
    problems: Problems,
    effective: &Table,
    secrets: &BTreeSet<(String, String)>,
) -> Problems {
    let values: Vec<&str> = secrets
        .iter()
        .filter_map(|(group, key)| lookup(effective, group, key)?.as_str())
        .filter(|value| value.len() >= SCRUBBED_BYTES_MIN)
        .collect();
    let mut scrubbed = Problems::default();
    for (key, text) in problems.iter() {
        let clean = values
            .iter()
            .fold(text.to_owned(), |text, value| text.replace(value, HIDDEN));
        scrubbed.add(key, clean);
    }
    scrubbed
}
