//! The state of one partition: what the last commit left, and over it what the open transaction
//! changed. Only a commit merges the two; the changelog says the same, so a restart finds it again.

use std::{collections::BTreeSet, sync::Arc};

use rustc_hash::FxHashMap;

use crate::{account::AccountState, codec::Record, order::OrderState};

const HOUR_MS: i64 = 3_600_000;

/// What the open transaction did to one key.
#[derive(Debug, Default)]
pub struct Change {
    /// None: forgotten.
    pub record: Option<Record>,
    /// The changelog must be written.
    pub state: bool,
    /// The order's snapshot must be written.
    pub snapshot: bool,
}

/// All records of a partition, and when something is due with one.
#[derive(Debug, Default)]
pub struct Store {
    committed: FxHashMap<Arc<str>, Record>,
    overlay: FxHashMap<Arc<str>, Change>,
    /// Keys of the overlay in the order in which they were touched.
    touched: Vec<Arc<str>>,
    /// The earliest end of a hold of each order that has one.
    deadlines: BTreeSet<(i64, Arc<str>)>,
    /// When to look whether a record can be forgotten; whole hours, so that it rarely moves.
    expiries: BTreeSet<(i64, Arc<str>)>,
}

fn deadline_ms(record: Option<&Record>) -> Option<i64> {
    match record {
        Some(Record::Order(state)) => state.window().deadline_ms(),
        Some(Record::Account(_)) | None => None,
    }
}

fn full_hour_after(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
        .saturating_add(1)
        .saturating_mul(HOUR_MS)
}

impl Store {
    /// Takes over one changelog record; none is a tombstone.
    pub fn restore(&mut self, key: &str, record: Option<Record>) {
        match record {
            Some(record) => self.committed.insert(Arc::from(key), record),
            None => self.committed.remove(key),
        };
    }

    /// Call once after the last [`Store::restore`].
    pub fn restored(&mut self, retain_ms: i64) {
        for (key, record) in &self.committed {
            self.deadlines
                .extend(deadline_ms(Some(record)).map(|at| (at, key.clone())));
            let expiry = full_hour_after(touched_ms(record).saturating_add(retain_ms));
            self.expiries.insert((expiry, key.clone()));
        }
    }

    pub fn len(&self) -> usize {
        self.committed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.committed.is_empty()
    }

    /// Orders in which something waits.
    pub fn held(&self) -> usize {
        self.deadlines.len()
    }

    /// The record as the open transaction sees it.
    pub fn record(&self, key: &str) -> Option<&Record> {
        match self.overlay.get(key) {
            Some(change) => change.record.as_ref(),
            None => self.committed.get(key),
        }
    }

    pub fn order(&self, key: &str) -> Option<&OrderState> {
        match self.record(key) {
            Some(Record::Order(state)) => Some(state),
            Some(Record::Account(_)) | None => None,
        }
    }

    pub fn account(&self, key: &str) -> Option<&AccountState> {
        match self.record(key) {
            Some(Record::Account(state)) => Some(state),
            Some(Record::Order(_)) | None => None,
        }
    }

    /// Changes an order in the overlay, making it where there is none.
    pub fn change_order<T>(
        &mut self,
        key: &str,
        expires_ms: i64,
        change: impl FnOnce(&Arc<str>, &mut OrderState, &mut Flags) -> T,
    ) -> T {
        let (key, entry) = touch(&self.committed, &mut self.overlay, &mut self.touched, key);
        let (record, is_new) = match entry.record.take() {
            Some(record @ Record::Order(_)) => (Some(record), false),
            Some(Record::Account(_)) | None => (None, true),
        };
        let mut state = match record {
            Some(Record::Order(state)) => state,
            Some(Record::Account(_)) | None => Box::default(),
        };
        let before = state.window().deadline_ms();
        let mut flags = Flags {
            state: entry.state,
            snapshot: entry.snapshot,
        };
        let result = change(&key, &mut state, &mut flags);
        let after = state.window().deadline_ms();
        *entry = Change {
            record: Some(Record::Order(state)),
            state: flags.state,
            snapshot: flags.snapshot,
        };
        if is_new {
            self.expiries
                .insert((full_hour_after(expires_ms), key.clone()));
        }
        if before != after {
            self.move_deadline(&key, before, after);
        }
        result
    }

