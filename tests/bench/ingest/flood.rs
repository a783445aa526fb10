//! One tenant sends a hundred times what another does: how long the other one's answers take.

use std::{thread, time::Duration};

use pipeline_bench::{
    load::{Loader, Run},
    place::FLOODING,
    server::Server,
};

/// Webhooks a second of the tenant that keeps to its rate.
const CALM: u32 = 100;
const TIMES: u32 = 100;
/// The flood begins before the measurement and ends after it.
const FLOOD_BEFORE: Duration = Duration::from_secs(1);

pub(crate) fn measure(server: &Server, loader: &Loader<'_>, rounds: u32) {
    loader.warm_up(server);
    for round in 1..=rounds {
        let calm = Loader {
            rate: CALM,
            connections: 8,
            ..*loader
        };
        let flood = Loader {
            rate: CALM * TIMES,
            seconds: loader.seconds + 3,
            endpoint: FLOODING,
            ..*loader
        };
        let alone = calm.open(server);
        let (beside, flooding) = thread::scope(|scope| {
            let flooding = scope.spawn(|| flood.open(server));
            thread::sleep(FLOOD_BEFORE);
            let beside = calm.open(server);
            (beside, flooding.join().expect("the flood ends"))
        });
        for (words, run) in [
            ("alone", &alone),
            ("beside the flood", &beside),
            ("the flood itself", &flooding),
        ] {
            tell(round, words, run);
        }
        let ratio = beside.load.latency_ms.p99 / alone.load.latency_ms.p99;
        println!("round {round}: p99 beside the flood / alone: {ratio:.2} (goal: at most 2)");
    }
}

fn tell(round: u32, words: &str, run: &Run) {
    let latency = &run.load.latency_ms;
    println!(
        "round {round}: {words}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, {} of {} \
         answers not as they should be",
        run.load.rate,
        latency.p50,
        latency.p99,
        latency.p999,
        run.load.unexpected,
        run.load.webhooks
    );
}
