//! The cluster as its clients see it: logs, committed positions, a group that gives partitions to
//! instances and takes them away, and everything that may go wrong in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use runtime::clock::ManualClock;

use super::{
    dice::Dice,
    histories::{Arrival, History},
    kept::{Disk, Disks},
    *,
};

const PARTITIONS: i32 = 3;
const INSTANCES: usize = 2;
const CANONICAL: &str = "t.canonical";
const LINKS: &str = "t.enricher-links";

type Place = (&'static str, i32);
type Positions = BTreeMap<Place, usize>;

struct Stored {
    at_ms: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn partition_of(key: &[u8]) -> i32 {
    let sum = key
        .iter()
        .fold(0_u32, |sum, byte| sum * 31 % 9_973 + u32::from(*byte));
    i32::try_from(sum % 3).unwrap()
}

/// One process with its open transaction.
struct Instance {
    stage: Enricher,
    disks: Disks,
    /// Taken up, each in the generation of its assignment.
    owned: BTreeMap<i32, u64>,
    positions: Positions,
    out: Outgoing,
}

/// How a commit ends.
enum Commit {
    Done,
    /// The log has it, the instance does not know.
    DoneUnknown,
    /// The log does not have it, the instance does not know.
    Lost,
    /// The process dies before or after the log has it.
    Dies {
        done: bool,
    },
}

pub(super) struct World {
    coming: std::vec::IntoIter<Arrival>,
    now_ms: i64,
    logs: BTreeMap<Place, Vec<Stored>>,
    committed: Positions,
    changelog: Arc<std::sync::Mutex<MemoryChangelog>>,
    owners: BTreeMap<i32, (usize, u64)>,
    instances: Vec<Instance>,
    copies: Vec<(usize, i32, Disk)>,
    pub(super) ordered: BTreeMap<String, Vec<OrderedEvent>>,
    pub(super) orders: BTreeMap<String, Vec<Order>>,
    pub(super) set_aside: Vec<SetAside>,
}

/// One changelog for all.
struct Shared(Arc<std::sync::Mutex<MemoryChangelog>>);

impl Changelog for Shared {
    fn has(&mut self, partition: i32, position: &crate::shelf::Position) -> Result<bool, Failure> {
        self.0.lock().unwrap().has(partition, position)
    }

    fn read(
        &mut self,
        partition: i32,
        from: Option<i64>,
        each: &mut Each<'_>,
    ) -> Result<i64, Failure> {
        self.0.lock().unwrap().read(partition, from, each)
    }
}

impl World {
    pub(super) fn new(history: &History) -> Self {
        let changelog = Arc::default();
        let instance = |_| {
            let disks = Disks::default();
            let clock = Arc::new(ManualClock::at_ms(START_MS));
            let stage = stage()
                .with_changelog(Box::new(Shared(Arc::clone(&changelog))))
                .with_shelves(Box::new(disks.clone()), clock);
            Instance {
                stage,
                disks,
                owned: BTreeMap::new(),
                positions: Positions::new(),
                out: Outgoing::default(),
            }
        };
        let instances = (0..INSTANCES).map(instance).collect();
        Self {
            coming: history.arrivals.clone().into_iter(),
            now_ms: START_MS,
            logs: BTreeMap::new(),
            committed: Positions::new(),
            changelog,
            owners: BTreeMap::new(),
            instances,
            copies: Vec::new(),
            ordered: BTreeMap::new(),
            orders: BTreeMap::new(),
            set_aside: Vec::new(),
        }
    }

    /// Runs until all is read and nothing waits.
    pub(super) fn run(mut self, dice: &mut Dice, trouble: bool) -> Self {
        self.share_out(&[0, 1, 0]);
        while self.coming.len() > 0 {
            self.step(dice, trouble);
        }
        // What goes wrong comes to an end; then everything must.
        self.share_out(&[0, 0, 0]);
        for _ in 0..12 {
            while self.work(0, dice) {
                self.commit(0, &Commit::Done);
            }
            self.now_ms += HOLD_MS;
            self.advance(0);
            self.commit(0, &Commit::Done);
        }
        self
    }

    fn step(&mut self, dice: &mut Dice, trouble: bool) {
        let at = dice.roll(INSTANCES);
        match dice.roll(10) {
            0..3 => self.arrive(1 + dice.roll(4)),
            3..7 => {
                self.work(at, dice);
            }
            7 => self.advance(at),
            _ => self.commit(at, &Commit::Done),
        }
        if !trouble {
            return;
        }
        match dice.roll(40) {
            0 => self.discard(at),
            1 => self.commit(at, &Commit::DoneUnknown),
            2 => self.commit(at, &Commit::Lost),
            3 => self.commit(at, &Commit::Dies { done: true }),
            4 => self.commit(at, &Commit::Dies { done: false }),
            5 => self.die(at),
            6 => {
                let owners: Vec<usize> = (0..3).map(|_| dice.roll(INSTANCES)).collect();
                self.share_out(&owners);
            }
            7 => {
                // the group gave it to somebody else, and this one has not heard of it yet
                let partition = i32::try_from(dice.roll(3)).unwrap();
                self.assign(partition, dice.roll(INSTANCES));
                let (owner, _) = self.owners[&partition];
                self.take_up(owner);
            }
            8 => {
                let partition = i32::try_from(dice.roll(3)).unwrap();
                let copy = self.instances[at].disks.copy(partition);
                self.copies.push((at, partition, copy));
            }
            9 => {
                if let Some((at, partition, copy)) = self.copies.pop() {
                    self.die(at);
                    self.instances[at].disks.put(partition, copy);
                    self.take_up(at);
                }
            }
            10 => {
                self.die(at);
                for partition in 0..PARTITIONS {
                    self.instances[at].disks.put(partition, Disk::default());
                }
                self.take_up(at);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(Arrival { at_ms, event }) = self.coming.next() {
                self.now_ms = self.now_ms.max(at_ms);
                let key = event.key().to_string().into_bytes();
                self.append(CANONICAL, key, encoded(&event));
            }
        }
    }

    fn append(&mut self, topic: &'static str, key: Vec<u8>, value: Vec<u8>) {
        let log = self.logs.entry((topic, partition_of(&key))).or_default();
        log.push(Stored {
            at_ms: self.now_ms,
            key,
            value,
        });
    }

    fn assign(&mut self, partition: i32, owner: usize) {
        let generation = self.owners.get(&partition).map_or(0, |(_, g)| g + 1);
        self.owners.insert(partition, (owner, generation));
    }

    /// A rebalance that everybody hears of: what is open is committed before partitions move.
    fn share_out(&mut self, owners: &[usize]) {
        for at in 0..INSTANCES {
            self.commit(at, &Commit::Done);
            self.forget(at);
        }
        for (partition, owner) in (0..PARTITIONS).zip(owners) {
            self.assign(partition, *owner);
        }
        for at in 0..INSTANCES {
            self.take_up(at);
        }
    }

    /// Positions first, then the state, as the loop does it.
    fn take_up(&mut self, at: usize) {
        self.forget(at);
        let mine = self.owners.iter().filter(|(_, (owner, _))| *owner == at);
        let owned: BTreeMap<i32, u64> =
            mine.map(|(p, (_, generation))| (*p, *generation)).collect();
        let partitions: Vec<i32> = owned.keys().copied().collect();
        let instance = &mut self.instances[at];
        instance.positions.clone_from(&self.committed);
        instance.stage.assigned(&partitions).unwrap();
        instance.owned = owned;
    }

    fn forget(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        instance.out.take();
        instance.stage.discarded();
        let owned: Vec<i32> = std::mem::take(&mut instance.owned).into_keys().collect();
        instance.stage.revoked(&owned);
    }

    /// Reads a few records; says whether there was one.
    fn work(&mut self, at: usize, dice: &mut Dice) -> bool {
        let instance = &mut self.instances[at];
        let owned: Vec<i32> = instance.owned.keys().copied().collect();
        let mut fed = false;
        for topic in [CANONICAL, LINKS] {
            for partition in &owned {
                let position = instance.positions.entry((topic, *partition)).or_default();
                let (log, from) = (self.logs.get(&(topic, *partition)), *position);
                for stored in log.iter().flat_map(|log| log.iter().skip(from)) {
                    if dice.one_in(4) && fed {
                        break;
                    }
                    fed = true;
                    let record = Incoming {
                        topic,
                        partition: *partition,
                        offset: i64::try_from(*position).unwrap(),
                        timestamp_ms: stored.at_ms,
                        key: Some(&stored.key),
                        value: Some(&stored.value),
                        headers: &[],
                    };
                    instance.stage.record(&record, &mut instance.out).unwrap();
                    *position += 1;
                }
            }
        }
        fed
    }

    /// Time passes in partitions of which everything is read.
    fn advance(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        for partition in instance.owned.keys() {
            let read = instance.positions.get(&(CANONICAL, *partition));
            let all = self.logs.get(&(CANONICAL, *partition)).map_or(0, Vec::len);
            if read.copied().unwrap_or(0) == all {
                let moved = instance
                    .stage
                    .advance(*partition, self.now_ms, &mut instance.out);
                moved.unwrap();
            }
        }
    }

    fn discard(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        instance.out.take();
        instance.stage.discarded();
        instance.positions.clone_from(&self.committed);
    }

    fn die(&mut self, at: usize) {
        self.take_up(at);
    }

    fn commit(&mut self, at: usize, how: &Commit) {
        let instance = &mut self.instances[at];
        instance.stage.before_commit(&mut instance.out).unwrap();
        let outputs = instance.out.take();
        let fenced = instance
            .owned
            .iter()
            .any(|(partition, generation)| self.owners.get(partition) != Some(&(at, *generation)));
        if fenced {
            // the group refuses the offsets, and so the whole transaction; it tells the assignment
            return self.take_up(at);
        }
        let done = matches!(
            how,
            Commit::Done | Commit::DoneUnknown | Commit::Dies { done: true }
        );
        let mut written = BTreeMap::new();
        if done {
            let own: BTreeSet<i32> = instance.owned.keys().copied().collect();
            let positions = instance.positions.clone();
            let own = positions.into_iter().filter(|((_, p), _)| own.contains(p));
            self.committed.extend(own.collect::<Vec<_>>());
            written = self.apply(outputs);
        }
        match how {
            Commit::Done => {
                let instance = &mut self.instances[at];
                for (partition, offset) in written {
                    // now and then the broker does not say where the records went
                    if offset % 7 > 0 {
                        instance.stage.written(partition, offset);
                    }
                }
                instance.stage.committed();
            }
            Commit::DoneUnknown | Commit::Lost | Commit::Dies { .. } => self.take_up(at),
        }
    }

    /// Appends a transaction's records; returns the last offset in each partition of the changelog.
    fn apply(&mut self, outputs: Vec<Output>) -> BTreeMap<i32, i64> {
        let mut written = BTreeMap::new();
        for output in outputs {
            let key = String::from_utf8(output.key.clone()).unwrap();
            match output.topic.as_ref() {
                "t.ordered" => {
                    let event = super::ordered(&output);
                    self.ordered.entry(key).or_default().push(event);
                }
                "t.orders" => {
                    let order = order(&output).unwrap();
                    self.orders.entry(key).or_default().push(order);
                }
                "t.enricher-links" => self.append(LINKS, output.key, output.value.unwrap()),
                "t.enricher-changelog" => {
                    let partition = output.partition.unwrap();
                    let mut changelog = self.changelog.lock().unwrap();
                    let log = changelog.0.entry(partition).or_default();
                    log.push((output.key, output.value));
                    written.insert(partition, i64::try_from(log.len()).unwrap() - 1);
                }
                "t.set-aside" => self.set_aside.push(set_aside(&output)),
                other => panic!("{other}"),
            }
        }
        written
    }
}
