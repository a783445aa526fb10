//! What the state costs as it grows: for each number of orders the time to fill a shelf as a restore
//! does, the time until a shelf that is there works again, the process's memory, and the core's cost
//! of an event of an order that memory does not hold, commit included.
//!
//! `cargo bench -p enricher --bench state -- disk 10000 1000000` (or `memory`).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may panic and print, as a test may"
)]

#[path = "life/orders.rs"]
mod orders;

use std::{path::Path, time::Instant};

use enricher::{
    codec::CodecError,
    effects::Effects,
    partition::{Appended, Partition},
    shelf::{Loader, Position, Shelf, disk::DiskShelf, memory::MemoryShelf},
    store::Store,
};
use orders::{event, partition};
use stage_bench::process;

const PARTITIONS: usize = 12;
const EVENTS_MAX: usize = 20_000;
const COMMIT_EVERY: usize = 2_000;
const RETAIN_MS: i64 = 384 * 3_600_000;
const START_MS: i64 = 1_650_549_600_000;

fn cpu_ms() -> u64 {
    process::cpu_ms(std::process::id())
}

fn memory() -> u64 {
    process::memory_mib(std::process::id())
}

fn step(partition: &mut Partition, order: usize, step: usize, to: &mut Effects) {
    let event = event(order, step);
    let appended = Appended {
        at_ms: START_MS,
        bytes: 500,
    };
    partition.event(&event.key().to_string(), event, appended, to);
    to.clear();
}

fn commit(partition: &mut Partition) {
    let settled = partition.settle(|_| Ok::<_, CodecError>(()));
    settled.unwrap();
    partition.committed(Some(Position {
        next: 1,
        ..Position::default()
    }));
}

/// The state of an open order of two events, as the changelog holds it, and where its id stands.
fn record() -> (String, Vec<u8>) {
    let mut one = partition(Store::default());
    let mut effects = Effects::default();
    step(&mut one, 0, 0, &mut effects);
    step(&mut one, 0, 1, &mut effects);
    let key = event(0, 0).key().to_string();
    let bytes = one.store_mut().record(&key).unwrap().encode().unwrap();
    (key, bytes)
}

fn shelf(folder: Option<&Path>, number: usize) -> Box<dyn Shelf> {
    match folder {
        Some(folder) => Box::new(DiskShelf::open(folder.join(number.to_string())).unwrap()),
        None => Box::<MemoryShelf>::default(),
    }
}

fn fill(shelf: &mut dyn Shelf, number: usize, orders: usize, bytes: &[u8]) {
    let mut loader = Loader::new(shelf, RETAIN_MS);
    for order in (number..orders).step_by(PARTITIONS) {
        let key = format!("acme/lalamove/1471722666{order:09}");
        loader.take(&key, Some(bytes)).unwrap();
    }
    let position = Position {
        next: 1,
        ..Position::default()
    };
    loader.finish(Some(position)).unwrap();
}

fn run(on_disk: bool, orders: usize) {
    let (_, bytes) = record();
    let folder = tempfile::tempdir().unwrap();
    let folder = on_disk.then(|| folder.path());
    let began = Instant::now();
    let mut shelves: Vec<_> = (0..PARTITIONS)
        .map(|number| shelf(folder, number))
        .collect();
    for (number, shelf) in shelves.iter_mut().enumerate() {
        fill(shelf.as_mut(), number, orders, &bytes);
    }
    let filled = began.elapsed();
    let began = Instant::now();
    if on_disk {
        drop(shelves);
        shelves = (0..PARTITIONS)
            .map(|number| shelf(folder, number))
            .collect();
    }
    let mut partitions: Vec<_> = shelves
        .into_iter()
        .map(|shelf| partition(Store::new(shelf)))
        .collect();
    let ready = began.elapsed();
    let restored = memory();
    let (mut effects, began, cpu) = (Effects::default(), Instant::now(), cpu_ms());
    let events = orders.min(EVENTS_MAX);
    for n in 0..events {
        // each order once and far from the one before, so that none is in memory already
        let order = n.wrapping_mul(7_919) % orders;
        let place = &mut partitions[order % PARTITIONS];
        step(place, order, 2, &mut effects);
        if (n + 1) % COMMIT_EVERY == 0 {
            partitions.iter_mut().for_each(commit);
        }
    }
    let micros = |total: u128| total / events as u128;
    println!(
        "{:>6} {orders:>9} orders of {} bytes: filled in {:>6.2} s, there again in {:>7.3} s with {restored:>4} \
         MiB, then {:>3} µs an event ({:>3} µs of CPU) and {:>4} MiB",
        if on_disk { "disk" } else { "memory" },
        bytes.len(),
        filled.as_secs_f64(),
        ready.as_secs_f64(),
        micros(began.elapsed().as_micros()),
        micros(u128::from(cpu_ms() - cpu) * 1_000),
        memory(),
    );
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| !w.starts_with("--"))
        .collect();
    let on_disk = words.first().is_none_or(|word| word != "memory");
    let sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![10_000, 100_000]
    } else {
        sizes
    };
    for orders in sizes {
        run(on_disk, orders);
    }
}
