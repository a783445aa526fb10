//! A TOML table read field by field: every mistake is noted with its line, and reading goes on.

use std::path::{Path, PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Problem;

/// One file, and what was found wrong in it so far.
pub(super) struct Reading<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) problems: Vec<Problem>,
    /// Further files that it names.
    pub(super) inputs: Vec<PathBuf>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            text,
            problems: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// Path of a file that is named relative to this one.
    pub(super) fn beside(&mut self, name: &str) -> PathBuf {
        let path = self
            .file
            .parent()
            .unwrap_or_else(|| Path::new(""))
            .join(name);
        self.inputs.push(path.clone());
        path
    }

    pub(super) fn problem(&mut self, at: usize, text: impl Into<String>, cure: impl Into<String>) {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: Some(before.iter().filter(|byte| **byte == b'\n').count() + 1),
            text: text.into(),
            cure: cure.into(),
        });
    }
}

/// A value, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// One table.
pub(super) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// How people call this table.
    pub(super) place: String,
    pub(super) at: usize,
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, place: String, at: usize) -> Self {
        Self { table, place, at }
    }

    /// Notes every key that is not in `known`.
    pub(super) fn only(&self, known: &[&str], reading: &mut Reading<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let nearest = known
                .iter()
                .min_by_key(|word| strsim::damerau_levenshtein(word, name));
            reading.problem(
                key.span().start,
                format!("{}: unknown key `{name}`", self.place),
                nearest.map_or_else(
                    || "remove it".to_owned(),
                    |word| format!("remove it, or write `{word}` if that is meant"),
                ),
            );
        }
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    /// The value of `key` as `read` takes it; another type is noted.
    fn typed<T>(
        &self,
        key: &str,
        form: &str,
        reading: &mut Reading<'_>,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<At<T>> {
        let value = self.get(key)?;
        let at = value.span().start;
        let found = read(value.get_ref()).map(|value| At { value, at });
        if found.is_none() {
            let kind = value.get_ref().type_str();
            let text = format!("{}: `{key}` has the wrong form ({kind})", self.place);
            reading.problem(at, text, format!("write {form}"));
        }
        found
    }

    pub(super) fn text(&self, key: &str, reading: &mut Reading<'_>) -> Option<At<&'t str>> {
        self.typed(key, "a text in quotes", reading, DeValue::as_str)
    }

    /// A text that must be there.
    pub(super) fn needed(
        &self,
        key: &str,
        cure: &str,
        reading: &mut Reading<'_>,
    ) -> Option<At<&'t str>> {
        if self.get(key).is_none() {
            reading.problem(self.at, format!("{}: `{key}` is missing", self.place), cure);
        }
        self.text(key, reading)
    }

    pub(super) fn flag(&self, key: &str, reading: &mut Reading<'_>) -> bool {
        self.typed(key, "true or false", reading, DeValue::as_bool)
            .is_some_and(|f| f.value)
    }

    /// A whole number from 1 to a million.
    pub(super) fn count(&self, key: &str, reading: &mut Reading<'_>) -> Option<u32> {
        let read = |value: &DeValue<'_>| {
            let number = value.as_integer()?;
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
            (1..=1_000_000).contains(&number).then_some(number)
        };
        self.typed(key, "a whole number from 1 to 1000000", reading, read)
            .map(|n| n.value)
    }

    /// A list of texts; a missing one is empty.
    pub(super) fn texts(&self, key: &str, reading: &mut Reading<'_>) -> Vec<At<&'t str>> {
        let read = |value: &'t DeValue<'t>| {
            let item = |item: &'t Spanned<DeValue<'t>>| {
                Some(At {
                    value: item.get_ref().as_str()?,
                    at: item.span().start,
                })
            };
            value
                .as_array()?
                .iter()
                .map(item)
                .collect::<Option<Vec<_>>>()
        };
        self.typed(key, "a list of texts", reading, read)
            .map(|l| l.value)
            .unwrap_or_default()
    }

    /// A list of tables; a missing one is empty.
    pub(super) fn tables(&self, key: &str, reading: &mut Reading<'_>) -> Vec<At<&'t DeTable<'t>>> {
        let read = |value: &'t DeValue<'t>| {
            let item = |item: &'t Spanned<DeValue<'t>>| {
                Some(At {
                    value: item.get_ref().as_table()?,
                    at: item.span().start,
                })
            };
            value
                .as_array()?
                .iter()
                .map(item)
                .collect::<Option<Vec<_>>>()
        };
        let form = format!("[[…{key}]] tables");
        self.typed(key, &form, reading, read)
            .map(|l| l.value)
            .unwrap_or_default()
    }

    /// How many items a list has, whatever they are; a missing one has none, a value of another type is told as such.
    pub(super) fn items(&self, key: &str) -> usize {
        let list = self.get(key).map(Spanned::get_ref);
        list.map_or(0, |list| list.as_array().map_or(1, |items| items.len()))
    }

    /// Where `key` stands, if it does.
    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.get(key).map(|value| value.span().start)
    }
}
