use std::path::Path;

use super::{disk::DiskShelf, memory::MemoryShelf, *};
use crate::{codec::CodecError, partition::Partition, sample::*, store::Store};

const POSITION: Position = Position {
    next: 9,
    stamp_ms: START_MS,
    identity: Some(Identity {
        offset: 3,
        id: [5; 16],
    }),
};

fn record(order: &str) -> Vec<u8> {
    let mut bench = Bench::default();
    bench.append(of_order(order, status("PICKED_UP", "?", 0)), 0);
    bench.commit();
    let key = key(order).to_string();
    let record = bench.partition.store_mut().record(&key).unwrap();
    record.encode().unwrap()
}

fn fill(shelf: &mut dyn Shelf) {
    let mut loader = Loader::new(shelf, 60_000);
    for order in ["A", "B", "C"] {
        let key = key(order).to_string();
        loader.take(&key, Some(&record(order))).unwrap();
    }
    let gone = key("B").to_string();
    loader.take(&gone, None).unwrap();
    assert_eq!(loader.finish(Some(POSITION)).unwrap(), 4);
}

/// What both kinds must do.
fn check(shelf: &mut dyn Shelf) {
    fill(shelf);
    let [a, b, c] = ["A", "B", "C"].map(|order| Arc::<str>::from(key(order).to_string()));
    assert!(shelf.get(&a).unwrap().is_some() && shelf.get(&b).unwrap().is_none());
    let waits = Waits {
        deadline_ms: START_MS + HOLD_MS,
        count: 1,
    };
    let waiting = shelf.waiting().unwrap();
    assert_eq!(waiting, [(a.clone(), waits), (c.clone(), waits)]);
    let hour = full_hour_after(START_MS + 60_000);
    let all = shelf.expiries(None, 9).unwrap();
    assert_eq!(
        all,
        [(hour, a.clone()), (hour, b.clone()), (hour, c.clone())]
    );
    assert_eq!(shelf.expiries(Some(&all[0]), 1).unwrap(), all[1..2]);
    let batch = Batch {
        records: vec![(a.clone(), None)],
        waiting: vec![(a.clone(), None)],
        expiries: vec![Turn::Remove(hour, a.clone()), Turn::Add(-hour, b.clone())],
        position: None,
    };
    shelf.apply(batch).unwrap();
    assert!(shelf.get(&a).unwrap().is_none());
    assert_eq!(shelf.waiting().unwrap().len(), 1);
    let turns = shelf.expiries(None, 9).unwrap();
    assert_eq!(
        turns,
        [(-hour, b.clone()), (hour, b.clone()), (hour, c.clone())]
    );
    let batch = Batch {
        records: vec![
            (c.clone(), None),
            (b.clone(), Some(record("A"))),
            (a.clone(), Some(record("A"))),
            (b.clone(), None),
            (c.clone(), Some(record("C"))),
        ],
        waiting: vec![(b.clone(), Some(waits)), (b.clone(), None)],
        expiries: vec![Turn::Remove(-hour, b.clone()), Turn::Add(hour, a.clone())],
        position: Some(POSITION),
    };
    shelf.fill(batch).unwrap();
    let found = [&a, &b, &c].map(|key| shelf.get(key).unwrap().is_some());
    assert_eq!(found, [true, false, true]);
    assert_eq!(shelf.waiting().unwrap(), [(c.clone(), waits)]);
    let turns = shelf.expiries(None, 9).unwrap();
    assert_eq!(turns, all);
    shelf.wipe().unwrap();
    assert!(shelf.get(&c).unwrap().is_none() && shelf.position().is_none());
}

#[test]
fn a_shelf_in_memory_keeps_what_is_due_with_what_is_kept() {
    check(&mut MemoryShelf::default());
}

#[test]
fn a_shelf_on_disk_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    check(&mut DiskShelf::open(folder.path().join("0")).unwrap());
}

