//! Columns made of columns: what may be absent, lists, maps.

use std::ops::Range;

use super::{Column, Ends, Fixed, Plain, Push, Runs, Text};

/// `Nullable(T)`.
#[derive(Debug, Default)]
pub struct Optional<C> {
    absent: Plain<bool>,
    values: C,
}

/// What stands in the place of a value that is absent.
pub trait PushNothing {
    fn push_nothing(&mut self);
}

impl<T: Fixed> PushNothing for Plain<T> {
    fn push_nothing(&mut self) {
        self.push(T::default());
    }
}

impl PushNothing for Text {
    fn push_nothing(&mut self) {
        self.push("");
    }
}

impl<C: Column> Column for Optional<C> {
    fn kind() -> String {
        format!("Nullable({})", C::kind())
    }

    fn bytes(&self) -> usize {
        self.absent.bytes() + self.values.bytes()
    }

    fn head(body: &mut Vec<u8>) {
        C::head(body);
    }

    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        self.absent.body(runs, body);
        self.values.body(runs, body);
    }
}

impl<V, C: Push<V> + PushNothing> Push<Option<V>> for Optional<C> {
    fn push(&mut self, value: Option<V>) {
        self.absent.push(value.is_none());
        match value {
            Some(value) => self.values.push(value),
            None => self.values.push_nothing(),
        }
    }
}

/// `Array(T)`.
#[derive(Debug, Default)]
pub struct Many<C> {
    ends: Ends,
    values: C,
    count: usize,
}

impl<C> Many<C> {
    /// One more list.
    pub fn push_all<V>(&mut self, values: impl IntoIterator<Item = V>)
    where
        C: Push<V>,
    {
        for value in values {
            self.values.push(value);
            self.count += 1;
        }
        self.ends.push(self.count);
    }
}

/// What runs of lists take of their values. Runs without any are left out.
fn inner(ends: &Ends, runs: &Runs) -> Vec<Range<usize>> {
    let inner = runs.iter().map(|run| ends.of(run));
    inner.filter(|run| !run.is_empty()).collect()
}

/// Where each list ends, counted from the first that is written.
fn write_ends(ends: &Ends, runs: &Runs, body: &mut Vec<u8>) {
    let mut written = 0;
    for run in runs {
        let before = ends.of(run).start;
        for place in run.clone() {
            let end = written + (ends.at(place) - before);
            body.extend_from_slice(&u64::try_from(end).unwrap_or(u64::MAX).to_le_bytes());
        }
        written += ends.of(run).len();
    }
}

impl<C: Column> Column for Many<C> {
    fn kind() -> String {
        format!("Array({})", C::kind())
    }

    fn bytes(&self) -> usize {
        // they take twice the room once they are written
        2 * self.ends.bytes() + self.values.bytes()
    }

    fn head(body: &mut Vec<u8>) {
        C::head(body);
    }

    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        write_ends(&self.ends, runs, body);
        self.values.body(&inner(&self.ends, runs), body);
    }
}

/// `Map(String, String)`.
#[derive(Debug, Default)]
pub struct Pairs {
    ends: Ends,
    names: Text,
    values: Text,
    count: usize,
}

impl Pairs {
    /// One more map.
    pub fn push_all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in pairs {
            self.names.push(name);
            self.values.push(value);
            self.count += 1;
        }
        self.ends.push(self.count);
    }
}

impl Column for Pairs {
    fn kind() -> String {
        "Map(String, String)".to_owned()
    }

    fn bytes(&self) -> usize {
        2 * self.ends.bytes() + self.names.bytes() + self.values.bytes()
    }

    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        write_ends(&self.ends, runs, body);
        let inner = inner(&self.ends, runs);
        self.names.body(&inner, body);
        self.values.body(&inner, body);
    }
}
