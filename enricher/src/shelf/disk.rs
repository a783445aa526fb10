//! A shelf on disk, a database for each partition, so that one that is damaged concerns no other.
//!
//! One keyspace holds all; the first byte of a key says what it is. Nothing is synced: after a power
//! cut the shelf is what it was some commits ago, its position with it, and the log has the rest.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::{CompressionPolicy, PartitioningPolicy},
};

use super::{Batch, Damaged, Identity, Position, Shelf, Turn, Waits};
use crate::codec::Record;

const RECORD: u8 = b'r';
const WAITING: u8 = b'w';
const EXPIRY: u8 = b'x';
const POSITION: &[u8] = b"p";
/// Rises when older bytes can't be read any more, or lie in a way that makes reading them slow: how
/// a database lays its files out is fixed when it is made. A shelf of another form is filled anew.
const FORM: u8 = 2;

/// Blocks that are read again stay in memory up to this, for each partition.
const CACHE_BYTES: u64 = 4 * 1024 * 1024;
/// Newest writes, for each partition.
const MEMTABLE_BYTES: u64 = 4 * 1024 * 1024;
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

/// The records of one partition in a folder.
pub struct DiskShelf {
    folder: PathBuf,
    open: Option<(Database, Keyspace)>,
    position: Option<Position>,
}

impl fmt::Debug for DiskShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskShelf")
            .field("folder", &self.folder)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

fn open(folder: &Path) -> Result<(Database, Keyspace), Damaged> {
    let database = Database::builder(folder)
        .worker_threads(1)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES)
        .journal_compression(CompressionType::None)
        .open()?;
    // A file's index is up to a megabyte in one piece: once there are more files than the cache has
    // room for, each read would fetch and check one whole. In pieces it takes some kilobytes.
    let in_pieces = || PartitioningPolicy::new([false, true]);
    let options = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(MEMTABLE_BYTES)
            .data_block_compression_policy(CompressionPolicy::disabled())
            .index_block_partitioning_policy(in_pieces())
            .filter_block_partitioning_policy(in_pieces())
    };
    let keyspace = database.keyspace("state", options)?;
    Ok((database, keyspace))
}

/// The store may stop at bytes that it never wrote: to us that is one more way of being damaged.
fn open_or_say_why(folder: &Path) -> Result<(Database, Keyspace), Damaged> {
    std::panic::catch_unwind(|| open(folder))
        .unwrap_or(Err(Damaged::Form("its files are not understood")))
}

/// Whether emptying the folder helps.
fn is_damage(error: &Damaged) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error {
        Damaged::Disk(fjall::Error::Locked) => false,
        Damaged::Disk(fjall::Error::Io(error)) => !matches!(
            error.kind(),
            PermissionDenied | ReadOnlyFilesystem | StorageFull
        ),
        Damaged::Disk(_) | Damaged::Record(_) | Damaged::Form(_) => true,
    }
}

impl DiskShelf {
    /// Opens the shelf in a folder, making it where there is none. One that can't be read, or was
    /// written in another form, is emptied.
    ///
    /// # Errors
    /// If another process uses the folder, or it can't be written.
    pub fn open(folder: PathBuf) -> Result<Self, Damaged> {
        let mut shelf = Self {
            folder,
            open: None,
            position: None,
        };
        match open_or_say_why(&shelf.folder) {
            Ok(opened) => shelf.open = Some(opened),
            Err(error) if !is_damage(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "local state can't be opened, it is filled from the changelog"
                );
                shelf.wipe()?;
            }
        }
        match shelf.read_position() {
            Ok(position) => shelf.position = position,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "local state has no position, it is filled from the changelog"
                );
                shelf.wipe()?;
            }
        }
        Ok(shelf)
    }

    fn keyspace(&self) -> Result<&Keyspace, Damaged> {
        let open = self.open.as_ref();
        open.map(|(_, keyspace)| keyspace)
            .ok_or(Damaged::Form("it is closed"))
    }

    fn read_position(&self) -> Result<Option<Position>, Damaged> {
        let bytes = self.keyspace()?.get(POSITION)?;
        bytes.map(|bytes| decode_position(&bytes)).transpose()
    }
}

