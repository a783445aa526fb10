//! Crashes, aborts and restarts at any point, by seed: what others read is what they would have read
//! without them.

use std::collections::BTreeMap;

use super::*;

const PARTITIONS: i32 = 2;
const TOPICS: [&str; 2] = ["t.canonical", "t.enricher-links"];

/// A generator whose whole state is the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.roll(at + 1));
        }
    }
}

struct Stored {
    at_ms: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn partition_of(key: &[u8]) -> i32 {
    i32::from(key.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) % 2)
}

/// The log as a committed reader sees it.
#[derive(Default)]
struct World {
    logs: BTreeMap<(&'static str, i32), Vec<Stored>>,
    positions: BTreeMap<(&'static str, i32), usize>,
    changelog: MemoryChangelog,
    ordered: BTreeMap<Vec<u8>, Vec<OrderedEvent>>,
    orders: BTreeMap<Vec<u8>, Vec<Order>>,
    set_aside: usize,
}

impl World {
    fn append(&mut self, topic: &'static str, at_ms: i64, key: Vec<u8>, value: Vec<u8>) {
        let log = self.logs.entry((topic, partition_of(&key))).or_default();
        log.push(Stored { at_ms, key, value });
    }

    fn apply(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let partition = output
                .partition
                .unwrap_or_else(|| partition_of(&output.key));
            assert!(output.topic.contains("set-aside") || partition == partition_of(&output.key));
            match output.topic.as_ref() {
                "t.ordered" => {
                    self.ordered
                        .entry(output.key.clone())
                        .or_default()
                        .push(ordered(&output));
                }
                "t.orders" => {
                    let order = order(&output).unwrap();
                    self.orders.entry(output.key).or_default().push(order);
                }
                "t.enricher-links" => {
                    self.append(TOPICS[1], START_MS, output.key, output.value.unwrap());
                }
                "t.enricher-changelog" => {
                    let value = output.value.unwrap();
                    self.changelog.0.insert((partition, output.key), value);
                }
                "t.set-aside" => self.set_aside += 1,
                other => panic!("{other}"),
            }
        }
    }

    /// Hands the next record of a topic's partition to the stage, if there is one.
    fn feed(
        &self,
        stage: &mut Enricher,
        place: (&'static str, i32),
        positions: &mut BTreeMap<(&'static str, i32), usize>,
        out: &mut Outgoing,
    ) -> bool {
        let position = positions.entry(place).or_default();
        let Some(stored) = self.logs.get(&place).and_then(|log| log.get(*position)) else {
            return false;
        };
        let record = Incoming {
            topic: place.0,
            partition: place.1,
            offset: i64::try_from(*position).unwrap(),
            timestamp_ms: stored.at_ms,
            key: Some(&stored.key),
            value: Some(&stored.value),
            headers: &[],
        };
        stage.record(&record, out).unwrap();
        *position += 1;
        true
    }

    fn fresh_stage(&self) -> Enricher {
        let mut stage = stage().with_changelog(Box::new(self.changelog.clone()));
        stage
            .assigned(&(0..PARTITIONS).collect::<Vec<_>>())
            .unwrap();
        stage
    }

    fn commit(
        &mut self,
        stage: &mut Enricher,
        positions: &BTreeMap<(&'static str, i32), usize>,
        out: &mut Outgoing,
    ) {
        stage.before_commit(out).unwrap();
        self.apply(out.take());
        self.positions.clone_from(positions);
        stage.committed();
    }

    /// Runs until all is read and nothing waits; `trouble`: one step in so many fails somehow.
    fn run(mut self, dice: &mut Dice, trouble: Option<usize>) -> Self {
        let mut stage = self.fresh_stage();
        let mut positions = self.positions.clone();
        let mut out = Outgoing::default();
        let mut idle = 0;
        while idle < 3 {
            let mut fed = false;
            for _ in 0..=dice.roll(6) {
                let place = (TOPICS[dice.roll(2)], i32::from(dice.roll(2) == 1));
                fed |= self.feed(&mut stage, place, &mut positions, &mut out);
            }
            if !fed {
                for topic in TOPICS {
                    for partition in 0..PARTITIONS {
                        fed |= self.feed(&mut stage, (topic, partition), &mut positions, &mut out);
                    }
                }
            }
            if !fed {
                idle += 1;
                for partition in 0..PARTITIONS {
                    stage
                        .advance(partition, START_MS + 3_600_000, &mut out)
                        .unwrap();
                }
            }
            match trouble.map(|sides| dice.roll(sides)) {
                Some(0) => {
                    stage.discarded();
                    out.take();
                    positions.clone_from(&self.positions);
                    idle = 0;
                }
                Some(1) => {
                    out.take();
                    stage = self.fresh_stage();
                    positions.clone_from(&self.positions);
                    idle = 0;
                }
                Some(2) => {
                    stage.before_commit(&mut out).unwrap();
                    out.take();
                    stage.discarded();
                    positions.clone_from(&self.positions);
                    idle = 0;
                }
                Some(_) | None => self.commit(&mut stage, &positions, &mut out),
            }
        }
        self
    }

    /// Some orders of one chain, in any order of arrival, with events that come twice.
    fn of_seed(dice: &mut Dice) -> Self {
        let names = ["A", "B", "C", "D"];
        let mut events = Vec::new();
        for (n, name) in (0_i64..).zip(names) {
            events.extend(happy().into_iter().map(|event| of_order(name, event)));
            if let Some(next) = names.get(usize::try_from(n).unwrap() + 1) {
                events.push(superseded(name, next, 100 + n));
                events.push(replaces(next, name, 100 + n));
            }
        }
        for _ in 0..6 {
            let again = events[dice.roll(events.len())].clone();
            events.push(again.clone());
            events.push(DeliveryEvent {
                receipt_id: receipt("other"),
                ..again
            });
        }
        dice.shuffle(&mut events);
        let mut world = Self::default();
        let mut at_ms = START_MS;
        for event in events {
            at_ms += i64::try_from(dice.roll(2_500)).unwrap();
            let key = event.key().to_string().into_bytes();
            world.append(TOPICS[0], at_ms, key, encoded(&event));
        }
        world
    }
}

/// What must not depend on where transactions ended: roots are as known at release.
fn stream(world: &World) -> Vec<(Vec<u8>, Vec<OrderedEvent>)> {
    let plain = |event: &OrderedEvent| OrderedEvent {
        root_order_id: None,
        generation: 0,
        ..event.clone()
    };
    let events = world.ordered.iter();
    events
        .map(|(key, events)| (key.clone(), events.iter().map(plain).collect()))
        .collect()
}

fn newest(world: &World) -> Vec<Order> {
    let last = world.orders.values().map(|orders| orders.last().unwrap());
    last.map(|order| Order {
        revision: 0,
        ..order.clone()
    })
    .collect()
}

#[test]
fn crashes_and_aborts_leave_no_trace_in_what_others_read() {
    for seed in 0..60 {
        let steady = World::of_seed(&mut Dice(seed)).run(&mut Dice(seed), None);
        let shaken = World::of_seed(&mut Dice(seed)).run(&mut Dice(seed + 1_000), Some(6));
        assert_eq!(stream(&steady), stream(&shaken), "seed {seed}");
        assert_eq!(newest(&steady), newest(&shaken), "seed {seed}");
        assert_eq!(steady.set_aside, shaken.set_aside, "seed {seed}");
        for order in newest(&shaken) {
            assert_eq!(order.root_order_id.as_str(), "A", "seed {seed}");
        }
        for events in shaken.ordered.values() {
            let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
            let expected: Vec<i64> = (1..).take(events.len()).collect();
            assert_eq!(sequences, expected, "seed {seed}");
            let mut ids: Vec<_> = events.iter().map(|event| event.event.event_id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), events.len(), "seed {seed}");
        }
        for orders in shaken.orders.values() {
            let revisions: Vec<_> = orders.iter().map(|order| order.revision).collect();
            let expected: Vec<i64> = (1..).take(revisions.len()).collect();
            assert_eq!(revisions, expected, "seed {seed}");
        }
    }
}
