//! A folder in memory that forgets at a crash what was not synced, and fails when it is told to.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use crate::spool::{
    files::{Append, Files, Listed, write_all},
    log::locked,
};

/// Numbers that look random, by a seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Up to here a failed sync has lost what was not durable then: a later one makes zeros durable.
    lost_to: usize,
    lost_from: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Create(String, usize),
    Remove(String),
    Rename(String, String),
}

type Names = BTreeMap<String, usize>;

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// Which kinds of call fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Write,
    Read,
}

#[derive(Debug)]
struct Inner {
    inodes: Vec<Inode>,
    names: Names,
    durable_names: Names,
    pending: Vec<Change>,
    dice: Dice,
    /// Calls of a kind that still succeed, then how many fail.
    faults: Option<(Call, usize, usize)>,
    is_full: bool,
    /// Files that could not be renamed.
    kept_names: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Mutex<Inner>>);

const TORN_BYTES: usize = 32;

impl Memory {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            inodes: Vec::new(),
            names: Names::new(),
            durable_names: Names::new(),
            pending: Vec::new(),
            dice: Dice::new(seed),
            faults: None,
            is_full: false,
            kept_names: 0,
        })))
    }

    /// After so many more calls that change something, that many fail.
    pub(super) fn fail_writes(&self, after: usize, count: usize) {
        locked(&self.0).faults = Some((Call::Write, after, count));
    }

    pub(super) fn fail_reads(&self, after: usize, count: usize) {
        locked(&self.0).faults = Some((Call::Read, after, count));
    }

    pub(super) fn mend(&self) {
        let mut inner = locked(&self.0);
        inner.faults = None;
        inner.is_full = false;
    }

    pub(super) fn fill(&self, is_full: bool) {
        locked(&self.0).is_full = is_full;
    }

    /// The machine loses its power: of what was not synced, anything may have survived.
    pub(super) fn crash(&self) {
        let mut inner = locked(&self.0);
        let inner = &mut *inner;
        let mut names = std::mem::take(&mut inner.durable_names);
        for change in std::mem::take(&mut inner.pending) {
            if inner.dice.coin() {
                change.apply(&mut names);
            }
        }
        inner.names.clone_from(&names);
        inner.durable_names = names;
        for inode in &mut inner.inodes {
            let synced = inode.durable.len();
            let unsynced = inode.bytes.len().saturating_sub(synced);
            let fate = inner.dice.below(3);
            let kept = if fate == 0 {
                0
            } else {
                inner.dice.below(unsynced + 1)
            };
            let mut survived = inode.durable.clone();
            let mut is_torn = false;
            for at in synced..synced + kept {
                if fate == 2 && at % TORN_BYTES == 0 {
                    is_torn = inner.dice.coin();
                }
                let is_lost = is_torn || (inode.lost_from..inode.lost_to).contains(&at);
                survived.push(if is_lost { 0 } else { inode.bytes[at] });
            }
            *inode = Inode {
                bytes: survived.clone(),
                durable: survived,
                lost_from: 0,
                lost_to: 0,
            };
        }
    }

    /// Whether a failed sync has left bytes that look safe and are not.
    pub(super) fn pretends(&self) -> bool {
        locked(&self.0)
            .inodes
            .iter()
            .any(|inode| inode.lost_to > inode.lost_from)
    }

    /// Whether some file could not be renamed.
    pub(super) fn kept_a_name(&self) -> bool {
        locked(&self.0).kept_names > 0
    }

    pub(super) fn names(&self) -> Vec<String> {
        locked(&self.0).names.keys().cloned().collect()
    }

    /// The bytes of a file that a crash can't take away.
    pub(super) fn durable(&self, name: &str) -> Vec<u8> {
        let inner = locked(&self.0);
        let inode = inner.durable_names.get(name);
        inode.map_or_else(Vec::new, |inode| inner.inodes[*inode].durable.clone())
    }

    /// Damages the disk itself.
    pub(super) fn flip(&self, name: &str, bit: usize) {
        let mut inner = locked(&self.0);
        let inode = inner.names[name];
        let inode = &mut inner.inodes[inode];
        inode.durable[bit / 8] ^= 1 << (bit % 8);
        inode.bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

impl Inner {
    fn fails(&mut self, kind: Call) -> io::Result<()> {
        match &mut self.faults {
            Some((of, after, count)) if *of == kind && *count > 0 => {
                if *after > 0 {
                    *after -= 1;
                    return Ok(());
                }
                *count -= 1;
                let kind = if self.dice.coin() {
                    io::ErrorKind::StorageFull
                } else {
                    io::ErrorKind::Other
                };
                Err(kind.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        let inode = self.names.get(name).copied();
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn new_file(&mut self, name: &str) -> usize {
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.change(Change::Create(name.to_owned(), inode));
        inode
    }
}

impl Files for Memory {
    fn list(&self) -> io::Result<Vec<Listed>> {
        let inner = locked(&self.0);
        let listed = inner.names.iter().map(|(name, inode)| Listed {
            name: name.clone(),
            bytes: inner.inodes[*inode].bytes.len() as u64,
        });
        Ok(listed.collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Write)?;
        if inner.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = inner.new_file(name);
        Ok(Box::new(Handle(self.clone(), inode)))
    }

    fn overwrite(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Write)?;
        let inode = inner.new_file(name);
        Ok(Box::new(Handle(self.clone(), inode)))
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Read)?;
        let inode = inner.inode(name)?;
        let bytes = &inner.inodes[inode].bytes;
        let offset = usize::try_from(offset).unwrap().min(bytes.len());
        let count = into.len().min(bytes.len() - offset);
        into[..count].copy_from_slice(&bytes[offset..offset + count]);
        Ok(count)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = locked(&self.0);
        if let Err(error) = inner.fails(Call::Write) {
            inner.kept_names += 1;
            return Err(error);
        }
        inner.inode(from)?;
        inner.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = locked(&self.0);
        inner.inode(name)?;
        inner.fails(Call::Write)?;
        inner.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn cut(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Write)?;
        let inode = inner.inode(name)?;
        let inode = &mut inner.inodes[inode];
        inode.bytes.truncate(usize::try_from(bytes).unwrap());
        inode.durable.clone_from(&inode.bytes);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Write)?;
        inner.pending.clear();
        inner.durable_names = inner.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let mut inner = locked(&self.0);
        inner.fails(Call::Write)?;
        Ok(if inner.is_full { 0 } else { u64::MAX })
    }

    fn release(&self) {}
}

struct Handle(Memory, usize);

impl Append for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = locked(&self.0.0);
        inner.fails(Call::Write)?;
        let written = match inner.dice.below(4) {
            0 => 1 + inner.dice.below(bytes.len()),
            _ => bytes.len(),
        };
        inner.inodes[self.1]
            .bytes
            .extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = locked(&self.0.0);
        let failed = inner.fails(Call::Write);
        let inode = &mut inner.inodes[self.1];
        match failed {
            Ok(()) => {
                let from = inode.durable.len();
                let mut durable = inode.bytes.clone();
                // What an earlier call failed to write is not tried again.
                let lost = durable.get_mut(inode.lost_from.max(from)..inode.lost_to);
                lost.unwrap_or_default().fill(0);
                inode.durable = durable;
                Ok(())
            }
            Err(error) => {
                inode.lost_from = inode.durable.len();
                inode.lost_to = inode.bytes.len();
                Err(error)
            }
        }
    }
}

/// A second sync after a failed one says that all is well, and the bytes are not there: otherwise the
/// tests above would prove nothing about it.
#[test]
fn a_failed_sync_is_not_made_good_by_another_one() {
    let memory = Memory::new(7);
    let mut file = memory.create("f").unwrap();
    memory.sync_folder().unwrap();
    write_all(&mut *file, b"abc").unwrap();
    memory.fail_writes(0, 1);
    assert!(file.sync().is_err());
    assert!(file.sync().is_ok());
    memory.crash();
    let mut bytes = [1; 3];
    assert_eq!(memory.read("f", 0, &mut bytes).unwrap(), 3);
    assert_eq!(bytes, [0; 3]);
}