fn key_of(kind: u8, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    bytes.push(kind);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// Sorts as the instants do: the sign is turned round.
fn turn_key(at_ms: i64, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 9);
    bytes.push(EXPIRY);
    bytes.extend_from_slice(&(at_ms.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// All that a batch writes, by key; of each key only the last.
fn sorted(batch: Batch) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let records = batch.records.into_iter();
    let waiting = batch.waiting.into_iter();
    let expiries = batch.expiries.into_iter();
    let records = records.map(|(key, value)| (key_of(RECORD, &key), value));
    let waiting = waiting.map(|(key, waits)| (key_of(WAITING, &key), waits.map(encode_waits)));
    let expiries = expiries.map(|turn| match turn {
        Turn::Add(at, key) => (turn_key(at, &key), Some(Vec::new())),
        Turn::Remove(at, key) => (turn_key(at, &key), None),
    });
    let mut all: Vec<_> = records.chain(waiting).chain(expiries).collect();
    // A stable sort of what is turned round: the last of a key comes first, and the others go.
    all.reverse();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.dedup_by(|(later, _), (first, _)| later == first);
    all
}

fn text(bytes: &[u8]) -> Result<Arc<str>, Damaged> {
    let text = std::str::from_utf8(bytes).map_err(|_| Damaged::Form("a key is not text"))?;
    Ok(Arc::from(text))
}

fn decode_turn(bytes: &[u8]) -> Result<(i64, Arc<str>), Damaged> {
    let short = Damaged::Form("a turn is too short");
    let (at, key) = bytes
        .get(1..)
        .and_then(|rest| rest.split_first_chunk::<8>())
        .ok_or(short)?;
    let at = (u64::from_be_bytes(*at) ^ (1 << 63)).cast_signed();
    Ok((at, text(key)?))
}

fn encode_waits(waits: Waits) -> Vec<u8> {
    let mut bytes = waits.deadline_ms.to_be_bytes().to_vec();
    bytes.extend_from_slice(&waits.count.to_be_bytes());
    bytes
}

fn decode_waits(bytes: &[u8]) -> Result<Waits, Damaged> {
    let form = || Damaged::Form("what waits is not understood");
    let (deadline, rest) = bytes.split_first_chunk::<8>().ok_or_else(form)?;
    let (count, _) = rest.split_first_chunk::<4>().ok_or_else(form)?;
    Ok(Waits {
        deadline_ms: i64::from_be_bytes(*deadline),
        count: u32::from_be_bytes(*count),
    })
}

fn encode_position(position: Position) -> Vec<u8> {
    let mut bytes = vec![FORM];
    bytes.extend_from_slice(&position.next.to_be_bytes());
    bytes.extend_from_slice(&position.stamp_ms.to_be_bytes());
    if let Some(Identity { offset, id }) = position.identity {
        bytes.extend_from_slice(&offset.to_be_bytes());
        bytes.extend_from_slice(&id);
    }
    bytes
}

fn decode_position(bytes: &[u8]) -> Result<Position, Damaged> {
    let form = || Damaged::Form("its position is not understood");
    let (head, rest) = bytes.split_first_chunk::<17>().ok_or_else(form)?;
    let [FORM, next_and_stamp @ ..] = head else {
        return Err(Damaged::Form("it was written in another form"));
    };
    let (next, stamp) = next_and_stamp.split_at(8);
    let number = |bytes: &[u8]| {
        let bytes = bytes.first_chunk::<8>().ok_or_else(form)?;
        Ok::<_, Damaged>(i64::from_be_bytes(*bytes))
    };
    let identity = match rest.split_first_chunk::<8>() {
        None => None,
        Some((offset, id)) => Some(Identity {
            offset: i64::from_be_bytes(*offset),
            id: *id.first_chunk::<16>().ok_or_else(form)?,
        }),
    };
    Ok(Position {
        next: number(next)?,
        stamp_ms: number(stamp)?,
        identity,
    })
}

impl Shelf for DiskShelf {
    fn get(&self, key: &str) -> Result<Option<Record>, Damaged> {
        let bytes = self.keyspace()?.get(key_of(RECORD, key))?;
        Ok(bytes.map(|bytes| Record::decode(&bytes)).transpose()?)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Damaged> {
        let Some((database, keyspace)) = &self.open else {
            return Err(Damaged::Form("it is closed"));
        };
        let mut write = database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in batch.records {
            let key = key_of(RECORD, &key);
            match value {
                Some(value) => write.insert(keyspace, key, value),
                None => write.remove(keyspace, key),
            }
        }
        for (key, waits) in batch.waiting {
            let key = key_of(WAITING, &key);
            match waits {
                Some(waits) => write.insert(keyspace, key, encode_waits(waits)),
                None => write.remove(keyspace, key),
            }
        }
        for turn in batch.expiries {
            match turn {
                Turn::Add(at, key) => write.insert(keyspace, turn_key(at, &key), []),
                Turn::Remove(at, key) => write.remove(keyspace, turn_key(at, &key)),
            }
        }
        if let Some(position) = batch.position {
            write.insert(keyspace, POSITION, encode_position(position));
        }
        write.commit()?;
        self.position = batch.position.or(self.position);
        Ok(())
    }

    /// Sorted and laid down as files, past the journal and what lies in memory. A crash before the
    /// position is written leaves a shelf without one, or one that is read over again from its old one.
    fn fill(&mut self, batch: Batch) -> Result<(), Damaged> {
        let position = batch.position;
        let mut ingestion = self.keyspace()?.start_ingestion()?;
        for (key, value) in sorted(batch) {
            match value {
                Some(value) => ingestion.write(key, value)?,
                None => ingestion.write_tombstone(key)?,
            }
        }
        ingestion.finish()?;
        let Some(position) = position else {
            return Ok(());
        };
        self.apply(Batch {
            position: Some(position),
            ..Batch::default()
        })
    }

    fn waiting(&self) -> Result<Vec<(Arc<str>, Waits)>, Damaged> {
        let mut waiting = Vec::new();
        for entry in self.keyspace()?.prefix([WAITING]) {
            let (key, value) = entry.into_inner()?;
            let key = text(key.get(1..).unwrap_or_default())?;
            waiting.push((key, decode_waits(&value)?));
        }
        Ok(waiting)
    }

    fn expiries(
        &self,
        after: Option<&(i64, Arc<str>)>,
        most: usize,
    ) -> Result<Vec<(i64, Arc<str>)>, Damaged> {
        use std::ops::Bound::{Excluded, Included};
        let from = match after {
            Some((at, key)) => Excluded(turn_key(*at, key)),
            None => Included(vec![EXPIRY]),
        };
        let turns = self
            .keyspace()?
            .range((from, Excluded(vec![EXPIRY + 1])))
            .take(most);
        turns.map(|entry| decode_turn(&entry.key()?)).collect()
    }

    fn position(&self) -> Option<Position> {
        self.position
    }

    /// Removes the folder and begins another.
    fn wipe(&mut self) -> Result<(), Damaged> {
        self.position = None;
        self.open = None;
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).map_err(fjall::Error::Io)?;
        }
        self.open = Some(open(&self.folder)?);
        Ok(())
    }

    /// Overwritten records count until they are cleaned away.
    fn len(&self) -> usize {
        let open = self.open.as_ref();
        open.map_or(0, |(_, keyspace)| keyspace.approximate_len())
    }

    fn bytes(&self) -> u64 {
        let open = self.open.as_ref();
        open.map_or(0, |(_, keyspace)| keyspace.disk_space())
    }

    fn is_durable(&self) -> bool {
        true
    }
}
