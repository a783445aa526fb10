//! Which name was probably meant.

use std::collections::BTreeSet;

use strsim::normalized_damerau_levenshtein;
use toml::{Table, Value};

use super::catalogue;

/// Group and key nearest to what was written, among our own names and the catalogue's.
///
/// A group that exists is taken at its word; so is a key that exists in the nearest group.
pub(super) fn nearest(own: &Table, group: &str, key: &str) -> Option<(String, String)> {
    let groups: BTreeSet<&str> = own
        .keys()
        .map(String::as_str)
        .chain(catalogue::GROUPS.iter().map(|group| group.name))
        .collect();
    let group = closest(&groups, group)?;
    let keys: BTreeSet<&str> = own
        .get(group)
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(|keys| keys.keys().map(String::as_str))
        .chain(
            catalogue::group(group)
                .into_iter()
                .flat_map(|group| group.keys.iter().copied()),
        )
        .collect();
    let key = closest(&keys, key)?;
    Some((group.to_owned(), key.to_owned()))
}

/// The nearest of some names.
pub(super) fn closest<'a>(names: &BTreeSet<&'a str>, written: &str) -> Option<&'a str> {
    let nearness = |name: &&&str| normalized_damerau_levenshtein(name, written);
    names
        .iter()
        .max_by(|a, b| nearness(a).total_cmp(&nearness(b)))
        .copied()
}
