//! Laying files and environment over the defaults, and refusing names that nobody has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::{Problems, Sources, catalogue, names, value};

/// What stands before every variable of ours.
pub(super) const PREFIX: &str = "WAYBILL__";
const FILE: &str = "_file";

/// The defaults with everything laid over them so far.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) defaults: Table,
    pub(super) effective: Table,
    /// Group and key of what was given, and where.
    pub(super) given: BTreeMap<(String, String), String>,
    /// Group and key of what was given and could not be used.
    pub(super) refused: BTreeSet<(String, String)>,
}

/// One name and value of one layer, before anybody knows whether the name is ours.
struct Item {
    group: String,
    key: String,
    given: Given,
    /// How the operator wrote the name.
    written: String,
    /// Whether it was written as a variable, so that suggestions are too.
    as_variable: bool,
}

enum Given {
    Text(String),
    Typed(Value),
}

impl Layers {
    /// Reads all sources; what cannot be read or understood is added to `problems`.
    pub(super) fn read(sources: &Sources, problems: &mut Problems) -> Self {
        let defaults = match table(sources.defaults) {
            Ok(table) => table,
            Err(text) => {
                problems.add("settings.default.toml", text);
                Table::new()
            }
        };
        let mut layers = Self {
            effective: defaults.clone(),
            defaults,
            given: BTreeMap::new(),
            refused: BTreeSet::new(),
        };
        if let Some(path) = &sources.config {
            layers.lay(file_items(path, problems), problems);
        }
        layers.lay(variable_items(&sources.environment, problems), problems);
        layers
    }

    fn lay(&mut self, items: Vec<Item>, problems: &mut Problems) {
        let mut layer: BTreeMap<(String, String), String> = BTreeMap::new();
        for item in items {
            let Some((key, from_file)) = self.key_of(&item, problems) else {
                continue;
            };
            let name = (item.group.clone(), key);
            if let Some(other) = layer.insert(name.clone(), item.written.clone()) {
                problems.add(
                    &item.written,
                    format!("given together with {other}: give one"),
                );
                continue;
            }
            match self.value_of(&name, &item, from_file) {
                Ok(value) => self.set(name, value, item.written),
                Err(text) => {
                    problems.add(&item.written, text);
                    self.refused.insert(name);
                }
            }
        }
    }

    /// The key this item is for, and whether it names a file; none if it is not for us.
    fn key_of(&self, item: &Item, problems: &mut Problems) -> Option<(String, bool)> {
        let Some(keys) = self.defaults.get(&item.group).and_then(Value::as_table) else {
            if catalogue::group(&item.group).is_none() {
                problems.add(&item.written, self.suggestion("group", item));
            }
            return None;
        };
        let stem = item.key.strip_suffix(FILE);
        let ours = |key: &str| keys.contains_key(key);
        if ours(&item.key) {
            return Some((item.key.clone(), false));
        }
        if let Some(stem) = stem.filter(|stem| ours(stem)) {
            return Some((stem.to_owned(), true));
        }
        let foreign = catalogue::has(&item.group, &item.key)
            || stem.is_some_and(|stem| catalogue::has(&item.group, stem));
        if !foreign {
            problems.add(&item.written, self.suggestion("key", item));
        }
        None
    }

    fn suggestion(&self, what: &str, item: &Item) -> String {
        match names::nearest(&self.defaults, &item.group, &item.key) {
            Some((group, key)) if item.as_variable => {
                format!("no such {what}; the nearest is {}", variable(&group, &key))
            }
            Some((group, key)) => format!("no such {what}; the nearest is {group}.{key}"),
            None => format!("no such {what}"),
        }
    }

    fn value_of(
        &self,
        (group, key): &(String, String),
        item: &Item,
        from_file: bool,
    ) -> Result<Value, String> {
        let Some(default) = lookup(&self.defaults, group, key) else {
            return Err("has no default".to_owned());
        };
        match (&item.given, from_file) {
            (Given::Text(text), _) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err("is not UTF-8".to_owned())
            }
            (Given::Text(text), false) => Ok(value::from_text(text, default)?),
            (Given::Typed(given), false) => Ok(value::of_type(given.clone(), default)?),
            (Given::Text(path), true) | (Given::Typed(Value::String(path)), true) => {
                let text = fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {path}: {error}"))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                value::from_text(text, default)
                    .map_err(|problem| format!("the content of {path} {problem}"))
            }
            (Given::Typed(_), true) => Err("must be the path of a file".to_owned()),
        }
    }

    fn set(&mut self, (group, key): (String, String), value: Value, written: String) {
        put(&mut self.effective, &group, &key, value);
        self.given.insert((group, key), written);
    }
}

/// The value of a key.
pub(super) fn lookup<'a>(table: &'a Table, group: &str, key: &str) -> Option<&'a Value> {
    table.get(group)?.as_table()?.get(key)
}

/// Replaces the value of a key whose group exists.
pub(super) fn put(table: &mut Table, group: &str, key: &str, value: Value) {
    if let Some(group) = table.get_mut(group).and_then(Value::as_table_mut) {
        group.insert(key.to_owned(), value);
    }
}

/// Group, key and value of everything in a table of groups.
pub(super) fn entries(table: &Table) -> impl Iterator<Item = (&str, &str, &Value)> {
    table.iter().flat_map(|(group, keys)| {
        let keys = keys.as_table().into_iter().flatten();
        keys.map(move |(key, value)| (group.as_str(), key.as_str(), value))
    })
}

/// The variable of a key.
pub(super) fn variable(group: &str, key: &str) -> String {
    format!("{PREFIX}{}__{}", group.to_uppercase(), key.to_uppercase())
}

/// TOML's own report quotes the line, which may hold a secret; this one gives its number only.
pub(super) fn table(text: &str) -> Result<Table, String> {
    text.parse::<Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        format!("not TOML: {} (line {line})", error.message())
    })
}

fn file_items(path: &Path, problems: &mut Problems) -> Vec<Item> {
    let shown = path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.add(&shown, format!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    let groups = match table(&text) {
        Ok(groups) => groups,
        Err(text) => {
            problems.add(&shown, text);
            return Vec::new();
        }
    };
    let mut items = Vec::new();
    for (group, keys) in groups {
        let Value::Table(keys) = keys else {
            problems.add(
                format!("{shown}: {group}"),
                "must stand in a group, as in [kafka]",
            );
            continue;
        };
        items.extend(keys.into_iter().map(|(key, value)| Item {
            written: format!("{shown}: {group}.{key}"),
            group: group.clone(),
            key,
            given: Given::Typed(value),
            as_variable: false,
        }));
    }
    items
}

fn variable_items(environment: &[(String, String)], problems: &mut Problems) -> Vec<Item> {
    let mut items = Vec::new();
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((group, key)) = path.split_once("__") else {
            problems.add(name, format!("must be {PREFIX}<GROUP>__<KEY>"));
            continue;
        };
        items.push(Item {
            group: group.to_lowercase(),
            key: key.to_lowercase(),
            given: Given::Text(text.clone()),
            written: name.clone(),
            as_variable: true,
        });
    }
    items
}
