//! The ranges of a block, as they stand in a commit's metadata and in an insert's token.

use std::{cmp::Ordering, fmt::Write as _};

use schemas::{Micros, topics::Topic};
use sha2::{Digest, Sha256};

use crate::table::Table;

/// What brokers accept unless an operator lowered `offset.metadata.max.bytes`.
pub const METADATA_BYTES_MAX: usize = 4096;

/// Version of the text; another one is not read, and its ranges are loaded anew.
const HEAD: &str = "pending 1";
/// Of an intent of any version.
pub(super) const PENDING: &str = "pending ";

/// One partition of one of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    pub topic: Topic,
    pub number: i32,
}

impl Ord for Partition {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.topic.short_name(), self.number).cmp(&(other.topic.short_name(), other.number))
    }
}

impl PartialOrd for Partition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Records of one partition, both ends included. Offsets between may hold none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub partition: Partition,
    pub first: i64,
    pub last: i64,
}

/// What is about to be inserted. Spans are sorted by partition, each stands once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Part of every row, hence part of what must be the same when it is read again.
    pub loaded_at: Micros,
    pub spans: Vec<Span>,
}

/// What stands beside an offset that nothing is pending behind: a commit of anybody else shows by its
/// absence, or by another offset.
pub fn settled_metadata(offset: i64) -> String {
    format!("settled 1 {offset}")
}

/// The metadata of a commit is not ours, or of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata of the commit is no intent of this version")]
pub struct UnreadableIntent;

impl Intent {
    /// `pending 1 <loaded_at> <topic> <partition>:<first>+<more> … <topic> …`
    pub fn metadata(&self) -> String {
        let mut text = format!("{HEAD} {}", self.loaded_at.0);
        let mut topic = None;
        for span in &self.spans {
            if topic != Some(span.partition.topic) {
                topic = Some(span.partition.topic);
                text.push(' ');
                text.push_str(span.partition.topic.short_name());
            }
            let more = span.last - span.first;
            // writing to a String never fails
            write!(text, " {}:{}+{more}", span.partition.number, span.first).ok();
        }
        text
    }

    /// Reads [`Intent::metadata`] back.
    ///
    /// # Errors
    /// [`UnreadableIntent`] for anything else.
    pub fn parse(text: &str) -> Result<Self, UnreadableIntent> {
        let mut words = text
            .strip_prefix(HEAD)
            .ok_or(UnreadableIntent)?
            .split_ascii_whitespace();
        let loaded_at = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(UnreadableIntent)?;
        let mut spans = Vec::new();
        let mut topic = None;
        for word in words {
            match word.split_once(':') {
                None => topic = Some(named(word).ok_or(UnreadableIntent)?),
                Some((number, range)) => {
                    let topic = topic.ok_or(UnreadableIntent)?;
                    spans.push(span(topic, number, range).ok_or(UnreadableIntent)?);
                }
            }
        }
        let in_order = spans.is_sorted_by(|a: &Span, b: &Span| a.partition < b.partition);
        if spans.is_empty() || !in_order {
            return Err(UnreadableIntent);
        }
        Ok(Self {
            loaded_at: Micros(loaded_at),
            spans,
        })
    }

    /// The deduplication token. The time stands in it, so that a topic that was made anew, with
    /// offsets from zero again, never meets a token of the old one.
    pub fn token(&self, table: Table) -> String {
        let mut hash = Sha256::new();
        hash.update(table.name());
        hash.update(self.metadata());
        let digest = hex::encode(hash.finalize());
        format!("{}-{}", table.name(), digest.get(..32).unwrap_or(&digest))
    }

    /// Whether the ranges of so many partitions fit a commit, whatever their offsets.
    pub const fn admits(partitions: usize) -> bool {
        // a table has at most two topics, and these are the longest names that share one
        const NAMES: usize = " raw raw-overflow set-aside".len();
        const TIME: usize = " -9223372036854775808".len();
        const SPAN: usize = " 2147483647:9223372036854775807+9223372036854775807".len();
        HEAD.len() + TIME + NAMES + partitions * SPAN <= METADATA_BYTES_MAX
    }

    pub fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.spans.iter().map(|span| span.partition)
    }

    /// The part of it that concerns one partition, as an intent of its own.
    pub fn only(&self, partition: Partition) -> Option<Self> {
        let span = self.spans.iter().find(|span| span.partition == partition)?;
        Some(Self {
            loaded_at: self.loaded_at,
            spans: vec![*span],
        })
    }
}

fn named(word: &str) -> Option<Topic> {
    Topic::ALL
        .iter()
        .copied()
        .find(|topic| topic.short_name() == word)
}

fn span(topic: Topic, number: &str, range: &str) -> Option<Span> {
    let (first, more) = range.split_once('+')?;
    let (number, first): (i32, i64) = (number.parse().ok()?, first.parse().ok()?);
    let more: i64 = more.parse().ok().filter(|more| *more >= 0)?;
    let last = first.checked_add(more)?;
    (number >= 0 && first >= 0).then_some(Span {
        partition: Partition { topic, number },
        first,
        last,
    })
}
