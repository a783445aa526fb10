//! Texts of which few differ: each stands once, in a dictionary.

use std::collections::HashMap;

use super::{Column, Push, Runs, count, length};

/// Version of the layout: a dictionary with each block, none shared between blocks.
const LAYOUT: u64 = 1;
/// The block brings its own dictionary (9), which replaces any earlier one (10).
const OWN_DICTIONARY: u64 = (1 << 9) | (1 << 10);
/// Stands for a text that is absent.
const ABSENT: u32 = u32::MAX;
/// Words that are found without the map.
const RECENT: usize = 64;

/// `LowCardinality(String)`, or `LowCardinality(Nullable(String))`.
#[derive(Debug)]
pub struct Words<const NULLABLE: bool> {
    places: Vec<u32>,
    words: Vec<Box<str>>,
    /// By what a word looks like from outside; a miss is no harm.
    recent: [u32; RECENT],
    known: HashMap<Box<str>, u32>,
    bytes: usize,
}

impl<const NULLABLE: bool> Default for Words<NULLABLE> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            words: Vec::new(),
            recent: [ABSENT; RECENT],
            known: HashMap::new(),
            bytes: 0,
        }
    }
}

/// Length, first and last bytes: most columns have a handful of words that differ in these.
fn slot(word: &str) -> usize {
    let bytes = word.as_bytes();
    let at = |place: usize| bytes.get(place).copied().map_or(0, usize::from);
    let end = bytes.len();
    let sum = end + at(0) + 7 * at(end.wrapping_sub(1)) + 31 * at(end.wrapping_sub(2));
    sum % RECENT
}

impl<const NULLABLE: bool> Words<NULLABLE> {
    fn word(&self, place: u32) -> Option<&str> {
        let place = usize::try_from(place).ok()?;
        self.words.get(place).map(AsRef::as_ref)
    }

    fn place(&mut self, word: &str) -> u32 {
        let slot = slot(word);
        if let Some(place) = self.recent.get(slot).copied()
            && self.word(place) == Some(word)
        {
            return place;
        }
        let place = self.known.get(word).copied().unwrap_or_else(|| {
            let place = u32::try_from(self.words.len()).unwrap_or(ABSENT);
            self.words.push(word.into());
            self.known.insert(word.into(), place);
            self.bytes += 2 * (word.len() + size_of::<Box<str>>());
            place
        });
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = place;
        }
        place
    }
}

impl<const NULLABLE: bool> Column for Words<NULLABLE> {
    fn kind() -> String {
        let inner = if NULLABLE {
            "Nullable(String)"
        } else {
            "String"
        };
        format!("LowCardinality({inner})")
    }

    fn bytes(&self) -> usize {
        self.places.len() * size_of::<u32>() + self.bytes
    }

    fn head(body: &mut Vec<u8>) {
        body.extend_from_slice(&LAYOUT.to_le_bytes());
    }

    /// The dictionary holds what these runs use, in the order of first use, so that it does not
    /// depend on what else came.
    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        let total = count(runs);
        if total == 0 {
            return;
        }
        let mut used = vec![ABSENT; self.words.len()];
        let mut keys: Vec<&str> = Vec::new();
        if NULLABLE {
            keys.push("");
        }
        let mut indexes = Vec::with_capacity(total);
        for place in runs
            .iter()
            .flat_map(|run| self.places.get(run.clone()))
            .flatten()
        {
            let key = usize::try_from(*place)
                .ok()
                .and_then(|place| used.get_mut(place));
            let Some(key) = key else {
                indexes.push(0);
                continue;
            };
            if *key == ABSENT {
                *key = u32::try_from(keys.len()).unwrap_or(ABSENT);
                keys.push(self.word(*place).unwrap_or_default());
            }
            indexes.push(*key);
        }
        let width = Width::of(keys.len());
        body.extend_from_slice(&(OWN_DICTIONARY | width.code()).to_le_bytes());
        number(body, keys.len());
        for key in keys {
            length(body, key.len());
            body.extend_from_slice(key.as_bytes());
        }
        number(body, total);
        width.write(&indexes, body);
    }
}

/// How many bytes tell a word.
#[derive(Clone, Copy)]
enum Width {
    One,
    Two,
    Four,
}

impl Width {
    const fn of(keys: usize) -> Self {
        match keys {
            0..=0x100 => Self::One,
            0x101..=0x1_0000 => Self::Two,
            _ => Self::Four,
        }
    }

    const fn code(self) -> u64 {
        match self {
            Self::One => 0,
            Self::Two => 1,
            Self::Four => 2,
        }
    }

    fn write(self, indexes: &[u32], body: &mut Vec<u8>) {
        let bytes = indexes.iter().map(|index| index.to_le_bytes());
        match self {
            Self::One => body.extend(bytes.map(|[low, ..]| low)),
            Self::Two => body.extend(bytes.flat_map(|[low, high, ..]| [low, high])),
            Self::Four => body.extend(bytes.flatten()),
        }
    }
}

fn number(body: &mut Vec<u8>, number: usize) {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    body.extend_from_slice(&number.to_le_bytes());
}

impl<const NULLABLE: bool> Push<&str> for Words<NULLABLE> {
    fn push(&mut self, word: &str) {
        let place = self.place(word);
        self.places.push(place);
    }
}

impl Push<Option<&str>> for Words<true> {
    fn push(&mut self, word: Option<&str>) {
        let place = word.map_or(ABSENT, |word| self.place(word));
        self.places.push(place);
    }
}