    /// Changes an account's memory in the overlay, making it where there is none.
    pub fn change_account(
        &mut self,
        key: &str,
        expires_ms: i64,
        change: impl FnOnce(&mut AccountState),
    ) {
        let (key, entry) = touch(&self.committed, &mut self.overlay, &mut self.touched, key);
        let (mut state, is_new) = match entry.record.take() {
            Some(Record::Account(state)) => (state, false),
            Some(Record::Order(_)) | None => (Box::default(), true),
        };
        change(&mut state);
        *entry = Change {
            record: Some(Record::Account(state)),
            state: true,
            snapshot: false,
        };
        if is_new {
            self.expiries.insert((full_hour_after(expires_ms), key));
        }
    }

    fn move_deadline(&mut self, key: &Arc<str>, before: Option<i64>, after: Option<i64>) {
        if let Some(before) = before {
            self.deadlines.remove(&(before, key.clone()));
        }
        if let Some(after) = after {
            self.deadlines.insert((after, key.clone()));
        }
    }

    /// The order whose hold ends first, and when.
    pub fn first_deadline(&self) -> Option<(i64, &Arc<str>)> {
        self.deadlines.first().map(|(at, key)| (*at, key))
    }

    /// The record that is to be looked at first, and when.
    pub fn first_expiry(&self) -> Option<(i64, &Arc<str>)> {
        self.expiries.first().map(|(at, key)| (*at, key))
    }

    /// Looks at the first expiry again after `at_ms`.
    pub fn postpone(&mut self, at_ms: i64) {
        if let Some((_, key)) = self.expiries.pop_first() {
            self.expiries.insert((full_hour_after(at_ms), key));
        }
    }

    /// Forgets the record of the first expiry.
    pub fn forget_first(&mut self) {
        let Some((_, key)) = self.expiries.pop_first() else {
            return;
        };
        let (_, entry) = touch(&self.committed, &mut self.overlay, &mut self.touched, &key);
        let written = match entry.record.take() {
            Some(Record::Order(state)) => Some(state.snapshots() > 0),
            Some(Record::Account(_)) => Some(false),
            None => None,
        };
        if let Some(snapshot) = written {
            *entry = Change {
                record: None,
                state: true,
                snapshot,
            };
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

    /// The transaction is in the log.
    pub fn committed(&mut self) {
        for (key, change) in self.overlay.drain() {
            match change.record {
                Some(record) => self.committed.insert(key, record),
                None => self.committed.remove(&key),
            };
        }
        self.touched.clear();
    }

    /// The transaction never happened.
    pub fn discarded(&mut self, retain_ms: i64) {
        for (key, change) in std::mem::take(&mut self.overlay) {
            let committed = self.committed.get(&key);
            let (tried, kept) = (deadline_ms(change.record.as_ref()), deadline_ms(committed));
            // A record that was forgotten or begun may stand at another hour, or at none. One look
            // too many puts that right; a missing one would keep the record for ever.
            if let Some(record) = committed {
                let expiry = full_hour_after(touched_ms(record).saturating_add(retain_ms));
                self.expiries.insert((expiry, key.clone()));
            }
            self.move_deadline(&key, tried, kept);
        }
        self.touched.clear();
    }
}

/// What a change makes necessary.
#[derive(Debug)]
pub struct Flags {
    pub state: bool,
    pub snapshot: bool,
}

fn touched_ms(record: &Record) -> i64 {
    match record {
        Record::Order(state) => state.touched_ms(),
        Record::Account(state) => state.touched_ms,
    }
}

fn touch<'a>(
    committed: &FxHashMap<Arc<str>, Record>,
    overlay: &'a mut FxHashMap<Arc<str>, Change>,
    touched: &mut Vec<Arc<str>>,
    key: &str,
) -> (Arc<str>, &'a mut Change) {
    let known = overlay.get_key_value(key).map(|(key, _)| key.clone());
    let key = known.unwrap_or_else(|| {
        let (key, record) = match committed.get_key_value(key) {
            Some((key, record)) => (key.clone(), Some(record.clone())),
            None => (Arc::from(key), None),
        };
        touched.push(key.clone());
        overlay.insert(
            key.clone(),
            Change {
                record,
                ..Change::default()
            },
        );
        key
    });
    let entry = overlay.entry(key.clone()).or_default();
    (key, entry)
}
