//! Where the committed records of a partition lie, as bytes. Memory holds few of them decoded.
//!
//! A shelf follows the changelog: it is changed after a commit, at once or not at all, together with
//! the changelog's position. So it may be behind the log and never ahead of it, and what it lacks is
//! read from the log's tail.

pub mod disk;
pub mod memory;

use std::{fmt::Debug, sync::Arc};

use rustc_hash::FxHashSet;

use crate::codec::{CodecError, Glance, Record};

const HOUR_MS: i64 = 3_600_000;

/// What of an order waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The earliest end of a hold.
    pub deadline_ms: i64,
    /// How many events wait.
    pub count: u32,
}

/// How far a shelf follows the changelog, and which changelog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The next offset to be read.
    pub next: i64,
    /// When that was so, by the wall clock.
    pub stamp_ms: i64,
    pub identity: Option<Identity>,
}

/// A record of the changelog that no other changelog has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub offset: i64,
    pub id: [u8; 16],
}

/// What one commit does to a shelf.
#[derive(Debug, Default)]
pub struct Batch {
    /// None: removed.
    pub records: Vec<(Arc<str>, Option<Vec<u8>>)>,
    /// None: nothing of the order waits any more.
    pub waiting: Vec<(Arc<str>, Option<Waits>)>,
    pub expiries: Vec<Turn>,
    pub position: Option<Position>,
}

/// A change to the list that says when to look at which record.
#[derive(Debug)]
pub enum Turn {
    Add(i64, Arc<str>),
    Remove(i64, Arc<str>),
}

/// Why a shelf can't be used any more: it must be emptied and filled from the changelog.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    #[error("the local state is damaged")]
    Disk(#[from] fjall::Error),
    #[error("a record of the local state is damaged")]
    Record(#[from] CodecError),
    #[error("the local state is damaged: {0}")]
    Form(&'static str),
}

/// Committed records with what is due when.
pub trait Shelf: Debug + Send {
    /// # Errors
    /// [`Damaged`].
    fn get(&self, key: &str) -> Result<Option<Record>, Damaged>;

    /// # Errors
    /// [`Damaged`]; then nobody knows what it holds.
    fn apply(&mut self, batch: Batch) -> Result<(), Damaged>;

    /// The same for very many records at once, while a shelf is being filled. Of what is named twice
    /// the last holds.
    ///
    /// # Errors
    /// [`Damaged`]; then nobody knows what it holds.
    fn fill(&mut self, batch: Batch) -> Result<(), Damaged> {
        self.apply(batch)
    }

    /// Every order of which something waits.
    ///
    /// # Errors
    /// [`Damaged`].
    fn waiting(&self) -> Result<Vec<(Arc<str>, Waits)>, Damaged>;

    /// The first turns behind `after`, at most so many.
    ///
    /// # Errors
    /// [`Damaged`].
    fn expiries(
        &self,
        after: Option<&(i64, Arc<str>)>,
        most: usize,
    ) -> Result<Vec<(i64, Arc<str>)>, Damaged>;

    fn position(&self) -> Option<Position>;

    /// Empties it.
    ///
    /// # Errors
    /// [`Damaged`] where even that fails.
    fn wipe(&mut self) -> Result<(), Damaged>;

    /// How many records it holds, as exactly as it knows.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they take.
    fn bytes(&self) -> u64;

    /// Whether it outlives the process.
    fn is_durable(&self) -> bool;
}

/// The whole hour after an instant: turns move rarely.
pub fn full_hour_after(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
        .saturating_add(1)
        .saturating_mul(HOUR_MS)
}

/// Fills a shelf from the changelog, many records at a time.
#[derive(Debug)]
pub struct Loader<'a> {
    shelf: &'a mut dyn Shelf,
    retain_ms: i64,
    /// Orders of which something waits, where the shelf can't know of others: only these must be
    /// taken back.
    waiting: Option<FxHashSet<Arc<str>>>,
    batch: Batch,
    bytes: usize,
    records: usize,
}

/// Records that are sorted and laid down together.
const FILL_BYTES: usize = 32 * 1024 * 1024;
const FILL_RECORDS: usize = 64 * 1024;
/// Fewer than that go the way of a commit: a file of their own would not pay.
const FEW_BYTES: usize = 1024 * 1024;

impl<'a> Loader<'a> {
    pub fn new(shelf: &'a mut dyn Shelf, retain_ms: i64) -> Self {
        let waiting = shelf.is_empty().then(FxHashSet::default);
        Self {
            shelf,
            retain_ms,
            waiting,
            batch: Batch::default(),
            bytes: 0,
            records: 0,
        }
    }

    /// Takes over one changelog record; none is a tombstone.
    ///
    /// # Errors
    /// [`Damaged::Record`] for bytes that are not ours, else the shelf's.
    pub fn take(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Damaged> {
        let key: Arc<str> = Arc::from(key);
        let waits = match value {
            Some(bytes) => {
                let glance = Glance::of(bytes)?;
                let at = full_hour_after(glance.touched_ms.saturating_add(self.retain_ms));
                self.batch.expiries.push(Turn::Add(at, key.clone()));
                glance.waits
            }
            None => None,
        };
        let must_say = match &mut self.waiting {
            None => true,
            Some(waiting) if waits.is_some() => {
                waiting.insert(key.clone());
                true
            }
            Some(waiting) => waiting.remove(&key),
        };
        if must_say {
            self.batch.waiting.push((key.clone(), waits));
        }
        self.bytes += value.map_or(0, <[u8]>::len);
        self.records += 1;
        self.batch.records.push((key, value.map(<[u8]>::to_vec)));
        if self.batch.records.len() >= FILL_RECORDS || self.bytes >= FILL_BYTES {
            self.lay_down()?;
        }
        Ok(())
    }

    fn lay_down(&mut self) -> Result<(), Damaged> {
        self.bytes = 0;
        self.shelf.fill(std::mem::take(&mut self.batch))
    }

    /// Call once after the last record. Returns how many there were.
    ///
    /// # Errors
    /// The shelf's.
    pub fn finish(mut self, position: Option<Position>) -> Result<usize, Damaged> {
        if self.bytes >= FEW_BYTES {
            self.lay_down()?;
        }
        self.batch.position = position;
        self.shelf.apply(self.batch)?;
        Ok(self.records)
    }
}

#[cfg(test)]
mod tests;