#[test]
fn a_shelf_on_disk_is_there_again_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0");
    fill(&mut DiskShelf::open(path.clone()).unwrap());
    let shelf = DiskShelf::open(path).unwrap();
    assert_eq!(shelf.position(), Some(POSITION));
    // what waited waits, and its hold ends
    let mut bench = Bench {
        partition: Partition::new(rules(), Store::new(Box::new(shelf))),
        ..Bench::default()
    };
    assert_eq!(bench.partition.store().waiting().in_all(), 2);
    bench.advance(10);
    assert_eq!(bench.words(), ["PICKED_UP", "PICKED_UP"]);
    let settled = bench.partition.settle(|_| Ok::<_, CodecError>(()));
    settled.unwrap();
    bench.partition.committed(None);
    assert_eq!(bench.partition.store().waiting().in_all(), 0);
}

/// More than goes the way of a commit.
fn fill_much(shelf: &mut dyn Shelf) {
    let mut loader = Loader::new(shelf, 60_000);
    let (waits, rests) = (record("A"), {
        let mut bench = Bench::default();
        bench.append(of_order("A", status("ASSIGNING_DRIVER", "", 0)), 0);
        bench.commit();
        let key = key("A").to_string();
        bench
            .partition
            .store_mut()
            .record(&key)
            .unwrap()
            .encode()
            .unwrap()
    });
    for n in 0..10_000 {
        let key = key(&format!("{n}")).to_string();
        loader.take(&key, Some(&waits)).unwrap();
        if n != 7 {
            loader.take(&key, Some(&rests)).unwrap();
        }
    }
    loader.finish(Some(POSITION)).unwrap();
}

#[test]
fn a_shelf_that_is_filled_with_much_holds_the_last_of_each_and_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0");
    let mut shelf = DiskShelf::open(path.clone()).unwrap();
    fill_much(&mut shelf);
    let waiting = shelf.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    drop(shelf);
    let shelf = DiskShelf::open(path).unwrap();
    assert_eq!(shelf.position(), Some(POSITION));
    assert_eq!(shelf.waiting().unwrap(), waiting);
    for n in [0, 7, 9_999] {
        let found = shelf.get(&key(&format!("{n}")).to_string()).unwrap();
        let Some(crate::codec::Record::Order(state)) = found else {
            panic!("order {n} is not there");
        };
        assert_eq!(state.window().waits().is_some(), n == 7);
    }
    assert_eq!(shelf.expiries(None, 20_000).unwrap().len(), 10_000);
}

fn damage(folder: &Path, harm: &dyn Fn(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path, harm);
        } else if path.file_name().is_some_and(|name| name != "lock") {
            harm(&path);
        }
    }
}

/// Whatever is left of the files: the shelf can be filled, or says that it is as it was.
fn survives(harm: &dyn Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0");
    fill(&mut DiskShelf::open(path.clone()).unwrap());
    damage(&path, harm);
    let mut shelf = DiskShelf::open(path).unwrap();
    if shelf.position().is_none() {
        shelf.wipe().unwrap();
        fill(&mut shelf);
    }
    assert_eq!(shelf.position(), Some(POSITION));
    assert!(shelf.get(&key("A").to_string()).unwrap().is_some());
}

#[test]
fn a_shelf_whose_files_are_gone_cut_or_overwritten_can_be_filled_again() {
    survives(&|file| std::fs::remove_file(file).unwrap());
    survives(&|file| std::fs::write(file, b"").unwrap());
    survives(&|file| std::fs::write(file, [0xff; 300]).unwrap());
    survives(&|file| {
        let bytes = std::fs::read(file).unwrap();
        std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    });
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0");
    let _first = DiskShelf::open(path.clone()).unwrap();
    let second = DiskShelf::open(path);
    assert!(matches!(second, Err(Damaged::Disk(fjall::Error::Locked))));
}

#[test]
fn a_shelf_of_an_older_form_is_filled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let open = || DiskShelf::open(folder.path().to_owned()).unwrap();
    fill(&mut open());
    assert_eq!(open().position(), Some(POSITION));
    let database = fjall::Database::builder(folder.path()).open().unwrap();
    let keyspace = database
        .keyspace("state", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    let mut position = keyspace.get("p").unwrap().unwrap().to_vec();
    position[0] -= 1;
    keyspace.insert("p", position).unwrap();
    drop((keyspace, database));
    let mut shelf = open();
    assert_eq!((shelf.position(), shelf.len()), (None, 0));
    fill(&mut shelf);
    drop(shelf);
    let shelf = open();
    assert_eq!(shelf.position(), Some(POSITION));
    assert!(shelf.get(&key("A").to_string()).unwrap().is_some());
}
