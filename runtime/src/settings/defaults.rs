//! What a service's `settings.default.toml` must fulfil; called by a test of each service.

use toml::Table;

use super::hidden::{Probe, probe};
use super::layers::{entries, table};
use super::{Problems, Settings, catalogue};

/// Says what is wrong with a service's defaults, as a unit test of the service asks:
/// `settings::check_defaults::<Settings>(DEFAULTS).unwrap()`.
///
/// They parse and fit the type, every key has a comment directly above it, is read by the service
/// and stands in the catalogue, and the catalogue and the types agree about what is secret.
pub fn check_defaults<S: Settings>(defaults: &str) -> Result<(), Problems> {
    let mut problems = Problems::default();
    match table(defaults) {
        Ok(table) => {
            check_comments(defaults, &mut problems);
            check_names::<S>(&table, &mut problems);
            if let Err(error) = table.clone().try_into::<S>() {
                problems.add("settings.default.toml", error.message());
            }
        }
        Err(text) => problems.add("settings.default.toml", text),
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn check_comments(defaults: &str, problems: &mut Problems) {
    let mut group = "";
    let mut above = "";
    for line in defaults.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            group = name;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
            && !above.starts_with("# ")
        {
            problems.add(format!("{group}.{key}"), "has no comment in the line above");
        }
        above = line;
    }
}

fn check_names<S: Settings>(table: &Table, problems: &mut Problems) {
    for (group, keys) in table {
        if !keys.is_table() {
            problems.add(group, "must stand in a group");
        } else if catalogue::group(group).is_none() {
            problems.add(
                group,
                "no such group in runtime/src/settings/catalogue.rs: add it",
            );
        }
    }
    for (group, key, _) in entries(table) {
        let name = format!("{group}.{key}");
        if catalogue::group(group).is_some() && !catalogue::has(group, key) {
            problems.add(
                &name,
                "no such key in runtime/src/settings/catalogue.rs: add it",
            );
        }
        match (
            probe::<S>(table, group, key),
            catalogue::is_secret(group, key),
        ) {
            (Probe::Unseen, false) => {
                problems.add(
                    name,
                    "nobody reads it, or it is a secret not in the catalogue",
                );
            }
            (Probe::Shown, true) => problems.add(name, "is a secret: its type must be Secret"),
            (Probe::Unseen, true) | (Probe::Shown, false) | (Probe::Refused, _) => {}
        }
    }
}
