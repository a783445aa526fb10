//! What an owner finds when partitions are handed to it: facts from Kafka in, decisions out.

use std::collections::BTreeMap;

use super::{Intent, Partition};

/// What the group has committed for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub partition: Partition,
    /// None where nothing was ever committed.
    pub offset: Option<i64>,
    pub metadata: String,
}

/// What to do before new records are loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Blocks that are ours as a whole: the same rows under the same token.
    pub whole: Vec<Intent>,
    /// Ranges of blocks whose other ranges belong to somebody else now: the token of the whole
    /// can't be repeated, so look what is there and insert what is missing.
    pub parts: Vec<Intent>,
    /// Where to read on.
    pub starts: Vec<(Partition, Option<i64>)>,
    /// Partitions whose metadata can't be read: what was pending is loaded anew under other
    /// tokens, and the replacing key absorbs what is there already.
    pub unreadable: Vec<Partition>,
}

/// Sorts what was committed for exactly the partitions that are ours now.
pub fn recover(committed: &[Committed]) -> Recovery {
    let mut recovery = Recovery::default();
    let mut pending: BTreeMap<&str, (Intent, Vec<Partition>)> = BTreeMap::new();
    for one in committed {
        let mut start = one.offset;
        if !one.metadata.is_empty() {
            let own = Intent::parse(&one.metadata).ok().and_then(|intent| {
                let span = intent
                    .spans
                    .iter()
                    .find(|span| span.partition == one.partition)?;
                (Some(span.first) == one.offset).then_some((span.last, intent.clone()))
            });
            match own {
                Some((last, intent)) => {
                    start = Some(last + 1);
                    let entry = pending.entry(&one.metadata).or_insert((intent, Vec::new()));
                    entry.1.push(one.partition);
                }
                None => recovery.unreadable.push(one.partition),
            }
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
