//! The order in which events of many orders arrive: each behind its own time by another while.

use schemas::Micros;

use crate::orders::{START_MICROS, STATUSES};

/// Orders that are open side by side.
const OPEN: usize = 20_000;
/// Their events are a ten-thousandth of a second apart, so two of one order two seconds.
const APART_MICROS: i64 = 100;
/// One in five is up to eight seconds late, the others up to one.
const LATE_MICROS: u64 = 8_000_000;
const PROMPT_MICROS: u64 = 1_000_000;

/// One event to be.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) order: usize,
    pub(crate) step: usize,
    pub(crate) occurred_at: Micros,
}

/// The same numbers in every run.
fn scattered(n: usize) -> u64 {
    let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

/// So many events of lives that go on side by side, as they arrive.
pub(crate) fn arrivals(events: usize) -> Vec<Arrival> {
    let mut arrivals: Vec<(i64, Arrival)> = (0..events)
        .map(|n| {
            let (block, within) = (n / (OPEN * STATUSES.len()), n % (OPEN * STATUSES.len()));
            let occurred = START_MICROS + i64::try_from(n).unwrap() * APART_MICROS;
            let draw = scattered(n);
            let most = if draw.is_multiple_of(5) {
                LATE_MICROS
            } else {
                PROMPT_MICROS
            };
            let late = i64::try_from((draw >> 8) % most).unwrap();
            let arrival = Arrival {
                order: block * OPEN + within % OPEN,
                step: within / OPEN,
                occurred_at: Micros(occurred),
            };
            (occurred + late, arrival)
        })
        .collect();
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals.into_iter().map(|(_, arrival)| arrival).collect()
}

/// How many come behind a later one of their order.
pub(crate) fn out_of_order(arrivals: &[Arrival]) -> usize {
    let mut newest = vec![0_usize; arrivals.len() + OPEN];
    let behind = arrivals.iter().filter(|arrival| {
        let newest = &mut newest[arrival.order];
        let behind = *newest > arrival.step;
        *newest = (*newest).max(arrival.step);
        behind
    });
    behind.count()
}
