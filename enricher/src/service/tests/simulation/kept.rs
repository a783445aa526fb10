//! Shelves that outlive their instance, as a disk does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::{
    codec::Record,
    service::Shelves,
    shelf::{Batch, Damaged, Position, Shelf, Waits, memory::MemoryShelf},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    memory: MemoryShelf,
    position: Option<Position>,
}

/// The disk of one instance.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Disks(Arc<Mutex<BTreeMap<i32, Arc<Mutex<Disk>>>>>);

impl Disks {
    fn of(&self, partition: i32) -> Arc<Mutex<Disk>> {
        self.0.lock().unwrap().entry(partition).or_default().clone()
    }

    pub(super) fn copy(&self, partition: i32) -> Disk {
        self.of(partition).lock().unwrap().clone()
    }

    pub(super) fn put(&self, partition: i32, disk: Disk) {
        self.0
            .lock()
            .unwrap()
            .insert(partition, Arc::new(Mutex::new(disk)));
    }
}

impl Shelves for Disks {
    fn open(&mut self, partition: i32) -> Result<Box<dyn Shelf>, Damaged> {
        Ok(Box::new(Kept(self.of(partition))))
    }
}

#[derive(Debug)]
struct Kept(Arc<Mutex<Disk>>);

impl Shelf for Kept {
    fn get(&self, key: &str) -> Result<Option<Record>, Damaged> {
        self.0.lock().unwrap().memory.get(key)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Damaged> {
        let mut disk = self.0.lock().unwrap();
        disk.position = batch.position.or(disk.position);
        disk.memory.apply(batch)
    }

    fn waiting(&self) -> Result<Vec<(Arc<str>, Waits)>, Damaged> {
        self.0.lock().unwrap().memory.waiting()
    }

    fn expiries(
        &self,
        after: Option<&(i64, Arc<str>)>,
        most: usize,
    ) -> Result<Vec<(i64, Arc<str>)>, Damaged> {
        self.0.lock().unwrap().memory.expiries(after, most)
    }

    fn position(&self) -> Option<Position> {
        self.0.lock().unwrap().position
    }

    fn wipe(&mut self) -> Result<(), Damaged> {
        *self.0.lock().unwrap() = Disk::default();
        Ok(())
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().memory.len()
    }

    fn bytes(&self) -> u64 {
        self.0.lock().unwrap().memory.bytes()
    }

    fn is_durable(&self) -> bool {
        true
    }
}
