//! Taking a partition up: what its shelf lacks comes from the changelog, and a shelf that can't be
//! trusted is filled anew.

use std::{path::PathBuf, sync::Arc};

use runtime::kafka::exactly_once::Failure;
use schemas::EventId;

use super::changelog::Changelog;
use crate::{
    codec::{CodecError, IDENTITY_KEY, decode_identity},
    partition::{Partition, Rules},
    shelf::{Damaged, Identity, Loader, Position, Shelf, disk::DiskShelf, memory::MemoryShelf},
    store::Store,
};

/// Deletions stay in the changelog for a day (`waybill topics apply`). A shelf that has not followed
/// it for half of that may lack some.
const FOLLOWED_WITHIN_MS: i64 = 12 * 3_600_000;
/// A shelf without news is stamped this often, so that it does not seem to have been away.
const STAMP_EVERY_MS: i64 = 3_600_000;

/// Where shelves stand.
pub trait Shelves: Send {
    /// The shelf of a partition; empty where there is none yet.
    ///
    /// # Errors
    /// [`Damaged`] where it can't be made.
    fn open(&mut self, partition: i32) -> Result<Box<dyn Shelf>, Damaged>;
}

/// In memory: each is gone with its partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryShelves;

impl Shelves for MemoryShelves {
    fn open(&mut self, _partition: i32) -> Result<Box<dyn Shelf>, Damaged> {
        Ok(Box::new(MemoryShelf::default()))
    }
}

/// In a folder of this instance's own.
#[derive(Clone, Debug)]
pub struct DiskShelves(pub PathBuf);

impl Shelves for DiskShelves {
    fn open(&mut self, partition: i32) -> Result<Box<dyn Shelf>, Damaged> {
        let folder = self.0.join(partition.to_string());
        std::fs::create_dir_all(&self.0).map_err(fjall::Error::Io)?;
        Ok(Box::new(DiskShelf::open(folder)?))
    }
}

/// A partition of ours, and how far its shelf follows the changelog.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) partition: Partition,
    position: Option<Position>,
    /// The last offset of the changelog that the open transaction wrote.
    written: Option<i64>,
    /// Written with the open transaction, as its last record.
    new_identity: Option<[u8; 16]>,
}

/// What taking partitions up needs.
pub(super) struct Sources<'a> {
    pub(super) changelog: &'a mut dyn Changelog,
    pub(super) shelves: &'a mut dyn Shelves,
    pub(super) now_ms: i64,
}

/// How a partition came back.
pub(super) struct Loaded {
    pub(super) owned: Owned,
    pub(super) records: usize,
    pub(super) from_shelf: bool,
}

fn away(error: Damaged) -> Failure {
    let why = std::error::Error::source(&error).map_or_else(String::new, |why| format!(": {why}"));
    Failure::Retry(format!("state.dir can't be used: {error}{why}"))
}

impl Sources<'_> {
    /// `distrusted`: what is on the shelf is wrong.
    pub(super) fn load(
        &mut self,
        number: i32,
        rules: &Arc<Rules>,
        distrusted: bool,
    ) -> Result<Loaded, Failure> {
        let mut shelf = self.shelves.open(number).map_err(away)?;
        let position = self.trusted(number, shelf.as_ref(), distrusted)?;
        if position.is_none() && (distrusted || !shelf.is_empty()) {
            tracing::warn!(
                partition = number,
                "local state is filled from the changelog"
            );
            shelf.wipe().map_err(away)?;
        }
        let mut identity = position.and_then(|position| position.identity);
        let mut loader = Loader::new(shelf.as_mut(), rules.retain_ms);
        let mut refused = None;
        let mut each = |offset: i64, key: &[u8], value: Option<&[u8]>| {
            if key == IDENTITY_KEY.as_bytes() {
                let id = value.and_then(|value| decode_identity(value).ok());
                identity = id.map(|id| Identity { offset, id });
                return Ok(());
            }
            let taken = match std::str::from_utf8(key) {
                Ok(key) => loader.take(key, value),
                Err(_) => Err(CodecError::Version.into()),
            };
            taken.map_err(|error| {
                refused = Some(error);
                "see the next line".to_owned()
            })
        };
        let from = position.map(|position| position.next);
        let next = match (self.changelog.read(number, from, &mut each), refused) {
            (_, Some(Damaged::Record(error))) => {
                let what = "the changelog has a record that this version does not read";
                return Err(Failure::Stop(anyhow::Error::new(error).context(what)));
            }
            (_, Some(error)) => return Err(away(error)),
            (read, None) => read?,
        };
        let position = Position {
            next,
            stamp_ms: self.now_ms,
            identity,
        };
        let records = loader.finish(Some(position)).map_err(away)?;
        let durable = shelf.is_durable();
        Ok(Loaded {
            owned: Owned {
                partition: Partition::new(Arc::clone(rules), Store::new(shelf)),
                position: durable.then_some(position),
                written: None,
                new_identity: None,
            },
            records,
            from_shelf: from.is_some(),
        })
    }

    /// From where the changelog must be read, if the shelf is one that follows it.
    fn trusted(
        &mut self,
        number: i32,
        shelf: &dyn Shelf,
        distrusted: bool,
    ) -> Result<Option<Position>, Failure> {
        let Some(position) = shelf.position().filter(|_| !distrusted) else {
            return Ok(None);
        };
        let age_ms = self.now_ms.saturating_sub(position.stamp_ms);
        if age_ms > FOLLOWED_WITHIN_MS {
            tracing::warn!(partition = number, age_ms, "local state is too old");
            return Ok(None);
        }
        if !self.changelog.has(number, &position)? {
            tracing::warn!(partition = number, "local state follows another changelog");
            return Ok(None);
        }
        Ok(Some(position))
    }
}

impl Owned {
    /// About how much of its state the open transaction will write.
    pub(super) const fn to_write(&self) -> usize {
        self.partition.store().touched_bytes()
    }

    /// The id by which the changelog is to be known from now on, where it has none.
    pub(super) fn wanted_identity(&mut self, now_micros: i64, number: i32) -> Option<[u8; 16]> {
        if self
            .position
            .is_none_or(|position| position.identity.is_some())
        {
            return None;
        }
        let process = std::process::id().to_be_bytes();
        let parts = [
            &now_micros.to_be_bytes()[..],
            &number.to_be_bytes(),
            &process,
        ];
        let id = *EventId::of(parts).as_bytes();
        self.new_identity = Some(id);
        Some(id)
    }

    pub(super) fn written(&mut self, offset: i64) {
        self.written = Some(offset);
    }

    pub(super) fn committed(&mut self, now_ms: i64) {
        let (written, id) = (self.written.take(), self.new_identity.take());
        let mut moved = None;
        if let Some(position) = &mut self.position {
            if let Some(offset) = written {
                position.next = position.next.max(offset + 1);
                let identity = id.map(|id| Identity { offset, id });
                position.identity = position.identity.or(identity);
            }
            if written.is_some() || now_ms - position.stamp_ms > STAMP_EVERY_MS {
                position.stamp_ms = now_ms;
                moved = Some(*position);
            }
        }
        self.partition.committed(moved);
    }

    pub(super) fn discarded(&mut self) {
        (self.written, self.new_identity) = (None, None);
        self.partition.discarded();
    }
}
