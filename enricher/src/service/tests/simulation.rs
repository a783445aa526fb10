//! Crashes, aborts, fencing and rebalances at any point, by seed: what others read is what a plain
//! model makes of the same input.
//!
//! `make sim` runs many seeds, `make sim SEED=n` one.

mod dice;
mod histories;
pub(super) mod kept;
mod model;
mod world;

use std::collections::BTreeMap;

use super::*;
use dice::Dice;
use histories::{History, Shape};
use world::World;

const SEEDS: u64 = 2_000;

/// Runs a history through instances that fail, and a steady one.
fn check(seed: u64) {
    let shape = match seed % 3 {
        0 => Shape::WithinTheHold,
        _ => Shape::Any,
    };
    let history = History::of_seed(&mut Dice::new(seed), shape);
    let shaken = World::new(&history).run(&mut Dice::new(seed ^ 0xabcd), true);
    model::agrees(&history, &shaken);
    if shape == Shape::Any {
        let steady = World::new(&history).run(&mut Dice::new(seed), false);
        let of_world = |world: &World| plain(&world.ordered);
        assert_eq!(of_world(&steady), of_world(&shaken), "the stream differs");
    }
}

/// Without what depends on when links arrived: roots are as known at release.
fn plain(streams: &BTreeMap<String, Vec<OrderedEvent>>) -> BTreeMap<String, Vec<OrderedEvent>> {
    let unrooted = |event: &OrderedEvent| OrderedEvent {
        root_order_id: None,
        generation: 0,
        ..event.clone()
    };
    let streams = streams.iter();
    streams
        .map(|(key, events)| (key.clone(), events.iter().map(unrooted).collect()))
        .collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_that_fails_leaves_a_trace_in_what_others_read() {
    let seeds = match number("WAYBILL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WAYBILL_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let worker = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            let run = std::panic::catch_unwind(|| check(seed));
            assert!(
                run.is_ok(),
                "seed {seed}: `make sim SEED={seed}` runs it again"
            );
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
