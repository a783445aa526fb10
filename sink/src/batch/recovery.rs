//! What an owner finds when partitions are handed to it: facts from Kafka in, decisions out.

use std::collections::BTreeMap;

use super::{Intent, Partition, intent::PENDING, settled_metadata};

/// What the group has committed for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) partition: Partition,
    /// None where nothing was ever committed.
    pub(crate) offset: Option<i64>,
    pub(crate) metadata: String,
}

/// What to do before new records are loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Blocks that are ours as a whole: the same rows under the same token.
    pub(crate) whole: Vec<Intent>,
    /// Ranges of blocks whose other ranges belong to somebody else now: the token of the whole
    /// can't be repeated, so look what is there and insert what is missing.
    pub(crate) parts: Vec<Intent>,
    /// Where to read on.
    pub(crate) starts: Vec<(Partition, Option<i64>)>,
    /// Partitions whose intent is of another version: what was pending is loaded anew under other
    /// tokens, and the replacing key absorbs what is there already.
    pub(crate) unreadable: Vec<Partition>,
    /// Partitions whose offset was committed by somebody else, or by a sink that left no mark yet.
    pub(crate) moved: Vec<Partition>,
}

/// What stands beside an offset.
enum Mark {
    Settled,
    /// A block that may or may not be there, and the last offset of its range of this partition.
    Pending(Intent, i64),
    /// Of a sink of another version.
    Unreadable,
    Foreign,
}

fn mark(one: &Committed, offset: i64) -> Mark {
    if one.metadata == settled_metadata(offset) {
        return Mark::Settled;
    }
    let of_this_version = Intent::parse(&one.metadata);
    if let Ok(intent) = of_this_version {
        let mut spans = intent.spans.iter();
        let span = spans.find(|span| span.partition == one.partition);
        return match span.filter(|span| span.first == offset).copied() {
            Some(span) => Mark::Pending(intent, span.last),
            None => Mark::Foreign,
        };
    }
    if one.metadata.starts_with(PENDING) {
        Mark::Unreadable
    } else {
        Mark::Foreign
    }
}

/// Sorts what was committed for exactly the partitions that are ours now.
pub(crate) fn recover(committed: &[Committed]) -> Recovery {
    let mut recovery = Recovery::default();
    let mut pending: BTreeMap<&str, (Intent, Vec<Partition>)> = BTreeMap::new();
    for one in committed {
        let mut start = one.offset;
        match one.offset.map(|offset| mark(one, offset)) {
            Some(Mark::Pending(intent, last)) => {
                start = Some(last + 1);
                let entry = pending.entry(&one.metadata).or_insert((intent, Vec::new()));
                entry.1.push(one.partition);
            }
            Some(Mark::Unreadable) => recovery.unreadable.push(one.partition),
            Some(Mark::Foreign) => recovery.moved.push(one.partition),
            Some(Mark::Settled) | None => {}
        }
        recovery.starts.push((one.partition, start));
    }
    for (intent, ours) in pending.into_values() {
        if intent
            .partitions()
            .all(|partition| ours.contains(&partition))
        {
            recovery.whole.push(intent);
        } else {
            let parts = ours.iter().filter_map(|partition| intent.only(*partition));
            recovery.parts.extend(parts);
        }
    }
    recovery
}
