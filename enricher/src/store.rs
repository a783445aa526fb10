//! The state of one partition: what the last commit left, and over it what the open transaction
//! changed. Only a commit merges the two; the changelog says the same, so a restart finds it again.
//!
//! The shelf holds every record as bytes. Decoded are those of the open transaction and the ones used
//! last; an order that ended is not kept among these.

pub mod hot;
pub mod turns;
pub mod waiting;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::{hot::Hot, turns::Turns, waiting::Waiting};
use crate::{
    account::AccountState,
    codec::Record,
    order::OrderState,
    shelf::{Batch, Damaged, Position, Shelf, Waits, full_hour_after, memory::MemoryShelf},
};

/// What the open transaction did to one key.
#[derive(Debug, Default)]
pub struct Change {
    /// None: forgotten.
    pub record: Option<Record>,
    /// The record as bytes, once they were written.
    pub bytes: Option<Vec<u8>>,
    /// The changelog must be written.
    pub state: bool,
    /// The order's snapshot must be written.
    pub snapshot: bool,
    /// What others know of the order is void.
    pub void: bool,
    /// What waited before the transaction.
    before: Option<Waits>,
}

/// All records of a partition, and when something is due with one.
#[derive(Debug)]
pub struct Store {
    shelf: Box<dyn Shelf>,
    hot: Hot,
    overlay: FxHashMap<Arc<str>, Change>,
    /// Keys of the overlay in the order in which they were touched.
    touched: Vec<Arc<str>>,
    /// What their records took when they were: as much is written again at the commit.
    touched_bytes: usize,
    /// The key that was looked for last and not found.
    missed: String,
    waiting: Waiting,
    turns: Turns,
    fault: Option<Damaged>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Box::new(MemoryShelf::default()))
    }
}

fn waits(record: Option<&Record>) -> Option<Waits> {
    match record {
        Some(Record::Order(state)) => state.window().waits(),
        Some(Record::Account(_)) | None => None,
    }
}

/// Whether the next transactions probably want it again.
fn is_wanted_again(record: &Record) -> bool {
    match record {
        Record::Order(state) => !state.is_at_rest(),
        Record::Account(_) => true,
    }
}

impl Store {
    /// Takes a shelf over that is filled up to the end of the changelog.
    pub fn new(shelf: Box<dyn Shelf>) -> Self {
        let mut store = Self {
            shelf,
            hot: Hot::default(),
            overlay: FxHashMap::default(),
            touched: Vec::new(),
            touched_bytes: 0,
            missed: String::new(),
            waiting: Waiting::default(),
            turns: Turns::default(),
            fault: None,
        };
        match store.shelf.waiting() {
            Ok(waiting) => {
                for (key, waits) in waiting {
                    store.waiting.moved(&key, None, Some(waits));
                }
            }
            Err(error) => store.fault = Some(error),
        }
        store.refill();
        store
    }

    pub fn shelf(&self) -> &dyn Shelf {
        self.shelf.as_ref()
    }

    /// Records that lie decoded in memory.
    pub fn hot(&self) -> usize {
        self.hot.len() + self.overlay.len()
    }

    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Why nothing that was read since can be trusted; the transaction must be given up.
    pub fn fault(&self) -> Option<&Damaged> {
        self.fault.as_ref()
    }

    /// About what the open transaction has to write of what was there before.
    pub const fn touched_bytes(&self) -> usize {
        self.touched_bytes
    }

    /// The record as the open transaction sees it.
    pub fn record(&mut self, key: &str) -> Option<&Record> {
        if self.overlay.contains_key(key) {
            return self.overlay.get(key)?.record.as_ref();
        }
        if !self.hot.contains(key) {
            let record = self.fetch(key)?;
            self.hot.put(Arc::from(key), record);
        }
        self.hot.get(key)
    }

    fn fetch(&mut self, key: &str) -> Option<Record> {
        if self.missed == key {
            return None;
        }
        match self.shelf.get(key) {
            Ok(Some(record)) => return Some(record),
            Ok(None) => {
                self.missed.clear();
                self.missed.push_str(key);
            }
            Err(error) => self.fault = Some(error),
        }
        None
    }

    pub fn order(&mut self, key: &str) -> Option<&OrderState> {
        match self.record(key) {
            Some(Record::Order(state)) => Some(state),
            Some(Record::Account(_)) | None => None,
        }
    }

    pub fn account(&mut self, key: &str) -> Option<&AccountState> {
        match self.record(key) {
            Some(Record::Account(state)) => Some(state),
            Some(Record::Order(_)) | None => None,
        }
    }

    fn touch(&mut self, key: &str) -> (Arc<str>, Change) {
        if let Some((key, change)) = self.overlay.remove_entry(key) {
            return (key, change);
        }
        let (key, record) = match self.hot.take(key) {
            Some((key, record)) => (key, Some(record)),
            None => (Arc::from(key), self.fetch(key)),
        };
        if self.missed == *key {
            self.missed.clear();
        }
        self.touched.push(key.clone());
        let bytes = record.as_ref().map_or(0, Record::bytes);
        self.touched_bytes = self.touched_bytes.saturating_add(bytes);
        let before = waits(record.as_ref());
        let change = Change {
            record,
            before,
            ..Change::default()
        };
        (key, change)
    }

