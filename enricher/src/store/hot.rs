//! The records that were used last, decoded. Two generations: what the younger one has no room for
//! any more is forgotten unless it was used since.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::codec::Record;

/// Records of one generation: with five kilobytes each, two generations and a dozen partitions about
/// 120 MB.
const MOST: usize = 1_024;
/// What they may take as bytes, a third of what they take decoded: with the same factors 300 MB, where
/// orders are large.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;

#[derive(Debug, Default)]
pub struct Hot {
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    records: FxHashMap<Arc<str>, (Record, usize)>,
    bytes: usize,
}

impl Generation {
    fn take(&mut self, key: &str) -> Option<(Arc<str>, Record)> {
        let (key, (record, bytes)) = self.records.remove_entry(key)?;
        self.bytes -= bytes;
        Some((key, record))
    }

    fn put(&mut self, key: Arc<str>, record: Record) {
        let bytes = record.bytes();
        self.bytes += bytes;
        if let Some((_, before)) = self.records.insert(key, (record, bytes)) {
            self.bytes -= before;
        }
    }
}

impl Hot {
    pub fn contains(&self, key: &str) -> bool {
        self.young.records.contains_key(key) || self.old.records.contains_key(key)
    }

    pub fn get(&mut self, key: &str) -> Option<&Record> {
        if let Some((key, record)) = self.old.take(key) {
            self.put(key, record);
        }
        self.young.records.get(key).map(|(record, _)| record)
    }

    pub fn take(&mut self, key: &str) -> Option<(Arc<str>, Record)> {
        let young = self.young.take(key);
        young.or_else(|| self.old.take(key))
    }

    pub fn put(&mut self, key: Arc<str>, record: Record) {
        if self.young.records.len() >= MOST || self.young.bytes >= MOST_BYTES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(key, record);
    }

    pub fn len(&self) -> usize {
        self.young.records.len() + self.old.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderState;

    fn order(bytes: usize) -> Record {
        let mut state = OrderState::default();
        state.was_read(bytes);
        Record::Order(Box::new(state))
    }

    fn fill(hot: &mut Hot, count: usize, bytes: usize) {
        for n in 0..count {
            hot.put(Arc::from(n.to_string()), order(bytes));
        }
    }

    #[test]
    fn few_large_records_take_no_more_memory_than_many_small_ones() {
        let mut hot = Hot::default();
        fill(&mut hot, 5_000, 1_000);
        assert!((MOST..=2 * MOST).contains(&hot.len()));
        fill(&mut hot, 5_000, 500_000);
        assert!(hot.len() * 500_000 <= 2 * MOST_BYTES + 1_000_000);
        assert!(hot.contains("4999") && !hot.contains("4000"));
    }

    #[test]
    fn what_leaves_or_comes_again_is_counted_once() {
        let mut hot = Hot::default();
        fill(&mut hot, 1_000, 1_000);
        for n in 0..1_000 {
            let (key, record) = hot.take(&n.to_string()).unwrap();
            hot.put(key.clone(), record);
            hot.put(key, order(2_000));
        }
        assert_eq!((hot.len(), hot.young.bytes), (1_000, 2_000_000));
    }
}
