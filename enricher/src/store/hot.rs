//! The records that were used last, decoded. Two generations: what the younger one has no room for
//! any more is forgotten unless it was used since.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::codec::Record;

/// Records of one generation: with five kilobytes each, two generations and a dozen partitions about
/// 120 MB.
const MOST: usize = 1_024;

#[derive(Debug, Default)]
pub struct Hot {
    young: FxHashMap<Arc<str>, Record>,
    old: FxHashMap<Arc<str>, Record>,
}

impl Hot {
    pub fn contains(&self, key: &str) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    pub fn get(&mut self, key: &str) -> Option<&Record> {
        if let Some((key, record)) = self.old.remove_entry(key) {
            self.put(key, record);
        }
        self.young.get(key)
    }

    pub fn take(&mut self, key: &str) -> Option<(Arc<str>, Record)> {
        let young = self.young.remove_entry(key);
        young.or_else(|| self.old.remove_entry(key))
    }

    pub fn put(&mut self, key: Arc<str>, record: Record) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, record);
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
