//! From where the changelog is read when a partition is taken up.

use std::sync::{Arc, Mutex};

use runtime::clock::ManualClock;

use super::{simulation::kept::Disks, *};
use crate::shelf::{Batch, Damaged, Position, Shelf, Waits};

const HOUR_MS: i64 = 3_600_000;

/// A changelog that notes from where it was read.
#[derive(Clone, Default)]
struct Noted {
    log: Arc<Mutex<MemoryChangelog>>,
    read_from: Arc<Mutex<Vec<Option<i64>>>>,
}

impl Changelog for Noted {
    fn has(&mut self, partition: i32, position: &Position) -> Result<bool, Failure> {
        self.log.lock().unwrap().has(partition, position)
    }

    fn read(
        &mut self,
        partition: i32,
        from: Option<i64>,
        each: &mut Each<'_>,
    ) -> Result<i64, Failure> {
        self.read_from.lock().unwrap().push(from);
        self.log.lock().unwrap().read(partition, from, each)
    }
}

struct Process {
    stage: Enricher,
    changelog: Noted,
}

fn start(changelog: &Noted, shelves: impl Shelves + 'static, at_ms: i64) -> Process {
    let stage = stage()
        .with_changelog(Box::new(changelog.clone()))
        .with_shelves(Box::new(shelves), Arc::new(ManualClock::at_ms(at_ms)));
    let mut process = Process {
        stage,
        changelog: changelog.clone(),
    };
    process.stage.assigned(&[3]).unwrap();
    process
}

impl Process {
    /// A whole transaction about one event.
    fn take(&mut self, event: &DeliveryEvent) {
        let (key, value) = (event.key().to_string(), encoded(event));
        let mut out = Outgoing::default();
        self.stage.record(&record(&key, &value), &mut out).unwrap();
        self.stage.before_commit(&mut out).unwrap();
        let mut last = 0;
        for output in out.take() {
            if output.topic.ends_with("changelog") {
                let mut changelog = self.changelog.log.lock().unwrap();
                let log = changelog.0.entry(3).or_default();
                log.push((output.key, output.value));
                last = i64::try_from(log.len()).unwrap() - 1;
            }
        }
        self.stage.written(3, last);
        self.stage.committed();
    }

    fn knows(&mut self, order: &str) -> bool {
        let owned = self.stage.partitions.get_mut(&3).unwrap();
        owned.partition.knows(&key(order).to_string())
    }
}

fn of(order: &str) -> DeliveryEvent {
    of_order(order, happy().swap_remove(0))
}

fn last_read(changelog: &Noted) -> Option<i64> {
    *changelog.read_from.lock().unwrap().last().unwrap()
}

#[test]
fn a_shelf_that_follows_needs_the_tail_only() {
    let (changelog, disks) = (Noted::default(), Disks::default());
    let mut first = start(&changelog, disks.clone(), START_MS);
    first.take(&of("A"));
    first.take(&of("B"));
    drop(first);
    // somebody else had the partition for a while
    start(&changelog, Disks::default(), START_MS).take(&of("C"));
    let mut again = start(&changelog, disks, START_MS + HOUR_MS);
    // two states and the identity
    assert_eq!(last_read(&changelog), Some(3));
    assert!(["A", "B", "C"].iter().all(|order| again.knows(order)));
}

#[test]
fn a_shelf_that_was_away_for_too_long_is_filled_from_the_beginning() {
    let (changelog, disks) = (Noted::default(), Disks::default());
    start(&changelog, disks.clone(), START_MS).take(&of("A"));
    let mut again = start(&changelog, disks, START_MS + 13 * HOUR_MS);
    assert_eq!(last_read(&changelog), None);
    assert!(again.knows("A"));
}

#[test]
fn a_shelf_of_another_changelog_is_filled_from_the_beginning() {
    let disks = Disks::default();
    start(&Noted::default(), disks.clone(), START_MS).take(&of("A"));
    let changelog = Noted::default();
    start(&changelog, Disks::default(), START_MS + 1).take(&of("B"));
    let mut again = start(&changelog, disks, START_MS + 2);
    assert_eq!(last_read(&changelog), None);
    assert!(again.knows("B") && !again.knows("A"));
}

/// A shelf that can't be read once it was filled; a wiped one can.
#[derive(Debug)]
struct Broken(Box<dyn Shelf>, bool);

struct BrokenShelves(Disks);

impl Shelves for BrokenShelves {
    fn open(&mut self, partition: i32) -> Result<Box<dyn Shelf>, Damaged> {
        Ok(Box::new(Broken(self.0.open(partition)?, true)))
    }
}

impl Shelf for Broken {
    fn get(&self, key: &str) -> Result<Option<crate::codec::Record>, Damaged> {
        if self.1 {
            return Err(Damaged::Form("for the test"));
        }
        self.0.get(key)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Damaged> {
        self.0.apply(batch)
    }

    fn waiting(&self) -> Result<Vec<(Arc<str>, Waits)>, Damaged> {
        self.0.waiting()
    }

    fn expiries(
        &self,
        after: Option<&(i64, Arc<str>)>,
        most: usize,
    ) -> Result<Vec<(i64, Arc<str>)>, Damaged> {
        self.0.expiries(after, most)
    }

    fn position(&self) -> Option<Position> {
        self.0.position()
    }

    fn wipe(&mut self) -> Result<(), Damaged> {
        self.1 = false;
        self.0.wipe()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn is_durable(&self) -> bool {
        true
    }
}

#[test]
fn a_shelf_that_turns_out_to_be_damaged_is_filled_again_without_an_end_of_the_process() {
    let (changelog, disks) = (Noted::default(), Disks::default());
    start(&changelog, disks.clone(), START_MS).take(&of("A"));
    let mut process = start(&changelog, BrokenShelves(disks), START_MS);
    assert!(last_read(&changelog).is_some());
    let event = of("A");
    let (key, value) = (event.key().to_string(), encoded(&event));
    let mut out = Outgoing::default();
    let failed = process.stage.record(&record(&key, &value), &mut out);
    assert!(matches!(failed, Err(Failure::Reload(_))));
    assert!(out.take().is_empty(), "nothing of it leaves");
    process.stage.discarded();
    process.stage.assigned(&[3]).unwrap();
    assert_eq!(last_read(&changelog), None);
    process
        .stage
        .record(&record(&key, &value), &mut out)
        .unwrap();
    assert!(out.take().is_empty(), "the same receipt again");
}
