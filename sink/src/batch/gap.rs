//! What is passed over without being loaded. Pure.
//!
//! Offsets alone don't tell a record from the end of a transaction, so what Kafka has deleted is only
//! guessed at: a transaction has a record and an end at least, so that a single offset may be an end. Ends of
//! two writers' transactions may stand side by side; what is named for them is a question, not a loss.

use std::collections::BTreeMap;

use super::{Partition, Recovery, Span};

/// As many deleted offsets in a row have a record among them.
const SURELY_RECORDS: i64 = 2;

/// Why nobody will load a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody moved the group's offset past it.
    Moved,
    /// Kafka deleted it first.
    Deleted,
}

impl Cause {
    /// As in `gaps_log`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Moved => "MOVED",
            Self::Deleted => "DELETED",
        }
    }

    /// Reads [`Cause::name`] back.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Moved, Self::Deleted]
            .into_iter()
            .find(|cause| cause.name() == name)
    }
}

/// A range of offsets that is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) span: Span,
    pub(crate) cause: Cause,
}

impl Gap {
    fn is_of(&self, least: i64) -> bool {
        self.span.last - self.span.first + 1 >= least
    }
}

/// What Kafka has of a partition: from the first offset on, up to one past the last.
pub(crate) type Kept = BTreeMap<Partition, (i64, i64)>;

/// What is passed over where somebody else moved the group's offset, or took it away. `loaded` is one past
/// what the sink knows to be loaded. What Kafka still has of a gap may hold no records.
pub(crate) fn gaps(found: &Recovery, loaded: &BTreeMap<Partition, i64>, kept: &Kept) -> Vec<Gap> {
    let gap = |&(partition, start): &(Partition, Option<i64>)| {
        if start.is_some() && !found.moved.contains(&partition) {
            return None;
        }
        let first = *loaded.get(&partition)?;
        let (kept, end) = *kept.get(&partition)?;
        // beyond the end, and with no offset at all, reading begins anew
        let goes_on = start
            .filter(|start| *start <= end)
            .unwrap_or(kept)
            .max(kept);
        let is_deleted = goes_on <= kept;
        let least = if is_deleted { SURELY_RECORDS } else { 1 };
        (goes_on - first >= least).then_some(Gap {
            span: Span {
                partition,
                first,
                last: goes_on - 1,
            },
            cause: if is_deleted {
                Cause::Deleted
            } else {
                Cause::Moved
            },
        })
    };
    found.starts.iter().filter_map(gap).collect()
}

/// A step over offsets while reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jump {
    partition: Partition,
    /// What was read next, and what came instead.
    from: i64,
    to: i64,
    least: i64,
}

impl Jump {
    /// Between what was read last and a record, if there is room for a record that was deleted.
    pub(crate) fn between(partition: Partition, from: i64, to: i64) -> Option<Self> {
        (to - from >= SURELY_RECORDS).then_some(Self {
            partition,
            from,
            to,
            least: SURELY_RECORDS,
        })
    }

    /// Over a range that is to be read again, of which every record counts.
    pub(crate) const fn over(span: Span) -> Self {
        Self {
            partition: span.partition,
            from: span.first,
            to: span.last + 1,
            least: 1,
        }
    }

    pub(crate) const fn partition(&self) -> Partition {
        self.partition
    }

    /// What of it Kafka has deleted, which begins with `kept`. Aborted transactions are jumped over too.
    pub(crate) fn deleted(&self, kept: i64) -> Option<Gap> {
        let gap = Gap {
            span: Span {
                partition: self.partition,
                first: self.from,
                last: kept.min(self.to) - 1,
            },
            cause: Cause::Deleted,
        };
        gap.is_of(self.least).then_some(gap)
    }

    /// What of such a gap the sink has not loaded at another time.
    pub(crate) fn unless_loaded(&self, gap: Gap, loaded: i64) -> Option<Gap> {
        let mut rest = gap;
        rest.span.first = gap.span.first.max(loaded);
        rest.is_of(self.least).then_some(rest)
    }
}