    /// Changes an order in the overlay, making it where there is none.
    pub fn change_order<T>(
        &mut self,
        key: &str,
        expires_ms: i64,
        change: impl FnOnce(&Arc<str>, &mut OrderState, &mut Flags) -> T,
    ) -> T {
        let (key, mut entry) = self.touch(key);
        let (mut state, is_new) = match entry.record.take() {
            Some(Record::Order(state)) => (state, false),
            Some(Record::Account(_)) | None => (Box::default(), true),
        };
        let before = state.window().waits();
        let mut flags = Flags {
            state: entry.state,
            snapshot: entry.snapshot,
            void: entry.void,
        };
        let result = change(&key, &mut state, &mut flags);
        self.waiting.moved(&key, before, state.window().waits());
        if is_new {
            self.turns.add(full_hour_after(expires_ms), key.clone());
        }
        entry.record = Some(Record::Order(state));
        entry.state = flags.state;
        entry.snapshot = flags.snapshot;
        entry.void = flags.void;
        self.overlay.insert(key, entry);
        result
    }

    /// Changes an account's memory in the overlay, making it where there is none.
    pub fn change_account(
        &mut self,
        key: &str,
        expires_ms: i64,
        change: impl FnOnce(&mut AccountState),
    ) {
        let (key, mut entry) = self.touch(key);
        let (mut state, is_new) = match entry.record.take() {
            Some(Record::Account(state)) => (state, false),
            Some(Record::Order(_)) | None => (Box::default(), true),
        };
        change(&mut state);
        if is_new {
            self.turns.add(full_hour_after(expires_ms), key.clone());
        }
        entry.record = Some(Record::Account(state));
        entry.state = true;
        self.overlay.insert(key, entry);
    }

    /// The record that is to be looked at first, and when.
    pub fn first_turn(&self) -> Option<(i64, &Arc<str>)> {
        self.turns.first()
    }

    /// Looks at the record of the first turn again after `at_ms`.
    pub fn postpone(&mut self, at_ms: i64) {
        if let Some(key) = self.turns.take_first() {
            self.turns.add(full_hour_after(at_ms), key);
            self.refill_if_empty();
        }
    }

    /// Drops the first turn, whose record is gone already.
    pub fn drop_turn(&mut self) {
        if self.turns.take_first().is_some() {
            self.refill_if_empty();
        }
    }

    /// Forgets the record of the first turn.
    pub fn forget_first(&mut self) {
        let Some(key) = self.turns.take_first() else {
            return;
        };
        self.forget(&key);
        self.refill_if_empty();
    }

    /// Forgets a record; its turns find nothing.
    pub fn forget(&mut self, key: &str) {
        let (key, mut entry) = self.touch(key);
        if entry.record.take().is_some() {
            entry.state = true;
            entry.snapshot = false;
        }
        self.overlay.insert(key, entry);
    }

    fn refill_if_empty(&mut self) {
        if self.turns.first().is_none() {
            self.refill();
        }
    }

    fn refill(&mut self) {
        if let Err(error) = self.turns.refill(self.shelf.as_ref()) {
            self.fault = Some(error);
        }
    }

    /// Goes through what the open transaction changed, in the order in which it was touched.
    ///
    /// # Errors
    /// The first error of `each`.
    pub fn try_each_change<E>(
        &mut self,
        mut each: impl FnMut(&Arc<str>, &mut Change) -> Result<(), E>,
    ) -> Result<(), E> {
        for key in &self.touched {
            if let Some(change) = self.overlay.get_mut(key) {
                each(key, change)?;
            }
        }
        Ok(())
    }

    /// The transaction is in the log, up to `position`.
    pub fn committed(&mut self, position: Option<Position>) {
        if self.touched.is_empty() && self.turns.is_still() && position.is_none() {
            return;
        }
        let mut batch = Batch {
            position,
            ..Batch::default()
        };
        self.touched_bytes = 0;
        for key in self.touched.drain(..) {
            let Some(change) = self.overlay.remove(&key) else {
                continue;
            };
            let after = waits(change.record.as_ref());
            if change.state {
                batch.records.push((key.clone(), change.bytes));
                if after != change.before {
                    batch.waiting.push((key.clone(), after));
                }
            }
            if let Some(record) = change.record.filter(is_wanted_again) {
                self.hot.put(key, record);
            }
        }
        batch.expiries = self.turns.committed();
        let turned = !batch.expiries.is_empty();
        if let Err(error) = self.shelf.apply(batch) {
            self.fault = Some(error);
        } else if turned {
            self.refill();
        }
    }

    /// The transaction never happened.
    pub fn discarded(&mut self) {
        for (key, change) in std::mem::take(&mut self.overlay) {
            let tried = waits(change.record.as_ref());
            self.waiting.moved(&key, tried, change.before);
        }
        self.touched.clear();
        self.touched_bytes = 0;
        if self.turns.discarded() {
            self.refill();
        }
    }
}

/// What a change makes necessary.
#[derive(Debug)]
pub struct Flags {
    pub state: bool,
    pub snapshot: bool,
    pub void: bool,
}
