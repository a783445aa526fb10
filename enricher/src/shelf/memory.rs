//! A shelf that lives as long as the process: what there is without a folder for the state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::{Batch, Damaged, Position, Shelf, Turn, Waits};
use crate::codec::Record;

/// Records as bytes: a third of what they take decoded.
#[derive(Clone, Debug, Default)]
pub struct MemoryShelf {
    records: FxHashMap<Arc<str>, Box<[u8]>>,
    waiting: BTreeMap<Arc<str>, Waits>,
    expiries: BTreeSet<(i64, Arc<str>)>,
    bytes: u64,
}

fn size(bytes: Option<Box<[u8]>>) -> u64 {
    bytes.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0))
}

impl Shelf for MemoryShelf {
    fn get(&self, key: &str) -> Result<Option<Record>, Damaged> {
        let bytes = self.records.get(key);
        Ok(bytes.map(|bytes| Record::decode(bytes)).transpose()?)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Damaged> {
        for (key, value) in batch.records {
            let before = match value {
                Some(value) => {
                    self.bytes += u64::try_from(value.len()).unwrap_or(0);
                    self.records.insert(key, value.into_boxed_slice())
                }
                None => self.records.remove(&key),
            };
            self.bytes = self.bytes.saturating_sub(size(before));
        }
        for (key, waits) in batch.waiting {
            match waits {
                Some(waits) => self.waiting.insert(key, waits),
                None => self.waiting.remove(&key),
            };
        }
        for turn in batch.expiries {
            match turn {
                Turn::Add(at, key) => self.expiries.insert((at, key)),
                Turn::Remove(at, key) => self.expiries.remove(&(at, key)),
            };
        }
        Ok(())
    }

    fn waiting(&self) -> Result<Vec<(Arc<str>, Waits)>, Damaged> {
        let waiting = self.waiting.iter();
        Ok(waiting.map(|(key, waits)| (key.clone(), *waits)).collect())
    }

    fn expiries(
        &self,
        after: Option<&(i64, Arc<str>)>,
        most: usize,
    ) -> Result<Vec<(i64, Arc<str>)>, Damaged> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let behind = self.expiries.range((from, Unbounded));
        Ok(behind.take(most).cloned().collect())
    }

    /// It never outlives a position, so it needs none.
    fn position(&self) -> Option<Position> {
        None
    }

    fn wipe(&mut self) -> Result<(), Damaged> {
        *self = Self::default();
        Ok(())
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_durable(&self) -> bool {
        false
    }
}
