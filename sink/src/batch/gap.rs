//! What lies between where a partition was loaded to and where reading goes on. Pure.

use std::collections::BTreeMap;

use super::{Partition, Recovery, Span};

/// Why nobody will load a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody moved the group's offset past it.
    Moved,
    /// Kafka deleted it first.
    Deleted,
}

impl Cause {
    /// As in `gaps_log`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moved => "MOVED",
            Self::Deleted => "DELETED",
        }
    }

    /// Reads [`Cause::name`] back.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Moved, Self::Deleted]
            .into_iter()
            .find(|cause| cause.name() == name)
    }
}

/// A range of offsets that is passed over. It may hold no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub span: Span,
    pub cause: Cause,
}

/// What is passed over by going on as `found` says. `loaded` is one past what the sink knows to be loaded, which
/// counts where Kafka no longer says how far the group had come; `kept` is the first offset that
/// Kafka still has.
pub fn gaps(
    found: &Recovery,
    loaded: &BTreeMap<Partition, i64>,
    kept: &BTreeMap<Partition, i64>,
) -> Vec<Gap> {
    let gap = |&(partition, start): &(Partition, Option<i64>)| {
        let kept = kept.get(&partition).copied().unwrap_or(0);
        let goes_on = start.unwrap_or(kept).max(kept);
        let is_ours = start.is_some() && !found.moved.contains(&partition);
        let first = if is_ours {
            start
        } else {
            loaded.get(&partition).copied()
        };
        let first = first.filter(|first| *first < goes_on)?;
        let was_moved = start.is_some_and(|start| start > first);
        Some(Gap {
            span: Span {
                partition,
                first,
                last: goes_on - 1,
            },
            cause: if was_moved {
                Cause::Moved
            } else {
                Cause::Deleted
            },
        })
    };
    found.starts.iter().filter_map(gap).collect()
}
